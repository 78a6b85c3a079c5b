"""The ``/observe`` namespace: every event of every stream, repeated to whoever watches."""

import asyncio
import time
from typing import Any, Literal

import structlog
from socketio import AsyncServer

from services.contracts import OBSERVE_NAMESPACE, OBSERVED_EVENT, ObservedEvent
from sts_service.metrics import Metrics

_log = structlog.get_logger()

BACKLOG_EVENTS = 128
"""How far an observer may fall behind before it is let go: a gap would be taken for silence."""


class Observers:
    """Hands events to observers without ever waiting for one."""

    def __init__(self, server: AsyncServer, metrics: Metrics) -> None:
        self._server = server
        self._metrics = metrics
        self._backlogs: dict[str, asyncio.Queue[dict[str, Any]]] = {}
        self._pumps: dict[str, asyncio.Task[None]] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    def join(self, sid: str) -> None:
        """Start repeating events to a new observer."""
        self._backlogs[sid] = asyncio.Queue(maxsize=BACKLOG_EVENTS)
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
        """Take note of one event on the wire; returns at once."""
        if not self._backlogs:
            return
        observed = ObservedEvent(
            sender=sender,
            event=event,
            connection=connection,
            stream_id=stream_id,
            timestamp=time.time_ns() // 1_000_000,
            payload=_presentable(payload),
        ).wire()
        for sid, backlog in list(self._backlogs.items()):
            try:
                backlog.put_nowait(observed)
            except asyncio.QueueFull:
                _log.warning("observer_too_slow", connection=sid, backlog=BACKLOG_EVENTS)
                self.leave(sid)
                farewell = asyncio.create_task(self._dismiss(sid))
                self._farewells.add(farewell)
                farewell.add_done_callback(self._farewells.discard)

    async def close(self) -> None:
        """Stop repeating."""
        pumps = list(self._pumps.values())
        for sid in list(self._pumps):
            self.leave(sid)
        await asyncio.gather(*pumps, *self._farewells, return_exceptions=True)

    async def _dismiss(self, sid: str) -> None:
        await self._server.disconnect(sid, namespace=OBSERVE_NAMESPACE)

    async def _pump(self, sid: str, backlog: asyncio.Queue[dict[str, Any]]) -> None:
        transport = self._server.eio.sockets[
            self._server.manager.eio_sid_from_sid(sid, OBSERVE_NAMESPACE)
        ]
        while True:
            observed = await backlog.get()
            # The transport's own queue has no bound: nothing is added until it is empty.
            await transport.queue.join()
            await self._server.emit(OBSERVED_EVENT, observed, to=sid, namespace=OBSERVE_NAMESPACE)


def _presentable(payload: Any) -> Any:
    """Return what JSON can carry: a client may have sent bytes where text belongs."""
    match payload:
        case dict():
            return {str(key): _presentable(value) for key, value in payload.items()}
        case list() | tuple():
            return [_presentable(value) for value in payload]
        case bytes():
            return f"<{len(payload)} bytes>"
        case _:
            return payload
