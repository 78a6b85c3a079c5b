"""The circuit breaker of one stream, as reports, metrics and the log show it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from media_service.logs import get_logger
from media_service.report import StsReport
from media_service.sts_breaker import CircuitBreaker, CircuitState

if TYPE_CHECKING:
    from media_service.metrics import Metrics
    from media_service.settings import Settings

_log = get_logger()


def make_circuit(
    stream_id: str,
    report: StsReport,
    *,
    settings: Settings,
    metrics: Metrics,
    woken: Callable[[], None],
) -> CircuitBreaker:
    """Return a stream's circuit breaker; ``woken`` is called whenever its state changes."""

    def changed(state: CircuitState) -> None:
        was, report.circuit = report.circuit, state
        metrics.set_circuit(stream_id, state)
        if state == "open":
            report.circuit_opened += 1
            metrics.circuit_opened.inc()
        tell = _log.warning if state == "open" else _log.info
        tell(f"sts_circuit_{state}", stream_id=stream_id, was=was)
        woken()

    metrics.set_circuit(stream_id, "closed")
    return CircuitBreaker(
        timeouts=settings.sts_circuit_timeouts,
        open_s=settings.sts_circuit_open_s,
        changed=changed,
    )
