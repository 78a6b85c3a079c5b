"""Whose an engine object is, and removing what is nobody's any more (FR-010, FR-020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import docker


@dataclass(frozen=True)
class Owner:
    """The process an engine object belongs to, written on the object as labels."""

    run: str
    pid: int
    start: str
    boot: str
    kept: bool = False

    @classmethod
    def current(cls, run: str, *, kept: bool = False) -> Self:
        """This process; `kept` objects outlive it (`make up`) until `remove_kept`."""
        raise NotImplementedError

    def labels(self) -> dict[str, str]:
        """The labels to put on every container, network and volume."""
        raise NotImplementedError


def sweep(client: docker.DockerClient) -> list[str]:
    """Remove what runs left behind whose process is gone; the names of what was removed."""
    raise NotImplementedError


def reap(client: docker.DockerClient, owner: Owner) -> list[str]:
    """Remove everything that belongs to `owner`; the names of what was removed."""
    raise NotImplementedError


def remove_kept(client: docker.DockerClient) -> list[str]:
    """Remove the stack that `make up` left running; the names of what was removed."""
    raise NotImplementedError


class Guard:
    """Sees to it that nothing of `owner` outlives this process, however it ends.

    Arm it before the first container is made. SIGINT, SIGTERM and SIGHUP raise
    `KeyboardInterrupt` in the main thread, which behave takes as an abort; at the end of the
    process what is left is removed, and its exit code becomes 128 + signal. A watchdog process
    does the same after SIGKILL.
    """

    def __init__(self, client: docker.DockerClient, owner: Owner) -> None:
        self.owner = owner

    @property
    def signal_number(self) -> int | None:
        """The signal that interrupted the run, if one did."""
        raise NotImplementedError

    def arm(self) -> None:
        """Install the signal handlers, the exit handler and the watchdog."""
        raise NotImplementedError

    def disarm(self) -> None:
        """Remove what is left, let the watchdog go and restore the signal handlers."""
        raise NotImplementedError
