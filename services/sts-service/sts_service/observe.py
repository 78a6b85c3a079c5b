"""The ``/observe`` namespace: every event of every stream, repeated to whoever watches."""

import asyncio
import time
from typing import Any, Literal

import structlog
from socketio import AsyncServer

from services.contracts import OBSERVE_NAMESPACE, OBSERVED_EVENT
from sts_service.metrics import Metrics

_log = structlog.get_logger()

BACKLOG_EVENTS = 128
BACKLOG_BYTES = 64 * 1024 * 1024
"""How far an observer may fall behind before it is let go: a gap would be taken for silence."""

_MAX_DEPTH = 32
_NODE_BYTES = 8


class _Backlog:
    """What one observer was not sent yet: bounded in events, and in bytes from the second on."""

    def __init__(self) -> None:
        self._events: asyncio.Queue[tuple[dict[str, Any], int]] = asyncio.Queue(BACKLOG_EVENTS)
        self._bytes = 0

    def put(self, observed: dict[str, Any], size_bytes: int) -> None:
        """Add an event, or raise ``QueueFull``."""
        if self._bytes and self._bytes + size_bytes > BACKLOG_BYTES:
            raise asyncio.QueueFull
        self._events.put_nowait((observed, size_bytes))
        self._bytes += size_bytes

    async def get(self) -> dict[str, Any]:
        """Take the oldest event, waiting for it."""
        observed, size_bytes = await self._events.get()
        self._bytes -= size_bytes
        return observed


class Observers:
    """Hands events to observers without ever waiting for one."""

    def __init__(self, server: AsyncServer, metrics: Metrics) -> None:
        self._server = server
        self._metrics = metrics
        self._backlogs: dict[str, _Backlog] = {}
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    def join(self, sid: str) -> None:
        """Start repeating events to a new observer."""
        self._backlogs[sid] = _Backlog()
        self._pumps[sid] = asyncio.create_task(self._pump(sid, self._backlogs[sid]))
        self._metrics.observers.set(len(self._backlogs))
        _log.info("observer_joined", connection=sid)

    def leave(self, sid: str) -> None:
        """Forget an observer that went away."""
        self._backlogs.pop(sid, None)
        pump = self._pumps.pop(sid, None)
        if pump is not None:
            pump.cancel()
            _log.info("observer_left", connection=sid)
        self._metrics.observers.set(len(self._backlogs))

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
        if not self._backlogs:
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
            size_bytes = _size_bytes(observed)
        except Exception:  # noqa: BLE001 - outermost edge: watching must not disturb what is watched
            _log.exception("observe_failed", connection=connection, observed=event)
            return
        for sid, backlog in list(self._backlogs.items()):
            try:
                backlog.put(observed, size_bytes)
            except asyncio.QueueFull:
                self._let_go(sid)

    async def close(self) -> None:
        """Stop repeating."""
        pumps = list(self._pumps.values())
        for sid in list(self._pumps):
            self.leave(sid)
        await asyncio.gather(*pumps, *self._farewells, return_exceptions=True)

    def _let_go(self, sid: str) -> None:
        _log.warning("observer_too_slow", connection=sid)
        self.leave(sid)
        farewell = asyncio.create_task(self._dismiss(sid))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _dismiss(self, sid: str) -> None:
        await self._server.disconnect(sid, namespace=OBSERVE_NAMESPACE)

    async def _pump(self, sid: str, backlog: _Backlog) -> None:
        transport = self._server.eio.sockets[
            self._server.manager.eio_sid_from_sid(sid, OBSERVE_NAMESPACE)
        ]
        while True:
            observed = await backlog.get()
            # The transport's own queue has no bound: nothing is added until it is empty.
            await transport.queue.join()
            await self._server.emit(OBSERVED_EVENT, observed, to=sid, namespace=OBSERVE_NAMESPACE)


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


def _size_bytes(value: Any) -> int:
    match value:
        case dict():
            inside = sum(len(key) + _size_bytes(each) for key, each in value.items())
        case list():
            inside = sum(_size_bytes(each) for each in value)
        case str():
            inside = len(value)
        case _:
            inside = 0
    return _NODE_BYTES + inside
