"""Structured log lines: one JSON object each, on standard output, the libraries' lines too."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from media_service.redaction import redacted

MAX_FRAMES = 20


def configure_logging(level: str) -> None:
    """Send every log line at or over ``level`` to standard output as JSON.

    Tracebacks hold no values, and URLs no credentials: logs are read by more people than these.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.ExceptionRenderer(
            ExceptionDictTransformer(show_locals=False, max_frames=MAX_FRAMES)
        ),
        _redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # What the event loop tells below this is of no use in operation.
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return the service's logger."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger


def _redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {name: _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    match value:
        case str():
            return redacted(value)
        case dict():
            return {key: _redacted(one) for key, one in value.items()}
        case list() | tuple():
            return [_redacted(one) for one in value]
        case _:
            return value
