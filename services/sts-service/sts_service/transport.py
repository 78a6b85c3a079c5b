"""What the transport libraries complain of: bytes that are neither HTTP nor Socket.IO."""

import logging
from types import TracebackType

import structlog
from aiohttp import web
from aiohttp.http import HttpProcessingError
from socketio.packet import BINARY_EVENT, EVENT, Packet

from sts_service.metrics import Metrics
from sts_service.quoting import clipped

_log = structlog.get_logger()

MAX_ATTACHMENTS = 1
"""The wire has no binary payloads; one attachment is taken to be answered with an error."""

_RESERVED = frozenset({"connect", "connect_error", "disconnect"})

_SOCKETIO_PATH = "/socket.io"

_ANSWERED_400 = frozenset({"_log_error_once", "handle_request"})
"""Functions of Engine.IO whose complaints end in an answer, which is what is counted."""


class WirePacket(Packet):  # type: ignore[misc] # the library is not typed
    """A Socket.IO packet as this wire has them: without a pile of attachments to wait for."""

    def decode(self, encoded_packet: str) -> int:
        """Decode a packet, or raise ``ValueError`` for one that must not reach a handler."""
        attachments = int(super().decode(encoded_packet) or 0)
        if attachments > MAX_ATTACHMENTS:
            raise ValueError(f"more than {MAX_ATTACHMENTS} attachment")
        is_event = self.packet_type in {EVENT, BINARY_EVENT}
        if is_event and isinstance(self.data, list) and self.data:
            name = self.data[0]
            # The library would call the handlers of connections for them.
            if isinstance(name, str) and name in _RESERVED:
                raise ValueError(f"{name!r} is no event")
        return attachments


class _Complaints(logging.Handler):
    """Socket.IO's and Engine.IO's errors: a client's garbage, or a crash of this service."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(level=logging.ERROR)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if cause is not None and _is_ours(cause.__traceback__):
            _log.error("handler_crashed", said=record.getMessage(), exc_info=record.exc_info)
            return
        if record.funcName not in _ANSWERED_400:
            self._metrics.transport_errors.inc()
        _log.warning(
            "transport_error",
            said=clipped(record.getMessage()),
            error=None if cause is None else clipped(f"{type(cause).__name__}: {cause}"),
        )


class _HttpComplaints(logging.Handler):
    """The HTTP server's errors: what is no HTTP, or a crash of a handler."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        cause = record.exc_info[1] if record.exc_info else None
        if isinstance(cause, HttpProcessingError):
            self._metrics.http_refused.inc()
            _log.warning(
                "http_refused",
                remote=str(record.args[0]) if isinstance(record.args, tuple) else None,
                error=type(cause).__name__,
                reason=clipped(cause.message.partition("\n")[0]),
            )
        elif record.levelno >= logging.ERROR:
            _log.error("http_failed", said=record.getMessage(), exc_info=record.exc_info)


def transport_logger(metrics: Metrics) -> logging.Logger:
    """Return a logger for Socket.IO: a stranger's garbage is one line, without a traceback.

    Engine.IO says each kind of bad request once, so those are counted by ``count_refusals``.
    """
    logger = logging.Logger("sts_service.transport", level=logging.ERROR)
    logger.addHandler(_Complaints(metrics))
    return logger


def http_logger(metrics: Metrics) -> logging.Logger:
    """Return a logger for the HTTP server, which says at ``DEBUG`` that a first line is no HTTP."""
    logger = logging.Logger("sts_service.http", level=logging.DEBUG)
    logger.addHandler(_HttpComplaints(metrics))
    return logger


def count_refusals(application: web.Application, metrics: Metrics) -> None:
    """Count every answer 400 of Engine.IO as a transport error."""

    async def count(request: web.Request, response: web.StreamResponse) -> None:
        if response.status == web.HTTPBadRequest.status_code and request.path.startswith(
            _SOCKETIO_PATH
        ):
            metrics.transport_errors.inc()

    application.on_response_prepare.append(count)


def _is_ours(trace: TracebackType | None) -> bool:
    package = __name__.partition(".")[0]
    while trace is not None:
        module = trace.tb_frame.f_globals.get("__name__", "")
        if module.partition(".")[0] == package and module != __name__:
            return True
        trace = trace.tb_next
    return False
