"""Watching something stay as it is: the opposite of waiting for it to change."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from environment.waiting import wait_for

T = TypeVar("T")


def watch(probe: Callable[[], T], *, duration_s: float, interval_s: float = 0.5) -> list[T]:
    """Look again and again for ``duration_s``; return all that was seen, oldest first."""
    seen: list[T] = []
    end = time.monotonic() + duration_s

    def look() -> bool:
        seen.append(probe())
        return time.monotonic() >= end

    # Twice the time: the watch ends by its own clock, the deadline only bounds a slow probe.
    wait_for("the watch to end", look, timeout_s=2 * duration_s + 10, interval_s=interval_s)
    return seen
