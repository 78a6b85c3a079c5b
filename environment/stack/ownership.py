"""Which process an engine object belongs to, and whether that process still lives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

RUN_LABEL: Final = "e2e.run"
_PID_LABEL: Final = "e2e.pid"
_START_LABEL: Final = "e2e.start"
_BOOT_LABEL: Final = "e2e.boot"
_NAMESPACE_LABEL: Final = "e2e.pidns"
_KEPT_LABEL: Final = "e2e.kept"

KEPT_RUN: Final = "up"
"""The run of a `make up` that was given no E2E_RUN_ID."""

Fate = Literal["kept", "alive", "gone", "rebooted", "unknown"]


@dataclass(frozen=True)
class Owner:
    """The process an engine object belongs to, written on the object as labels.

    A process id alone is reused; with its start time, the machine's boot id and the process
    namespace it names one process for good. `kept` objects outlive their process.
    """

    run: str
    pid: int
    start: str
    boot: str
    namespace: str
    kept: bool = False

    @classmethod
    def current(cls, run: str, *, kept: bool = False) -> Self:
        """This process; `kept` objects outlive it (`make up`) until they are taken down."""
        pid = os.getpid()
        return cls(run, pid, start_time(pid) or "", boot_id(), process_namespace(), kept)

    @classmethod
    def from_labels(cls, labels: Mapping[str, str] | None) -> Self | None:
        """The owner an object's labels name; None when they name none."""
        labels = labels or {}
        pid = labels.get(_PID_LABEL, "")
        if RUN_LABEL not in labels or not pid.isdigit():
            return None
        return cls(
            run=labels[RUN_LABEL],
            pid=int(pid),
            start=labels.get(_START_LABEL, ""),
            boot=labels.get(_BOOT_LABEL, ""),
            namespace=labels.get(_NAMESPACE_LABEL, ""),
            kept=labels.get(_KEPT_LABEL) == "1",
        )

    def labels(self) -> dict[str, str]:
        """The labels to put on every container, network and volume."""
        return {
            RUN_LABEL: self.run,
            _PID_LABEL: str(self.pid),
            _START_LABEL: self.start,
            _BOOT_LABEL: self.boot,
            _NAMESPACE_LABEL: self.namespace,
            _KEPT_LABEL: "1" if self.kept else "0",
        }

    def fate(self) -> Fate:
        """What became of the process, as far as this one can tell.

        `rebooted`: the boot id differs, so the machine was restarted since, or it is another
        machine on a shared engine. `unknown`: it lives, or lived, in another process namespace.
        """
        if self.kept:
            return "kept"
        if self.boot != boot_id():
            return "rebooted"
        if self.namespace != process_namespace():
            return "unknown"
        return "alive" if start_time(self.pid) == self.start else "gone"

    def remedy(self) -> str:
        """What to do where this one's objects are in the way and must not simply be removed."""
        fate = self.fate()
        if fate == "kept":
            return (
                f"set E2E_RUN_ID to run beside it, or `{taken_down_by(self.run)}` "
                "to remove what is up."
            )
        if fate == "alive":
            return "set E2E_RUN_ID to run beside it, or wait for its end."
        return (
            "set E2E_RUN_ID to run beside it, or, if nobody uses it any more, remove every "
            "object of the suite: `python -m environment down --all`."
        )

    def __str__(self) -> str:
        if self.kept:
            return f"the stack {self.run!r} that `make up` left running"
        return f"the run {self.run!r} (pid {self.pid})"


def taken_down_by(run: str) -> str:
    """The command that removes what `make up` left running as that run."""
    return "make down" if run == KEPT_RUN else f"E2E_RUN_ID={run} make down"


def start_time(pid: int) -> str | None:
    """When a process started, in clock ticks after boot; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold anything
    return None if state == "Z" else fields[18]


def boot_id() -> str:
    """The kernel's id of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def process_namespace() -> str:
    """The process namespace, such as `pid:[4026531836]`: pids mean something only within one."""
    return str(Path("/proc/self/ns/pid").readlink())
