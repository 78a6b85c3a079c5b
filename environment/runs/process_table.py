"""The processes of this host, as the system itself lists them."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
_STREAMED: Final = ("rtmp://", "rtsp://")


@dataclass(frozen=True)
class Process:
    """A process that has not ended: its id, its parent's, and the words of its command line."""

    pid: int
    parent: int
    words: tuple[str, ...]

    @property
    def publishes_to(self) -> str | None:
        """The RTMP or RTSP URL to which it sends media, if it is an ffmpeg that does."""
        is_ffmpeg = bool(self.words) and Path(self.words[0]).name == "ffmpeg"
        # An ffmpeg that plays has the URL behind -i, and a file at the end.
        return self.words[-1] if is_ffmpeg and self.words[-1].startswith(_STREAMED) else None


def processes(folder: Path = PROC) -> list[Process]:
    """List them: from ``/proc`` where there is one, else from ``ps``.

    What has ended and only waits for its parent to notice is left out.
    """
    if not folder.is_dir():
        return _listed()
    found = (_read(entry) for entry in folder.glob("[0-9]*"))
    return [process for process in found if process is not None]


def has_ended(pid: int) -> bool:
    """Whether no process of that id is at work."""
    return all(process.pid != pid for process in processes())


def publishers(parent: int | None = None) -> list[Process]:
    """Every ffmpeg that sends media to such a URL; of ``parent`` (a process id) if given."""
    return [
        process
        for process in processes()
        if process.publishes_to is not None and parent in {None, process.parent}
    ]


def _read(entry: Path) -> Process | None:
    try:
        words = (entry / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        # The name before it stands in brackets, and may itself have any of these.
        state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
    except OSError:  # it has ended meanwhile
        return None
    if state == "Z":
        return None
    said = tuple(word.decode(errors="replace") for word in words)
    return Process(int(entry.name), int(parent), said)


def _listed() -> list[Process]:
    said = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,args="],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "10000"},
    ).stdout
    rows = (line.split() for line in said.splitlines())
    return [
        Process(int(pid), int(parent), tuple(words))
        for pid, parent, state, *words in rows
        if not state.startswith("Z")
    ]
