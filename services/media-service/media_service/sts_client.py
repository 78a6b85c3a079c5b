"""The one Socket.IO connection to STS: made, kept, lost and made again."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import socketio

from media_service.audio_format import CHANNELS, SAMPLE_RATE_HZ
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.settings import Settings
from media_service.sts_stream import StsStream
from services.contracts import ErrorEvent, FragmentProcessed, StreamConfig, WireModel, parse_event

CONNECT_TIMEOUT_S = 5.0
SHUT_TIMEOUT_S = 1.0
STARTUP_S = 60.0
"""While both services start, STS is not missing yet: its models are being loaded."""
STARTUP_PROBE_S = 0.5
SLOW_PROBE_FACTOR = 16
"""The slow probing's interval, in units of the first reconnection's wait."""
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
_log = get_logger()


class StsClient:
    """Connects at start, reconnects for ever, and carries every stream's events.

    ``given_up`` is set while all ``STS_RECONNECT_ATTEMPTS`` have failed; slow probing goes on
    (021, edge cases).
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._socket: socketio.AsyncClient | None = None
        self._session: aiohttp.ClientSession | None = None
        self._lost = asyncio.Event()
        self._streams: dict[str, StsStream] = {}
        self._was_connected = False
        self._refusal: str | None = None
        self._unreachable: str | None = None
        self.given_up = asyncio.Event()
        self.connected = False

    @property
    def url(self) -> str:
        """Where STS is."""
        return self._settings.sts_service_url

    @property
    def session(self) -> str | None:
        """The connection's Socket.IO session id."""
        return self._socket.sid if self._socket is not None and self.connected else None

    async def open_stream(self, stream_id: str) -> StsStream:
        """Open a stream with STS, now or as soon as it is connected."""
        settings = self._settings
        config = StreamConfig(
            source_language=settings.source_language,
            target_language=settings.target_language,
            chunk_duration_ms=round(1000 * settings.segment_duration_s),
            sample_rate_hz=SAMPLE_RATE_HZ,
            channels=CHANNELS,
        )
        stream = StsStream(stream_id, config, self, self._metrics)
        self._streams[stream_id] = stream
        if self.connected:
            await stream.attach()
        return stream

    def forget_stream(self, stream_id: str) -> None:
        """Take no more events for a stream."""
        self._streams.pop(stream_id, None)

    async def emit(self, event: str, payload: WireModel) -> bool:
        """Send an event; False where there is no connection to send it on."""
        if self._socket is None or not self.connected:
            return False
        try:
            await self._socket.emit(event, payload.wire())
        except socketio.exceptions.SocketIOError as error:
            _log.warning("sts_emit_failed", wire_event=event, error=repr(error))
            return False
        return True

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        try:
            await self._connect_first()
            while True:
                await self._lost.wait()
                await self._drop()
                await self._reconnect()
        finally:
            await self._drop()

    async def _connect_first(self) -> None:
        patience_ends_at = time.monotonic() + STARTUP_S
        while not await self._connect():
            if time.monotonic() > patience_ends_at:
                await self._reconnect()
                return
            await asyncio.sleep(STARTUP_PROBE_S)

    async def _reconnect(self) -> None:
        base_s = self._settings.sts_reconnect_base_s
        attempts = self._settings.sts_reconnect_attempts
        for attempt in range(1, attempts + 1):
            delay_s = base_s * 2 ** (attempt - 1)
            _log.warning("sts_reconnecting", attempt=attempt, attempts=attempts, delay_s=delay_s)
            await asyncio.sleep(delay_s)
            if await self._connect():
                return
        _log.error("sts_given_up", url=self.url, attempts=attempts)
        self.given_up.set()
        while True:
            await asyncio.sleep(base_s * SLOW_PROBE_FACTOR)
            if await self._connect():
                return

    async def _connect(self) -> bool:
        # Given a session of its own, the library leaves closing it to us; its own it may leak.
        session = aiohttp.ClientSession()
        client = socketio.AsyncClient(
            reconnection=False,
            handle_sigint=False,
            http_session=session,
            request_timeout=CONNECT_TIMEOUT_S,
            websocket_extra_options={"max_msg_size": MAX_MESSAGE_BYTES},
        )
        client.on("disconnect", self._on_disconnect)
        client.on("connect_error", self._on_refusal)
        client.on("*", self._on_event)
        api_key = self._settings.sts_api_key
        try:
            async with asyncio.timeout(2 * CONNECT_TIMEOUT_S):
                await client.connect(
                    self.url,
                    auth={"token": api_key} if api_key else None,
                    transports=["websocket"],
                    socketio_path=self._settings.sts_socketio_path.strip("/"),
                    wait_timeout=CONNECT_TIMEOUT_S,
                )
        except _CONNECT_ERRORS as error:
            self._tell_unreachable(error)
            await _shut(client, session)
            return False
        if self._was_connected:
            self._metrics.sts_reconnects.inc()
        self._was_connected, self._unreachable = True, None
        self._lost.clear()
        self._socket, self._session, self.connected = client, session, True
        self.given_up.clear()
        self._metrics.sts_connected.set(1)
        _log.info("sts_connected", url=self.url, session=client.sid)
        for stream in list(self._streams.values()):
            await stream.attach()
        if not client.connected:
            # It was lost in between, before there was anything to lose.
            self._lost.set()
        return True

    def _tell_unreachable(self, error: Exception) -> None:
        """Log why there is no connection, once as long as it stays the same."""
        refusal, self._refusal = self._refusal, None
        cause = refusal or str(error) or repr(error)
        if cause == self._unreachable:
            return
        self._unreachable = cause
        if refusal is not None:
            _log.error("sts_refused", url=self.url, error=refusal)
        else:
            _log.warning("sts_unreachable", url=self.url, error=cause)

    async def _drop(self) -> None:
        client, self._socket = self._socket, None
        session, self._session = self._session, None
        self.connected = False
        self._metrics.sts_connected.set(0)
        for stream in self._streams.values():
            stream.detach()
        if client is not None and session is not None:
            await _shut(client, session)

    async def _on_refusal(self, detail: object = None) -> None:
        if isinstance(detail, dict):
            # The server's own word; without one the connection itself has failed.
            self._refusal = str(detail.get("message") or "the connection was refused")[:200]

    async def _on_disconnect(self, reason: str | None = None) -> None:
        _log.warning("sts_disconnected", url=self.url, reason=str(reason))
        self._lost.set()

    async def _on_event(self, event: str, payload: Any = None, *_: Any) -> None:
        try:
            parsed = parse_event("sts", event, payload)
        except (KeyError, ValueError) as error:
            self._metrics.wire_violations.inc()
            _log.error("sts_event_invalid", wire_event=event, error=str(error)[:500])
            if event == "fragment:processed" and isinstance(payload, dict):
                for known in self._streams.values():
                    known.refuse(payload.get("fragment_id"))
            return
        stream = self._streams.get(getattr(parsed, "stream_id", None) or "")
        if stream is not None:
            await stream.take(parsed)
            return
        owners = [known for known in self._streams.values() if known.owns(parsed)]
        for owner in owners:
            await owner.take(parsed)
        if not owners and isinstance(parsed, FragmentProcessed):
            self._metrics.results_late.inc()
            _log.warning(
                "fragment_late",
                stream_id=parsed.stream_id,
                fragment_id=str(parsed.fragment_id),
                sequence_number=parsed.sequence_number,
            )
        if not owners and isinstance(parsed, ErrorEvent):
            _log.error("sts_error", code=parsed.code, message=parsed.message)


async def _shut(client: socketio.AsyncClient, session: aiohttp.ClientSession) -> None:
    try:
        # A server that is gone does not answer the closing handshake.
        async with asyncio.timeout(SHUT_TIMEOUT_S):
            await client.shutdown()
    except (socketio.exceptions.SocketIOError, OSError) as error:
        _log.info("sts_close_failed", error=repr(error))
    finally:
        await session.close()
