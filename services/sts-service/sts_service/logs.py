"""Logging: every line on stdout is one JSON object, the libraries' lines too."""

import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_log = structlog.get_logger()

MAX_LINES_WAITING = 10_000
FLUSH_S = 1.0


def configure_logging(level: str) -> None:
    """Send structlog's and the standard library's records to stdout as JSON."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(
            # A frame's locals are audio, transcripts and keys.
            ExceptionDictTransformer(show_locals=False, max_frames=20)
        ),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if isinstance(sys.stdout, TextIOWrapper):
        # A line must not be lost for a character that UTF-8 cannot carry.
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


@contextmanager
def written_aside() -> Iterator[None]:
    """Within, a thread of its own writes the lines: who reads them may be slow, or stand still.

    A pipe that nobody empties would otherwise hold up the event loop, and all clients with it. What
    is still waiting at the end is written, unless that takes longer than a second.
    """
    root = logging.getLogger()
    before = list(root.handlers)
    aside = _LinesAside(sys.stdout.fileno(), before[0].formatter)
    root.handlers[:] = [aside]
    try:
        yield
    finally:
        root.handlers[:] = before
        aside.close()


class _LinesAside(logging.Handler):
    """Takes records, without ever waiting; those without room are counted, and said later."""

    def __init__(self, descriptor: int, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self._writer = logging.StreamHandler(_Unbuffered(descriptor))
        self._writer.setFormatter(formatter)
        self._waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(MAX_LINES_WAITING)
        self._lost = 0
        self._writing = threading.Thread(target=self._write_all, name="log", daemon=True)
        self._writing.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Add a record, or count it as lost; all work is left to the thread."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._lost += 1
            return
        if self._lost and not self._waiting.full():
            lost, self._lost = self._lost, 0
            _log.warning("log_lines_lost", lines=lost)

    def close(self) -> None:
        """Let what is waiting be written, for ``FLUSH_S`` at most."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=FLUSH_S)
        self._writing.join(FLUSH_S)
        super().close()

    def _write_all(self) -> None:
        while (record := self._waiting.get()) is not None:
            # Not by ``handle``: a writer that is stuck would hold the handler's lock, and with it
            # the end of the process.
            self._writer.emit(record)


class _Unbuffered:
    """Standard output past Python's buffer, whose lock a writer that is stuck would hold."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, text: str) -> None:
        left = text.encode(errors="backslashreplace")
        # A reader that is gone is no error.
        with suppress(OSError):
            while left:
                left = left[os.write(self._descriptor, left) :]

    def flush(self) -> None:
        """Do nothing: nothing is kept."""
