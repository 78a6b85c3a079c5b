"""The output's clock: says when each moment of the timeline goes out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

CATCH_UP_S = 0.1
"""Lateness that is caught up by sending at once; more moves the clock."""
_GRAIN_S = 0.004
"""Waits shorter than this are not worth a wake-up."""


@dataclass(frozen=True)
class Stall:
    """The output had nothing to send for ``duration_s`` and stays that much later."""

    position_s: float
    duration_s: float


class Pacer:
    """Paces positions on the wall clock; lateness moves the clock, positions never skip.

    ``sleep`` waits the given seconds (and may return early when the stream is being given up).
    """

    def __init__(
        self, sleep: Callable[[float], object], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._now = now
        self._zero_at: float | None = None

    @property
    def started(self) -> bool:
        """Whether the clock runs."""
        return self._zero_at is not None

    def start(self, position_s: float, *, lead_s: float) -> None:
        """Start the clock so that ``position_s`` is due ``lead_s`` from now."""
        self._zero_at = self._now() + lead_s - position_s

    def due_at(self, position_s: float) -> float:
        """Return the monotonic time at which ``position_s`` goes out."""
        if self._zero_at is None:
            raise RuntimeError("the pacer has not been started")
        return self._zero_at + position_s

    def wait(self, position_s: float) -> Stall | None:
        """Wait until ``position_s`` is due; return the stall, where it was due too long ago."""
        ahead_s = self.due_at(position_s) - self._now()
        if ahead_s > _GRAIN_S:
            self._sleep(ahead_s)
        elif ahead_s < -CATCH_UP_S:
            self._zero_at = self._now() - position_s
            return Stall(position_s, -ahead_s)
        return None
