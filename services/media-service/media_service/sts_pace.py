"""How fast STS wants a stream's fragments: what its last ``backpressure`` asked for."""

from __future__ import annotations

import math
from typing import Literal

from services.contracts import Backpressure

Action = Literal["none", "slow_down", "pause"]
SLOW_DOWN_S = 0.5
"""What slowing down means where no delay is recommended."""


class Pace:
    """Holds fragments back: each for a while (``slow_down``), or all (``pause``), until cleared."""

    def __init__(self) -> None:
        self._delay_s = 0.0
        self._told_at = 0.0
        self.action: Action = "none"

    def take(self, event: Backpressure, *, now: float) -> None:
        """Do as STS asks, from ``now`` on."""
        self.action, self._told_at = event.action, now
        recommended_ms = event.recommended_delay_ms
        self._delay_s = SLOW_DOWN_S if recommended_ms is None else recommended_ms / 1000

    def clear(self) -> None:
        """Forget what was asked: it was another connection."""
        self.action = "none"

    def hold_s(self, *, now: float, ready_at: float) -> float:
        """Return for how long a fragment that could go since ``ready_at`` has to wait.

        0 for not at all, infinite for until STS says something else.
        """
        match self.action:
            case "none":
                return 0.0
            case "pause":
                return math.inf
            case "slow_down":
                return max(0.0, max(ready_at, self._told_at) + self._delay_s - now)
