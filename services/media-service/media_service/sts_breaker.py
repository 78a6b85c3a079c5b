"""A stream's circuit breaker: whether fragments are worth sending to an STS that is too slow."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

CircuitState = Literal["closed", "half_open", "open"]


class CircuitBreaker:
    """Opens after ``timeouts`` fragments in a row whose time ran out, and closes by itself.

    ``open_s`` seconds after it has opened one fragment is let through to see (half open): an
    answer in time closes it, another time-out opens it anew. An answer closes it in any state:
    those that were on their way when it opened count too. ``changed`` is told each new state.
    """

    def __init__(
        self,
        *,
        timeouts: int,
        open_s: float,
        changed: Callable[[CircuitState], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._timeouts = timeouts
        self._open_s = open_s
        self._changed = changed
        self._clock = clock
        self._in_a_row = 0
        self._opened_at = 0.0
        self._probe: object = None
        self.state: CircuitState = "closed"

    def admits(self, fragment: object) -> bool:
        """Whether this fragment may be sent; the first one after the pause becomes the probe."""
        if self.state == "closed":
            return True
        if self._probe is None and self._clock() >= self._opened_at + self._open_s:
            self._probe = fragment
            self._turn("half_open")
        return self._probe == fragment

    def answered(self) -> None:
        """An answer came in time."""
        self._in_a_row = 0
        self._probe = None
        self._turn("closed")

    def timed_out(self, fragment: object) -> None:
        """A fragment that was sent got no answer in its time."""
        self._in_a_row += 1
        if self.state == "closed" and self._in_a_row < self._timeouts:
            return
        if self.state == "closed" or self._probe == fragment:
            self._probe = None
            self._opened_at = self._clock()
            self._turn("open")

    def withdrawn(self, fragment: object) -> None:
        """A fragment ended without telling anything; was it the probe, the next one is."""
        if self._probe == fragment:
            self._probe = None
            self._turn("open")

    def reset(self) -> None:
        """Begin anew: another STS may be there now."""
        self.answered()

    def _turn(self, state: CircuitState) -> None:
        if state != self.state:
            self.state = state
            self._changed(state)
