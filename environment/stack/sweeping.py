"""Sweeping, one run at a time: several on one machine would take away each other's finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import docker

from environment.provision.locks import SETUP_FOLDER, exclusive
from environment.stack.reaper import sweep

_LOCK: Final = SETUP_FOLDER / "sweep.lock"
_TIMEOUT_S: Final = 180.0


def sweep_in_turn(client: docker.DockerClient) -> list[str]:
    """Remove what dead runs left, as ``sweep`` does, when no other run of this checkout does.

    Raises:
        WaitTimeout: others did for three minutes.
    """
    with nobody_sweeps():
        return sweep(client)


@contextmanager
def nobody_sweeps() -> Iterator[None]:
    """Keep the runs of this checkout from sweeping, so that what a dead run left can be seen."""
    with exclusive(_LOCK, timeout_s=_TIMEOUT_S):
        yield
