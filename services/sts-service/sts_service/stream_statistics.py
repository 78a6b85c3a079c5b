"""What became of a stream's fragments, as ``stream:complete`` tells it."""

from array import array

from services.contracts import FragmentProcessed, StreamComplete, StreamStatistics


class Statistics:
    """Counts results; keeps each processing time, eight bytes a fragment."""

    def __init__(self) -> None:
        self._counts = {"success": 0, "partial": 0, "failed": 0}
        self._times_ms = array("Q")
        self._total_ms = 0
        self._duration_ms = 0

    @property
    def average_ms(self) -> float | None:
        """Mean processing time so far; ``None`` before the first result."""
        return self._total_ms / len(self._times_ms) if self._times_ms else None

    def add(self, result: FragmentProcessed, *, duration_ms: int) -> None:
        """Count one result and the length of the audio it answers."""
        self._counts[result.status] += 1
        self._times_ms.append(result.processing_time_ms)
        self._total_ms += result.processing_time_ms
        self._duration_ms += duration_ms

    def complete(self, stream_id: str) -> StreamComplete:
        """Return the closing statement; the 95th percentile is the nearest rank."""
        ranked = sorted(self._times_ms)
        p95_ms = ranked[max(0, -(-len(ranked) * 95 // 100) - 1)] if ranked else 0
        return StreamComplete(
            stream_id=stream_id,
            total_fragments=len(ranked),
            total_duration_ms=self._duration_ms,
            statistics=StreamStatistics(
                success_count=self._counts["success"],
                partial_count=self._counts["partial"],
                failed_count=self._counts["failed"],
                avg_processing_time_ms=self.average_ms or 0.0,
                p95_processing_time_ms=float(p95_ms),
            ),
        )
