"""What the transport libraries complain of: bytes that are neither HTTP nor Socket.IO."""

import logging

import structlog

from sts_service.metrics import Metrics

_log = structlog.get_logger()


class _Complaints(logging.Handler):
    def __init__(self, metrics: Metrics) -> None:
        super().__init__(level=logging.ERROR)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        self._metrics.transport_errors.inc()
        _log.warning(
            "transport_error",
            said=record.getMessage(),
            error=None if cause is None else f"{type(cause).__name__}: {cause}",
        )


def transport_logger(metrics: Metrics) -> logging.Logger:
    """Return a logger for those libraries: a stranger's garbage is one line, and counted.

    Their tracebacks show where a parser gave up. Errors of this service never get there: they
    are caught where its handlers begin.
    """
    logger = logging.Logger("sts_service.transport", level=logging.ERROR)
    logger.addHandler(_Complaints(metrics))
    return logger
