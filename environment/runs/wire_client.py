"""A bare Socket.IO client for sts-service that sends whatever it is told, right or wrong."""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

import socketio

from environment.waiting import wait_for
from services.contracts import SERVER_EVENTS

CALL_TIMEOUT_S: Final = 15.0
_MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024


class WireClient:
    """One connection in media-service's place; keeps what it receives. A context manager."""

    def __init__(self, url: str, *, api_key: str = "", socketio_path: str = "/socket.io") -> None:
        self.url = url
        self._auth = {"token": api_key} if api_key else None
        self._path = socketio_path.strip("/")
        self._lock = threading.Lock()
        self._received: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire-client")
        self._client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            websocket_extra_options={"max_msg_size": _MAX_MESSAGE_BYTES},
        )
        for event in SERVER_EVENTS:
            self._client.on(event, self._keeper(event))

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._call(
                self._client.connect(
                    self.url,
                    auth=self._auth,
                    transports=["websocket"],
                    socketio_path=self._path,
                )
            )
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._call(self._client.shutdown())
        finally:
            self._end_loop()

    def send(self, event: str, payload: object) -> None:
        """Send an event with any payload."""
        self._call(self._client.emit(event, payload))

    def received(self, event: str) -> list[dict[str, Any]]:
        """Return the payloads of that event so far, oldest first."""
        with self._lock:
            return list(self._received[event])

    def wait_for(self, event: str, *, timeout_s: float = 10.0) -> dict[str, Any]:
        """Wait for the first such event; return its payload. Raises ``WaitTimeout``."""
        return wait_for(
            f"{event} from {self.url}",
            lambda: next(iter(self.received(event)), None),
            timeout_s=timeout_s,
            interval_s=0.02,
        )

    def _call(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(CALL_TIMEOUT_S)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    def _keeper(self, event: str) -> Callable[[dict[str, Any]], Awaitable[None]]:
        async def keep(payload: dict[str, Any]) -> None:
            with self._lock:
                self._received[event].append(payload)

        return keep
