"""What an answered fragment leaves behind: its metrics, and one line in the log."""

from typing import Any

import structlog

from services.contracts import FragmentProcessed
from sts_service.metrics import Metrics

_log = structlog.get_logger()


def record(
    result: FragmentProcessed, metrics: Metrics, *, waited_s: float, with_text: bool
) -> None:
    """Count and log a result; ``waited_s`` is from the fragment's arrival to now.

    What was said is logged only ``with_text``: speech is personal.
    """
    metrics.processed.labels(status=result.status).inc()
    metrics.processing.observe(result.processing_time_ms / 1000)
    line: dict[str, Any] = {
        "stream_id": result.stream_id,
        "fragment_id": str(result.fragment_id),
        "sequence_number": result.sequence_number,
        "status": result.status,
        "processing_time_ms": result.processing_time_ms,
        "since_received_ms": round(waited_s * 1000),
    }
    if result.stage_timings is not None:
        for stage, elapsed_ms in result.stage_timings.wire().items():
            metrics.stage.labels(stage=stage.removesuffix("_ms")).observe(elapsed_ms / 1000)
            line[stage] = elapsed_ms
    if result.error is not None:
        metrics.errors.labels(code=result.error.code.value).inc()
        line["error"] = result.error.wire()
    if with_text:
        line |= {"transcript": result.transcript, "translated_text": result.translated_text}
    _log.info("fragment_processed", **line)
