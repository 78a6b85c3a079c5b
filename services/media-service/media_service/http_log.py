"""What aiohttp says about requests it cannot serve, as this service's own log lines."""

from __future__ import annotations

import logging

from aiohttp.http import HttpProcessingError

from media_service.logs import get_logger
from media_service.metrics import Metrics

MAX_REASON_CHARS = 200
_log = get_logger()


def http_logger(metrics: Metrics) -> logging.Logger:
    """Return the logger for aiohttp's server.

    A request that cannot be parsed is one warning, ``http_refused``, and counted; what fails
    while a good request is served is an error, ``http_failed``.
    """
    # Not one of the tree's: aiohttp tells of garbage at DEBUG, whatever the service's level is.
    logger = logging.Logger("http", level=logging.DEBUG)
    logger.addHandler(_Handler(metrics))
    return logger


class _Handler(logging.Handler):
    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.DEBUG)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        """Render one record of aiohttp's."""
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, HttpProcessingError):
            lines = cause.message.strip().splitlines() or [""]
            remote = record.args[0] if isinstance(record.args, tuple) and record.args else None
            self._metrics.http_refused.inc()
            _log.warning(
                "http_refused",
                remote=str(remote),
                error=type(cause).__name__,
                reason=lines[0][:MAX_REASON_CHARS],
            )
        elif record.levelno >= logging.ERROR:
            _log.error("http_failed", error=record.getMessage(), exc_info=record.exc_info)
