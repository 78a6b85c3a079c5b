"""Locks between processes, so that two runs started at once do not make the same thing twice."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from environment.settings import REPO_ROOT
from environment.waiting import wait_for

SETUP_FOLDER = REPO_ROOT / ".setup"
"""Where this checkout keeps its lock files and half-made things."""


@contextmanager
def exclusive(
    path: Path, *, timeout_s: float, on_wait: Callable[[], None] | None = None
) -> Iterator[None]:
    """Hold the lock file at `path`; the lock ends with the process that holds it.

    `on_wait` is called once when somebody else holds it, before waiting for them.

    Raises:
        WaitTimeout: another process held it for all of `timeout_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:

        def taken() -> bool:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not taken() and on_wait is not None:
            on_wait()
        wait_for(f"another process to let go of {path}", taken, timeout_s=timeout_s)
        yield
