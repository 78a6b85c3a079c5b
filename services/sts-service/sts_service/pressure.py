"""How full a stream's queue is, in the words of ``backpressure``."""

from dataclasses import dataclass
from typing import Literal

from services.contracts import Backpressure

_UNKNOWN_MS = 1000
"""The delay recommended before any fragment has shown how long one takes."""

Action = Literal["none", "slow_down", "pause"]
_SEVERITY: dict[Action, Literal["low", "medium", "high"]] = {
    "none": "low",
    "slow_down": "medium",
    "pause": "high",
}


@dataclass(frozen=True)
class Thresholds:
    """Numbers of waiting fragments: advice is given from the first two on, and lifted at the last.

    At ``capacity`` no fragment is taken any more.
    """

    slow_down_at: int = 8
    pause_at: int = 16
    relieved_at: int = 4
    capacity: int = 20


class Pressure:
    """Remembers what the client was told, so that it hears changes only."""

    def __init__(self, stream_id: str, thresholds: Thresholds) -> None:
        self._stream_id = stream_id
        self._thresholds = thresholds
        self._told: Action = "none"

    def forget(self) -> None:
        """There is another client, who was told nothing."""
        self._told = "none"

    def change(self, *, depth: int, inflight: int, average_ms: float | None) -> Backpressure | None:
        """Return the event to send if the advice changes at this queue depth."""
        action = self._advice(depth)
        if action == self._told:
            return None
        self._told = action
        return Backpressure(
            stream_id=self._stream_id,
            severity=_SEVERITY[action],
            current_inflight=inflight,
            queue_depth=depth,
            action=action,
            recommended_delay_ms=None if action == "none" else _delay_ms(average_ms),
        )

    def _advice(self, depth: int) -> Action:
        if depth >= self._thresholds.pause_at:
            return "pause"
        if depth >= self._thresholds.slow_down_at:
            return "slow_down"
        if depth <= self._thresholds.relieved_at or self._told == "none":
            return "none"
        # On the way down it is not lifted at once, or the advice would flutter.
        return "slow_down"


def _delay_ms(average_ms: float | None) -> int:
    return _UNKNOWN_MS if average_ms is None else max(1, round(average_ms))
