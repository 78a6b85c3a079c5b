"""A bare Socket.IO client for sts-service that sends whatever it is told, right or wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self

import socketio

from environment.errors import HarnessError
from environment.runs.observations import Observation, Observations, Sender
from environment.waiting import wait_for
from services.contracts import SERVER_EVENTS

CALL_TIMEOUT_S: Final = 15.0
_MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
_KEPT_EVENTS: Final = 1000
_KEPT_BYTES: Final = 128 * 1024 * 1024


class Refused(HarnessError):  # noqa: N818 - the family's way of naming
    """sts-service answered with an ``error`` event what was not meant to be refused."""


class WireClient:
    """One connection in media-service's place; keeps what it sends and receives.

    A context manager.
    """

    def __init__(self, url: str, *, api_key: str = "", socketio_path: str = "/socket.io") -> None:
        self.url = url
        self._auth = {"token": api_key} if api_key else None
        self._path = socketio_path.strip("/")
        self._seen = Observations(_KEPT_EVENTS, _KEPT_BYTES)
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
                    wait_timeout=CALL_TIMEOUT_S / 2,
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
        self._keep("media", event, payload)
        self._call(self._client.emit(event, payload))

    def vanish(self) -> None:
        """Break the connection without a word, as a killed process does."""
        self._call(self._client.eio.http.close())

    def events(self) -> list[Observation]:
        """Return what was sent and received so far, in order, as the observer tells it."""
        return self._seen.events(None, None, None, 0.0)

    def received(self, event: str) -> list[dict[str, Any]]:
        """Return the payloads of that event so far, oldest first."""
        return [seen.payload for seen in self._seen.events(None, event, "sts", 0.0)]

    def wait_for(self, event: str, *, timeout_s: float = 10.0, **wanted: object) -> dict[str, Any]:
        """Wait for the first such event whose payload has these values; return the payload.

        Raises ``Refused`` when an ``error`` comes that was not asked for, and ``WaitTimeout``.
        """

        def probe() -> dict[str, Any] | None:
            return next(
                (said for said in self.received(event) if wanted.items() <= said.items()), None
            )

        return wait_for(
            f"{event} from {self.url}",
            probe,
            timeout_s=timeout_s,
            interval_s=0.02,
            alive=None if event == "error" else self._check_not_refused,
        )

    def _call(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(CALL_TIMEOUT_S)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    def _keeper(self, event: str) -> Callable[[dict[str, Any]], Awaitable[None]]:
        async def keep(payload: dict[str, Any]) -> None:
            self._keep("sts", event, payload)

        return keep

    def _keep(self, sender: Sender, event: str, payload: object) -> None:
        now = time.time()
        stream_id = payload.get("stream_id") if isinstance(payload, dict) else None
        self._seen.take(
            {
                "sender": sender,
                "event": event,
                "connection": self._client.get_sid() or "none yet",
                "stream_id": stream_id if isinstance(stream_id, str) else None,
                "timestamp": round(now * 1000),
                "payload": payload,
            },
            now,
        )

    def _check_not_refused(self) -> None:
        for error in self.received("error"):
            raise Refused(f"sts-service refused: {error.get('code')}: {error.get('message')}")
