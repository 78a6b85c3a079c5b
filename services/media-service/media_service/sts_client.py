"""The way to STS: kept open, made anew after a loss, and shared by all streams."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Literal

from media_service.audio_format import CHANNELS, SAMPLE_RATE_HZ
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.settings import Settings
from media_service.sts_connection import StsConnectError, StsConnection
from media_service.sts_stream import StsStream
from services.contracts import ErrorEvent, FragmentProcessed, StreamConfig, WireModel, parse_event

CONNECT_TIMEOUT_S = 5.0
RETURN_TIMEOUT_S = 1.0
"""What the attempt right after a loss gets: until then fragments wait for the connection."""
STABLE_S = 5.0
"""A connection that was lost sooner is not worth an attempt at once."""
STARTUP_S = 60.0
"""While both services start, STS is not missing yet: its models are being loaded."""
STARTUP_PROBE_S = 0.5
SLOW_PROBE_FACTOR = 16
"""The slow probing's interval, in units of the first reconnection's wait."""
_log = get_logger()

Attempt = Literal["at_once", "backoff", "probe"]


class StsClient:
    """Connects at start, reconnects for ever, and carries every stream's events.

    After a loss it tries at once, since mostly nothing but the connection has broken; only when
    that fails STS is ``away``, and no fragment waits for it any more. ``given_up`` is set while
    all ``STS_RECONNECT_ATTEMPTS`` have failed; slow probing goes on (021, edge cases).
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._connection: StsConnection | None = None
        self._streams: dict[str, StsStream] = {}
        self._was_connected = False
        self._unreachable: str | None = None
        self.given_up = asyncio.Event()
        self.away = False

    @property
    def url(self) -> str:
        """Where STS is."""
        return self._settings.sts_service_url

    @property
    def connected(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    @property
    def session(self) -> str | None:
        """The connection's Socket.IO session id."""
        return None if self._connection is None else self._connection.session_id

    async def open_stream(self, stream_id: str, *, next_sequence: int = 0) -> StsStream:
        """Open a stream with STS, now or as soon as it is connected.

        ``next_sequence`` is the number of the first fragment that it will be given.
        """
        settings = self._settings
        config = StreamConfig(
            source_language=settings.source_language,
            target_language=settings.target_language,
            chunk_duration_ms=round(1000 * settings.segment_duration_s),
            sample_rate_hz=SAMPLE_RATE_HZ,
            channels=CHANNELS,
        )
        stream = StsStream(
            stream_id,
            config,
            self,
            settings=settings,
            metrics=self._metrics,
            next_sequence=next_sequence,
        )
        self._streams[stream_id] = stream
        if self.connected:
            await stream.attach()
        elif self.away:
            stream.detach()
        return stream

    def forget_stream(self, stream_id: str) -> None:
        """Take no more events for a stream."""
        self._streams.pop(stream_id, None)

    async def emit(self, event: str, payload: WireModel) -> bool:
        """Send an event; False where there is no connection to send it on."""
        connection = self._connection
        return connection is not None and await connection.emit(event, payload)

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        try:
            await self._connect_first()
            while True:
                lasted_s = await self._until_lost()
                if lasted_s < STABLE_S or not await self._return():
                    self._leave()
                    await self._reconnect()
        finally:
            connection, self._connection = self._connection, None
            self._metrics.sts_connected.set(0)
            self._leave()
            if connection is not None:
                await connection.close()

    async def _connect_first(self) -> None:
        patience_ends_at = time.monotonic() + STARTUP_S
        while not await self._connect(CONNECT_TIMEOUT_S):
            self._leave()
            if time.monotonic() > patience_ends_at:
                await self._reconnect()
                return
            await asyncio.sleep(STARTUP_PROBE_S)

    async def _until_lost(self) -> float:
        """Wait for the connection's loss; return how long it has lasted."""
        connection = self._connection
        if connection is None:
            return 0.0
        await connection.lost.wait()
        lasted_s = connection.age_s
        self._connection = None
        self._metrics.sts_connected.set(0)
        self._metrics.sts_disconnects.inc()
        _log.warning(
            "sts_disconnected", url=self.url, reason=connection.why, lasted_s=round(lasted_s, 3)
        )
        for stream in self._streams.values():
            stream.suspend()
        await connection.abort()
        return lasted_s

    async def _return(self) -> bool:
        """Try to come back at once, so that nothing is given up where only the way has broken."""
        _log.info("sts_returning", url=self.url, within_s=RETURN_TIMEOUT_S)
        return await self._connect(RETURN_TIMEOUT_S, "at_once")

    def _leave(self) -> None:
        """Take STS for away: what is with it goes back undubbed, and nothing waits."""
        self.away = True
        for stream in self._streams.values():
            stream.detach()

    async def _reconnect(self) -> None:
        base_s = self._settings.sts_reconnect_base_s
        attempts = self._settings.sts_reconnect_attempts
        for attempt in range(1, attempts + 1):
            delay_s = base_s * 2 ** (attempt - 1)
            _log.warning("sts_reconnecting", attempt=attempt, attempts=attempts, delay_s=delay_s)
            await asyncio.sleep(delay_s)
            if await self._connect(CONNECT_TIMEOUT_S, "backoff"):
                return
        _log.error("sts_given_up", url=self.url, attempts=attempts)
        self.given_up.set()
        delay_s = base_s * SLOW_PROBE_FACTOR
        while True:
            _log.warning("sts_probing", delay_s=delay_s)
            await asyncio.sleep(delay_s)
            if await self._connect(CONNECT_TIMEOUT_S, "probe"):
                return

    async def _connect(self, within_s: float, kind: Attempt | None = None) -> bool:
        """Try to connect; with a ``kind`` it is one of the attempts after a loss."""
        if kind is not None:
            self._metrics.sts_reconnect_attempts.labels(kind).inc()
        try:
            connection = await StsConnection.open(
                self._settings, on_event=self._on_event, within_s=within_s
            )
        except StsConnectError as error:
            self._tell_unreachable(error, again=kind is not None)
            return False
        if self._was_connected:
            self._metrics.sts_reconnects.inc()
        self._was_connected, self._unreachable = True, None
        self._connection, self.away = connection, False
        self.given_up.clear()
        self._metrics.sts_connected.set(1)
        _log.info("sts_connected", url=self.url, session=connection.session_id, attempt=kind)
        for stream in list(self._streams.values()):
            await stream.attach()
        return True

    def _tell_unreachable(self, error: StsConnectError, *, again: bool) -> None:
        """Log why there is no connection; while it is first waited for, each cause once."""
        cause = str(error)
        if cause == self._unreachable and not again:
            return
        self._unreachable = cause
        if error.refused:
            _log.error("sts_refused", url=self.url, error=cause)
        else:
            _log.warning("sts_unreachable", url=self.url, error=cause)

    async def _on_event(self, event: str, payload: Any) -> None:
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
