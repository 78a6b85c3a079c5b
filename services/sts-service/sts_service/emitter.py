"""Sending events to clients: each is a model of the contract, and each is observed."""

import asyncio
import uuid
from collections.abc import Callable

import structlog
from socketio import AsyncServer

from services.contracts import ErrorEvent, WireModel
from sts_service.errors import Refused
from sts_service.metrics import Metrics
from sts_service.observe import Observers
from sts_service.outbox import Outbox, Overflow, size_bytes

_log = structlog.get_logger()

BACKLOG_EVENTS = 2048
BACKLOG_BYTES = 32 * 1024 * 1024
"""How far a client may fall behind in reading before its connection is cut off."""
BACKLOG_BYTES_IN_ALL = 256 * 1024 * 1024
"""How far all clients together; beyond it, whoever is furthest behind is cut off."""


class Emitter:
    """The only way out to the main namespace; sending never waits for the client to read."""

    def __init__(
        self,
        server: AsyncServer,
        observers: Observers,
        metrics: Metrics,
        *,
        cut: Callable[[str], None],
    ) -> None:
        self._server = server
        self._observers = observers
        self._metrics = metrics
        self._cut = cut
        self._outboxes: dict[str, Outbox] = {}

    def join(self, sid: str) -> None:
        """Take note of a new connection."""
        self._outboxes[sid] = Outbox(
            self._server,
            sid,
            namespace="/",
            max_events=BACKLOG_EVENTS,
            max_bytes=BACKLOG_BYTES,
            failed=self._cut,
        )

    def leave(self, sid: str) -> None:
        """Forget a connection, and what it was not sent."""
        outbox = self._outboxes.pop(sid, None)
        if outbox is not None:
            outbox.close()

    async def flush(self, timeout_s: float) -> bool:
        """Wait until the transport has all that was sent; whether that was within the time."""
        waits = [asyncio.create_task(outbox.flushed()) for outbox in self._outboxes.values()]
        if not waits:
            return True
        _, late = await asyncio.wait(waits, timeout=timeout_s)
        for wait in late:
            wait.cancel()
        return not late

    def send(self, sid: str, event: str, payload: WireModel, *, stream_id: str) -> None:
        """Send one event of a stream; a client that has gone is none of the sender's business."""
        self._emit(sid, event, payload, stream_id)

    def refuse(self, sid: str, refused: Refused) -> None:
        """Answer with an ``error`` event, count it and log it under the same id."""
        error_id = uuid.uuid4().hex
        self._metrics.errors.labels(code=refused.code.value).inc()
        _log.warning(
            "request_refused",
            connection=sid,
            code=refused.code.value,
            message=refused.message,
            stream_id=refused.stream_id,
            fragment_id=refused.fragment_id,
            error_id=error_id,
        )
        error = ErrorEvent(
            code=refused.code,
            message=refused.message,
            severity=refused.severity,
            retryable=refused.code.retryable,
            stream_id=refused.stream_id,
            fragment_id=refused.fragment_id,
            error_id=error_id,
            metadata=refused.metadata,
        )
        self._emit(sid, "error", error, refused.stream_id)

    def _emit(self, sid: str, event: str, payload: WireModel, stream_id: str | None) -> None:
        outbox = self._outboxes.get(sid)
        if outbox is None:
            return
        wire = payload.wire()
        self._observers.saw("sts", event, connection=sid, stream_id=stream_id, payload=wire)
        try:
            outbox.put(event, wire, size_bytes(wire))
        except Overflow:
            self._too_slow(sid)
        while sum(outbox.held_bytes for outbox in self._outboxes.values()) > BACKLOG_BYTES_IN_ALL:
            self._too_slow(max(self._outboxes, key=lambda each: self._outboxes[each].held_bytes))

    def _too_slow(self, sid: str) -> None:
        self._metrics.slow_clients.inc()
        _log.warning("client_too_slow", connection=sid)
        self.leave(sid)
        self._cut(sid)
