"""The ``/observe`` namespace: every event of every stream, repeated to whoever watches."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Literal

import structlog
from socketio import AsyncServer

from services.contracts import OBSERVE_NAMESPACE, OBSERVED_EVENT
from sts_service.metrics import Metrics
from sts_service.outbox import Outbox, Overflow, size_bytes

_log = structlog.get_logger()

BACKLOG_EVENTS = 128
BACKLOG_BYTES = 64 * 1024 * 1024
"""How far an observer may fall behind before it is let go: a gap would be taken for silence."""

_MAX_DEPTH = 32


class Observers:
    """Hands events to observers without ever waiting for one."""

    def __init__(
        self, server: AsyncServer, metrics: Metrics, *, cut: Callable[[str], None]
    ) -> None:
        self._server = server
        self._metrics = metrics
        self._cut = cut
        self._outboxes: dict[str, Outbox] = {}

    def join(self, sid: str) -> None:
        """Start repeating events to a new observer."""
        self._outboxes[sid] = Outbox(
            self._server,
            sid,
            namespace=OBSERVE_NAMESPACE,
            max_events=BACKLOG_EVENTS,
            max_bytes=BACKLOG_BYTES,
            failed=self._cut,
        )
        self._metrics.observers.set(len(self._outboxes))
        _log.info("observer_joined", connection=sid)

    def leave(self, sid: str) -> None:
        """Forget an observer that went away."""
        outbox = self._outboxes.pop(sid, None)
        if outbox is not None:
            outbox.close()
            _log.info("observer_left", connection=sid)
        self._metrics.observers.set(len(self._outboxes))

    def saw(
        self,
        sender: Literal["media", "sts"],
        event: str,
        *,
        connection: str,
        stream_id: str | None,
        payload: Any,
    ) -> None:
        """Take note of one event on the wire; returns at once, and never raises."""
        if not self._outboxes:
            return
        # By hand, and not by the model: what the client sent may be what no model can carry.
        observed = {
            "sender": sender,
            "event": event,
            "connection": connection,
            "timestamp": time.time_ns() // 1_000_000,
        }
        if stream_id is not None:
            observed["stream_id"] = stream_id
        try:
            observed["payload"] = _presentable(payload)
            held_bytes = size_bytes(observed)
        except Exception:  # noqa: BLE001 - outermost edge: watching must not disturb what is watched
            _log.exception("observe_failed", connection=connection, observed=event)
            return
        for sid, outbox in list(self._outboxes.items()):
            try:
                outbox.put(OBSERVED_EVENT, observed, held_bytes)
            except Overflow:
                _log.warning("observer_too_slow", connection=sid)
                self.leave(sid)
                self._cut(sid)

    async def close(self) -> None:
        """Stop repeating."""
        tasks = [outbox.task for outbox in self._outboxes.values()]
        for sid in list(self._outboxes):
            self.leave(sid)
        await asyncio.gather(*tasks, return_exceptions=True)


def _presentable(payload: Any, depth: int = 0) -> Any:
    """Return what JSON can carry: a client may have sent bytes where text belongs."""
    match payload:
        case dict() | list() | tuple() if depth >= _MAX_DEPTH:
            return f"<nested deeper than {_MAX_DEPTH}>"
        case dict():
            return {str(key): _presentable(value, depth + 1) for key, value in payload.items()}
        case list() | tuple():
            return [_presentable(value, depth + 1) for value in payload]
        case bytes():
            return f"<{len(payload)} bytes>"
        case _:
            return payload
