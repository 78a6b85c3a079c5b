"""Sending events to clients: each is a model of the contract, and each is observed."""

import uuid

import structlog
from socketio import AsyncServer

from services.contracts import ErrorEvent, WireModel
from sts_service.errors import Refused
from sts_service.metrics import Metrics
from sts_service.observe import Observers

_log = structlog.get_logger()


class Emitter:
    """The only way out to the main namespace."""

    def __init__(self, server: AsyncServer, observers: Observers, metrics: Metrics) -> None:
        self._server = server
        self._observers = observers
        self._metrics = metrics

    async def send(self, sid: str, event: str, payload: WireModel, *, stream_id: str) -> None:
        """Send one event of a stream; a client that has gone is none of the sender's business."""
        await self._emit(sid, event, payload, stream_id)

    async def refuse(self, sid: str, refused: Refused) -> None:
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
        )
        await self._emit(sid, "error", error, refused.stream_id)

    async def _emit(self, sid: str, event: str, payload: WireModel, stream_id: str | None) -> None:
        wire = payload.wire()
        self._observers.saw("sts", event, connection=sid, stream_id=stream_id, payload=wire)
        await self._server.emit(event, wire, to=sid)
