"""The table of open streams, and who owns each."""

import asyncio
import uuid

import structlog

from services.contracts import ErrorCode, StreamInit, WireModel
from sts_service.emitter import Emitter
from sts_service.engines.registry import EngineInfo
from sts_service.errors import Refused, shutting_down
from sts_service.job import TimeLimits
from sts_service.metrics import Metrics
from sts_service.pool import Workers
from sts_service.settings import Settings
from sts_service.stream import Send, Stream, StreamOptions

_log = structlog.get_logger()


class Streams:
    """Opens, finds and closes streams; each belongs to one connection."""

    def __init__(
        self, settings: Settings, *, workers: Workers, emitter: Emitter, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._emitter = emitter
        self._metrics = metrics
        self._streams: dict[str, Stream] = {}
        self._closers: set[asyncio.Task[None]] = set()
        self._closed = False

    def of(self, connection: str, stream_id: str, *, fragment_id: str | None = None) -> Stream:
        """Return a connection's stream; another's is as unknown as one that never was."""
        stream = self._streams.get(stream_id)
        if stream is None or stream.connection != connection:
            raise Refused(
                ErrorCode.STREAM_NOT_FOUND,
                f"no stream {stream_id!r} is open on this connection",
                stream_id=stream_id,
                fragment_id=fragment_id,
            )
        return stream

    def owned_by(self, connection: str) -> list[Stream]:
        """Return the streams of one connection."""
        return [stream for stream in self._streams.values() if stream.connection == connection]

    async def open(self, init: StreamInit, *, connection: str, engines: EngineInfo) -> Stream:
        """Open a stream; the same stream_id on another connection ends there.

        A session ends with its connection, so a ``session_id`` finds nothing to resume: a
        returning client gets a new session that goes on at its ``next_sequence``.
        """
        pair = (init.config.source_language, init.config.target_language)
        if pair not in engines.pairs:
            known = ", ".join(f"{source} to {target}" for source, target in sorted(engines.pairs))
            raise Refused(
                ErrorCode.UNSUPPORTED_LANGUAGE,
                f"{pair[0]} to {pair[1]} is not offered; there is: {known}",
                stream_id=init.stream_id,
            )
        # While one is closed, another request may have opened the stream again.
        while (earlier := self._streams.pop(init.stream_id, None)) is not None:
            _log.info("stream_replaced", stream_id=init.stream_id)
            await self._close(earlier)
        if self._closed:
            raise shutting_down(init.stream_id)
        if len(self._streams) >= self._settings.max_streams:
            raise Refused(
                ErrorCode.RATE_LIMIT,
                f"{self._settings.max_streams} streams are open already",
                stream_id=init.stream_id,
            )
        stream = Stream(
            self._options(init),
            connection=connection,
            send=self._sender(connection, init.stream_id),
            workers=self._workers,
            engines=engines,
            metrics=self._metrics,
        )
        self._streams[init.stream_id] = stream
        closer = asyncio.create_task(self._close_at_end(stream))
        self._closers.add(closer)
        closer.add_done_callback(self._closers.discard)
        self._metrics.streams.set(len(self._streams))
        return stream

    async def abandon(self, connection: str) -> None:
        """Close the streams of a connection that went away."""
        for stream in self.owned_by(connection):
            _log.info("stream_abandoned", stream_id=stream.options.stream_id)
            await self._close(stream)

    async def drain(self, grace_s: float) -> bool:
        """Wait until every fragment in hand is answered; whether that was within the grace."""
        waits = [asyncio.create_task(stream.idle.wait()) for stream in self._streams.values()]
        if not waits:
            return True
        _, late = await asyncio.wait(waits, timeout=grace_s)
        for wait in late:
            wait.cancel()
        return not late

    async def close(self) -> None:
        """Close every stream, and open none from now on."""
        self._closed = True
        for stream in list(self._streams.values()):
            await self._close(stream)
        for closer in self._closers:
            closer.cancel()
        await asyncio.gather(*self._closers, return_exceptions=True)

    def _options(self, init: StreamInit) -> StreamOptions:
        settings = self._settings
        asked_s = settings.processing_timeout if init.timeout_ms is None else init.timeout_ms / 1000
        return StreamOptions(
            stream_id=init.stream_id,
            session_id=uuid.uuid4().hex,
            config=init.config,
            max_inflight=min(init.max_inflight or settings.max_inflight, settings.max_inflight),
            limits=TimeLimits(
                fragment_s=min(asked_s, settings.processing_timeout),
                stages_s=settings.stage_limits_s,
            ),
            next_sequence=init.next_sequence,
            log_transcripts=settings.log_transcripts,
            debug_delays_s=settings.debug_delay_s,
        )

    def _sender(self, connection: str, stream_id: str) -> Send:
        async def send(event: str, payload: WireModel) -> None:
            await self._emitter.send(connection, event, payload, stream_id=stream_id)

        return send

    async def _close_at_end(self, stream: Stream) -> None:
        await stream.ended.wait()
        await self._close(stream)

    async def _close(self, stream: Stream) -> None:
        # First of all it is no longer found: another may take its id while it closes.
        if self._streams.get(stream.options.stream_id) is stream:
            del self._streams[stream.options.stream_id]
        await stream.close()
        self._metrics.streams.set(len(self._streams))
