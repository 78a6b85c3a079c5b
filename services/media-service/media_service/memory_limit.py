"""Whether the kernel has ended processes of this container because its memory ran out."""

from __future__ import annotations

from pathlib import Path

_FILES = (
    Path("/sys/fs/cgroup/memory.events"),
    Path("/sys/fs/cgroup/memory/memory.oom_control"),
)
"""Of the second and of the first version of control groups."""


def memory_kills() -> int:
    """Return how many; 0 where the kernel does not say."""
    for path in _FILES:
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return 0
