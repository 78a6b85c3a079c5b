"""Processes of this host that a run started, told by a mark in their environment (FR-028)."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from environment.errors import WaitTimeout
from environment.stack.ownership import Owner, process_namespace, start_time
from environment.waiting import wait_for

MARK: Final = "E2E_STARTED_BY"
"""The variable that says which process started a child; its children inherit it."""

_PROC: Final = Path("/proc")
_GRACE_S: Final = 20.0
_KILL_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class Stray:
    """A process that bears the mark of another: its id, its start time, its command line."""

    pid: int
    start: str
    words: str

    def __str__(self) -> str:
        return f"process {self.pid} {self.words[:80]}"

    @property
    def lives(self) -> bool:
        """Whether it has not ended; its id given to another process does not count."""
        return start_time(self.pid) == self.start

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal; harmless when it has ended."""
        with suppress(ProcessLookupError, PermissionError):
            if self.lives:
                os.kill(self.pid, number)


def mark() -> dict[str, str]:
    """The variable for a child's environment that says that this process started it."""
    pid = os.getpid()
    return {MARK: _marked(process_namespace(), pid, start_time(pid) or "")}


def unmarked(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without the mark, for what is meant to outlive its starter."""
    return {name: value for name, value in environment.items() if name != MARK}


def of_owner(owner: Owner, folder: Path = _PROC) -> list[Stray]:
    """The processes that a run's process has started, directly or by its children."""
    wanted = _marked(owner.namespace, owner.pid, owner.start)
    return _bearing(lambda said: said == wanted, folder)


def of_the_dead(folder: Path = _PROC) -> list[Stray]:
    """The processes whose starter is gone; those of other process namespaces are left alone."""
    return _bearing(is_of_the_dead, folder)


def end(strays: list[Stray], *, grace_s: float = _GRACE_S) -> list[str]:
    """End processes in order: terminate, after the grace kill; what they were, in words."""
    for number, timeout_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _KILL_TIMEOUT_S)):
        for stray in strays:
            stray.tell(number)
        with suppress(WaitTimeout):
            wait_for(
                "processes that a run left to end",
                lambda: not any(stray.lives for stray in strays),
                timeout_s=timeout_s,
                interval_s=0.05,
            )
            break
    return [str(stray) for stray in strays]


def _marked(namespace: str, pid: int, start: str) -> str:
    return f"{namespace}/{pid}/{start}"


def is_of_the_dead(said: str) -> bool:
    """Whether a mark names a process of this process namespace that is gone."""
    namespace, _, starter = said.rpartition("]/")
    pid, _, start = starter.partition("/")
    if f"{namespace}]" != process_namespace() or not pid.isdigit():
        return False
    return start_time(int(pid)) != start


def _bearing(is_wanted: Callable[[str], bool], folder: Path) -> list[Stray]:
    """Those whose mark is wanted, in the order of their ids; none where there is no `/proc`."""
    found = []
    for entry in sorted(folder.glob("[0-9]*"), key=lambda entry: int(entry.name)):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it has ended, or is somebody else's
            continue
        said = next((v for v in variables if v.startswith(f"{MARK}=".encode())), b"")
        start = start_time(int(entry.name))
        if said and start and is_wanted(said.decode(errors="replace").partition("=")[2]):
            found.append(Stray(int(entry.name), start, words.strip()))
    return found
