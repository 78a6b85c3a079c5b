"""Logging: every line on stdout is one JSON object, the libraries' lines too."""

import logging
import queue
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from logging.handlers import QueueHandler, QueueListener

import structlog
from structlog.tracebacks import ExceptionDictTransformer

_log = structlog.get_logger()

MAX_LINES_WAITING = 10_000
_FLUSH_S = 1.0


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
    writers = list(root.handlers)
    waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(MAX_LINES_WAITING)
    listener = QueueListener(waiting, *writers)
    root.handlers[:] = [_Handover(waiting)]
    listener.start()
    writing = listener._thread
    try:
        yield
    finally:
        root.handlers[:] = writers
        with suppress(queue.Full):
            waiting.put(None, timeout=_FLUSH_S)
        # The listener's own ``stop`` waits for as long as it takes.
        if writing is not None:
            writing.join(_FLUSH_S)


class _Handover(QueueHandler):
    """Puts records into a queue as they are; where it is full they are counted, and said later."""

    def __init__(self, waiting: "queue.Queue[logging.LogRecord | None]") -> None:
        super().__init__(waiting)
        self._waiting = waiting
        self._lost = 0

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Leave all work to the other thread."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Add a record, or count it as lost; never waits."""
        try:
            self._waiting.put_nowait(record)
        except queue.Full:
            self._lost += 1
            return
        if self._lost and not self._waiting.full():
            lost, self._lost = self._lost, 0
            _log.warning("log_lines_lost", lines=lost)
