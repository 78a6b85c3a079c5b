"""Structured log lines: one JSON object each, on standard output, the libraries' lines too."""

import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO, cast

import structlog
from structlog.tracebacks import ExceptionDictTransformer

from media_service.redaction import redacted

MAX_FRAMES = 20
MAX_LINES_WAITING = 10_000
FLUSH_S = 1.0
_log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def configure_logging(level: str, output: TextIO | None = None) -> None:
    """Send every log line at or over ``level`` to standard output, or ``output``, as JSON.

    Tracebacks hold no values, and URLs no credentials: logs are read by more people than these.
    """
    output = sys.stdout if output is None else output
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
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(output)
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


@contextmanager
def written_aside() -> Iterator[TextIO]:
    """Give a log output whose lines a thread of its own writes to standard output.

    Who reads them may be slow, or stand still: a pipe that nobody empties would otherwise hold up
    the event loop, and all streams with it. What is still waiting at the end is written, unless
    that takes longer than a second.
    """
    lines = _LinesAside(sys.stdout.fileno())
    try:
        yield cast("TextIO", lines)
    finally:
        lines.close()


class _LinesAside:
    """Takes whole lines, without ever waiting; those that find no room are counted, and said later.

    They are written past Python's own buffer, whose lock a writer that is stuck would hold when the
    process is to end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_LINES_WAITING)
        self._lost = 0
        self._writing = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._writing.start()

    def write(self, line: str) -> None:
        try:
            self._waiting.put_nowait(line)
        except queue.Full:
            self._lost += 1
            return
        if self._lost and not self._waiting.full():
            lost, self._lost = self._lost, 0
            _log.warning("log_lines_lost", lines=lost)

    def flush(self) -> None:
        """Do nothing: nobody waits for the other thread."""

    def close(self) -> None:
        """Let what is waiting be written, for ``FLUSH_S`` at most."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=FLUSH_S)
        self._writing.join(FLUSH_S)

    def _write_all(self) -> None:
        while (line := self._waiting.get()) is not None:
            left = line.encode(errors="backslashreplace")
            with suppress(OSError):
                while left:
                    left = left[os.write(self._descriptor, left) :]


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
