"""One Socket.IO connection to STS: opened once, watched, and lost once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import aiohttp
import socketio

from media_service.logs import get_logger
from media_service.settings import Settings
from services.contracts import WireModel

HEARTBEAT_S = 5.0
"""A peer that sent nothing for so long is asked for a sign of life; it has half as long for it.

A cut that nobody announces is thus seen within 7.5 s, whatever the server's own pings are.
Above 5 s aiohttp rounds up to whole seconds.
"""
SHUT_TIMEOUT_S = 1.0
MAX_MESSAGE_BYTES = 16 << 20
_CONNECT_ERRORS = (
    socketio.exceptions.SocketIOError,
    aiohttp.ClientError,
    OSError,
    # What the library makes of a handshake that is none.
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
)
_NO_MORE = (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED)
_log = get_logger()

OnEvent = Callable[[str, Any], Awaitable[None]]
"""Takes an event's name and its payload."""


class StsConnectError(Exception):
    """There is no connection; ``refused`` where STS itself said why."""

    def __init__(self, cause: str, *, refused: bool) -> None:
        super().__init__(cause)
        self.refused = refused


class StsConnection:
    """A connection that is open; ``lost`` is set when it is no more, ``why`` says so in words."""

    def __init__(self, session: aiohttp.ClientSession, settings: Settings) -> None:
        self.lost = asyncio.Event()
        self.why = ""
        self._session = session
        self._opened_at = time.monotonic()
        self._refusal: str | None = None
        self._settings = settings
        self._client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            # Given a session of its own, the library leaves closing it to us; its own it may leak.
            http_session=session,
            websocket_extra_options={"max_msg_size": MAX_MESSAGE_BYTES, "heartbeat": HEARTBEAT_S},
        )

    @classmethod
    async def open(cls, settings: Settings, *, on_event: OnEvent, within_s: float) -> StsConnection:
        """Connect to STS within ``within_s`` seconds, or raise ``StsConnectError``."""
        session = aiohttp.ClientSession(ws_response_class=_WebSocket)
        connection = cls(session, settings)
        try:
            await connection._connect(on_event, within_s)
        except BaseException:
            await connection.abort()
            raise
        return connection

    @property
    def session_id(self) -> str | None:
        """The Socket.IO session id, as long as the connection is open."""
        sid: str | None = self._client.sid
        return sid

    @property
    def age_s(self) -> float:
        """Seconds since it was opened."""
        return time.monotonic() - self._opened_at

    async def emit(self, event: str, payload: WireModel) -> bool:
        """Send an event; False where the connection is gone."""
        if self.lost.is_set():
            return False
        try:
            await self._client.emit(event, payload.wire())
        except socketio.exceptions.SocketIOError as error:
            _log.warning("sts_emit_failed", wire_event=event, error=repr(error))
            return False
        return True

    async def close(self) -> None:
        """Say goodbye, for ``SHUT_TIMEOUT_S`` at most, and free everything."""
        try:
            async with asyncio.timeout(SHUT_TIMEOUT_S):
                await self._client.shutdown()
        except (socketio.exceptions.SocketIOError, OSError) as error:
            # A server that is gone does not answer the closing handshake.
            _log.info("sts_close_failed", error=repr(error))
        finally:
            await self.abort()

    async def abort(self) -> None:
        """Free everything without a word to the peer."""
        transport = self._client.eio
        if isinstance(transport.ws, _WebSocket):
            transport.ws.abort()
        loops = {task for task in (transport.read_loop_task, transport.write_loop_task) if task}
        try:
            if loops:
                await asyncio.wait(loops, timeout=SHUT_TIMEOUT_S)
        finally:
            await self._session.close()

    async def _connect(self, on_event: OnEvent, within_s: float) -> None:
        async def take(event: str, payload: Any = None, *_: Any) -> None:
            await on_event(event, payload)

        client, settings = self._client, self._settings
        client.on("disconnect", self._note_loss)
        client.on("connect_error", self._note_refusal)
        client.on("*", take)
        try:
            async with asyncio.timeout(within_s):
                await client.connect(
                    settings.sts_service_url,
                    auth={"token": settings.sts_api_key} if settings.sts_api_key else None,
                    transports=["websocket"],
                    socketio_path=settings.sts_socketio_path.strip("/"),
                    wait_timeout=within_s,
                )
        except _CONNECT_ERRORS as error:
            silence = f"no answer within {within_s:g} s"
            spoken = silence if isinstance(error, TimeoutError) else str(error)
            cause = self._refusal or spoken or repr(error)
            raise StsConnectError(cause, refused=self._refusal is not None) from error
        if client.eio.state != "connected":
            # It was lost before there was anything to lose, so the library says nothing.
            self._note_loss("lost while it was being opened")

    def _note_loss(self, reason: object = None) -> None:
        self.why = str(reason)
        self.lost.set()

    def _note_refusal(self, detail: object = None) -> None:
        if isinstance(detail, dict):
            # The server's own word; without one the connection itself has failed.
            self._refusal = str(detail.get("message") or "the connection was refused")[:200]


class _WebSocket(aiohttp.ClientWebSocketResponse[Literal[True]]):
    """Frees whoever is sending as soon as the peer is known to be gone.

    Otherwise a fragment on its way to a peer that went silent waits until TCP gives it up, after a
    quarter of an hour, and the library's reader waits for its writer before it tells of the loss.
    """

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the base's
        message = await super().receive(timeout)
        if message.type in _NO_MORE:
            self.abort()
        return message

    def abort(self) -> None:
        """Drop the connection with all that is not sent."""
        transport = self._writer.transport
        if transport is not None:
            transport.abort()
