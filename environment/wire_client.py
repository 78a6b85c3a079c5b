"""A bare Socket.IO client for sts-service that sends whatever it is told, right or wrong."""

from __future__ import annotations

import threading
from collections import defaultdict
from types import TracebackType
from typing import Any, Self

import socketio

from environment.waiting import wait_for
from services.contracts import SERVER_EVENTS


class WireClient:
    """One connection in media-service's place; keeps what it receives. A context manager.

    It polls over HTTP instead of a web socket: slower, but it needs no second client library.
    """

    def __init__(self, url: str, *, api_key: str = "", socketio_path: str = "/socket.io") -> None:
        self.url = url
        self._auth = {"token": api_key} if api_key else None
        self._path = socketio_path.strip("/")
        self._lock = threading.Lock()
        self._received: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._client = socketio.Client(reconnection=False, handle_sigint=False)
        for event in SERVER_EVENTS:
            self._client.on(event, self._keeper(event))

    def __enter__(self) -> Self:
        self._client.connect(
            self.url,
            auth=self._auth,
            transports=["polling"],
            socketio_path=self._path,
            wait_timeout=10,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.disconnect()

    @property
    def connected(self) -> bool:
        """Whether the server still keeps the connection."""
        return bool(self._client.connected)

    def send(self, event: str, payload: object) -> None:
        """Send an event with any payload."""
        self._client.emit(event, payload)

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
        )

    def _keeper(self, event: str) -> Any:
        def keep(payload: dict[str, Any]) -> None:
            with self._lock:
                self._received[event].append(payload)

        return keep
