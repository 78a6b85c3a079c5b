"""How full a stream's queue is, in the words of ``backpressure``."""

from typing import Literal

from services.contracts import Backpressure

QUEUE_CAPACITY = 20
_PAUSE_AT = 16
_SLOW_DOWN_AT = 8
_RELIEVED_AT = 4
_UNKNOWN_MS = 1000
"""The delay recommended before any fragment has shown how long one takes."""

Action = Literal["none", "slow_down", "pause"]
_SEVERITY: dict[Action, Literal["low", "medium", "high"]] = {
    "none": "low",
    "slow_down": "medium",
    "pause": "high",
}


class Pressure:
    """Remembers what the client was told, so that it hears changes only."""

    def __init__(self, stream_id: str) -> None:
        self._stream_id = stream_id
        self._told: Action = "none"

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
        if depth >= _PAUSE_AT:
            return "pause"
        if depth >= _SLOW_DOWN_AT:
            # On the way down a pause is not lifted at once, or the advice would flutter.
            return "slow_down"
        return "none" if depth <= _RELIEVED_AT else self._told


def _delay_ms(average_ms: float | None) -> int:
    return _UNKNOWN_MS if average_ms is None else max(1, round(average_ms))
