"""What one connection was not sent yet: bounded, and sent without anybody waiting for it."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from socketio import AsyncServer

_log = structlog.get_logger()

_NODE_BYTES = 8
_MAX_DEPTH = 40


class Overflow(Exception):  # noqa: N818 - says what happened
    """The reader is too far behind."""


class Outbox:
    """A queue before the transport's own, which has no bound, and the task that empties it.

    Bounded in events, and in bytes from the second event on. ``failed`` is called when the
    transport does not take events any more.
    """

    def __init__(
        self,
        server: AsyncServer,
        sid: str,
        *,
        namespace: str,
        max_events: int,
        max_bytes: int,
        failed: Callable[[str], None],
    ) -> None:
        self._server = server
        self._sid = sid
        self._namespace = namespace
        self._max_bytes = max_bytes
        self._failed = failed
        self._events: asyncio.Queue[tuple[str, Any, int]] = asyncio.Queue(max_events)
        self.held_bytes = 0
        self.task = asyncio.create_task(self._pump())

    def put(self, event: str, payload: Any, held_bytes: int) -> None:
        """Add an event, or raise ``Overflow``."""
        if self.held_bytes and self.held_bytes + held_bytes > self._max_bytes:
            raise Overflow
        try:
            self._events.put_nowait((event, payload, held_bytes))
        except asyncio.QueueFull:
            raise Overflow from None
        self.held_bytes += held_bytes

    async def flushed(self) -> None:
        """Wait until the transport has taken everything."""
        await self._events.join()

    def close(self) -> None:
        """Send no more."""
        self.task.cancel()

    async def _pump(self) -> None:
        try:
            transport = self._server.eio.sockets[
                self._server.manager.eio_sid_from_sid(self._sid, self._namespace)
            ]
            while True:
                event, payload, held_bytes = await self._events.get()
                # Nothing is added to the transport's queue until that is empty.
                await transport.queue.join()
                await self._server.emit(event, payload, to=self._sid, namespace=self._namespace)
                self.held_bytes -= held_bytes
                self._events.task_done()
        except Exception:  # noqa: BLE001 - a task's edge: one connection ends, not the service
            _log.exception("outbox_failed", connection=self._sid)
            self._failed(self._sid)


def size_bytes(value: Any, depth: int = 0) -> int:
    """Return about how many bytes a payload holds; what is nested deep is not counted."""
    match value:
        case dict() | list() if depth >= _MAX_DEPTH:
            inside = 0
        case dict():
            inside = sum(len(key) + size_bytes(each, depth + 1) for key, each in value.items())
        case list():
            inside = sum(size_bytes(each, depth + 1) for each in value)
        case str() | bytes():
            inside = len(value)
        case _:
            inside = 0
    return _NODE_BYTES + inside
