"""The output's clock: says when each moment of the timeline goes out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

CATCH_UP_S = 0.1
"""A shorter wait for media is caught up by sending at once; a longer one moves the clock."""
_GRAIN_S = 0.004
"""Waits shorter than this are not worth a wake-up."""


@dataclass(frozen=True)
class Stall:
    """The output had nothing to send for ``duration_s`` and stays that much later."""

    position_s: float
    duration_s: float


class Pacer:
    """Paces positions on the wall clock; positions never skip, and lateness is caught up.

    Only media that was not there moves the clock (``resume``). ``sleep`` waits the given seconds.
    """

    def __init__(
        self,
        sleep: Callable[[float], object] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rushed = threading.Event()
        self._sleep = sleep or self._rushed.wait
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

    def rush(self) -> None:
        """Pace no more: whoever waits, now or later, goes on at once."""
        self._rushed.set()

    def wait(self, position_s: float) -> None:
        """Wait until ``position_s`` is due; return at once where that is past."""
        ahead_s = self.due_at(position_s) - self._now()
        if ahead_s > _GRAIN_S and not self._rushed.is_set():
            self._sleep(ahead_s)

    def resume(self, position_s: float, *, waited_s: float) -> Stall | None:
        """Move the clock where ``position_s`` is late because its media was waited for.

        Lateness that has another cause, a machine that was busy, stays to be caught up.
        """
        late_s = min(self._now() - self.due_at(position_s), waited_s)
        if late_s <= CATCH_UP_S or self._rushed.is_set():
            return None
        self._zero_at = (self._zero_at or 0.0) + late_s
        return Stall(position_s, late_s)
