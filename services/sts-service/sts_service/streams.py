"""The table of streams, open and left behind, and who owns each."""

import asyncio
import time
import uuid

import structlog

from services.contracts import ErrorCode, Severity, StreamInit
from sts_service.budget import Budget
from sts_service.emitter import Emitter
from sts_service.engines.registry import EngineInfo
from sts_service.errors import Refused, shutting_down
from sts_service.job import TimeLimits
from sts_service.metrics import Metrics
from sts_service.pool import Workers
from sts_service.settings import Settings
from sts_service.stream import Stream
from sts_service.stream_options import StreamOptions

_log = structlog.get_logger()


class Streams:
    """Opens, finds, resumes and closes streams; each belongs to one connection, or to none."""

    def __init__(
        self, settings: Settings, *, workers: Workers, emitter: Emitter, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._emitter = emitter
        self._metrics = metrics
        self._budget = Budget(
            settings.max_held_mb * 1024 * 1024, places=settings.max_streams, spare=self._spare
        )
        metrics.held_bytes.set_function(lambda: self._budget.held_bytes)
        self._streams: dict[str, Stream] = {}
        self._ending: set[asyncio.Task[None]] = set()
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
        stream.touch()
        return stream

    def owned_by(self, connection: str) -> list[Stream]:
        """Return the streams of one connection."""
        return [stream for stream in self._streams.values() if stream.connection == connection]

    def open(
        self, init: StreamInit, *, connection: str, engines: EngineInfo
    ) -> tuple[Stream, bool]:
        """Open a stream, or take up the session that ``session_id`` names; whether it was that.

        Opened anew, the same stream_id ends wherever it was open.
        """
        pair = (init.config.source_language, init.config.target_language)
        if pair not in engines.pairs:
            known = ", ".join(f"{source} to {target}" for source, target in sorted(engines.pairs))
            raise Refused(
                ErrorCode.UNSUPPORTED_LANGUAGE,
                f"{pair[0]} to {pair[1]} is not offered; there is: {known}",
                stream_id=init.stream_id,
            )
        if self._closed:
            raise shutting_down(init.stream_id)
        earlier = self._streams.get(init.stream_id)
        if earlier is not None and _is_session_of(init, earlier):
            earlier.attach(connection)
            self._metrics.resumed.inc()
            self._count()
            return earlier, True
        if earlier is not None:
            _log.info("stream_replaced", stream_id=init.stream_id)
            self._close(earlier)
        self._make_room(init.stream_id)
        stream = Stream(
            self._options(init),
            connection=connection,
            client=self._emitter,
            workers=self._workers,
            engines=engines,
            metrics=self._metrics,
            share=self._budget.share(),
        )
        self._streams[init.stream_id] = stream
        self._count()
        return stream, False

    def left(self, connection: str, *, for_good: bool) -> None:
        """A connection ended: its streams wait to be taken up, or go with it ``for_good``."""
        for stream in self.owned_by(connection):
            if for_good:
                _log.info("stream_abandoned", stream_id=stream.options.stream_id)
                self._close(stream)
            else:
                _log.info("stream_detached", stream_id=stream.options.stream_id)
                stream.detach()
        self._count()

    def sweep(self) -> None:
        """Close the streams that nobody took up again, or of which nothing was heard."""
        now = time.monotonic()
        for stream in list(self._streams.values()):
            silent_s = now - stream.changed_at
            if stream.connection is None or stream.completed:
                if silent_s > self._settings.session_resume_s:
                    self._expire(stream)
            elif silent_s > self._settings.idle_timeout_s and stream.idle.is_set():
                self._refuse(
                    stream, ErrorCode.TIMEOUT, f"nothing was heard of it for {silent_s:.0f} s"
                )
                self._close(stream)
        self._count()

    async def drain(self, grace_s: float) -> bool:
        """Wait until every fragment in hand is answered; whether that was within the grace."""
        heard = [stream for stream in self._streams.values() if stream.connection is not None]
        waits = [asyncio.create_task(stream.idle.wait()) for stream in heard]
        if not waits:
            return True
        _, late = await asyncio.wait(waits, timeout=grace_s)
        for wait in late:
            wait.cancel()
        return not late

    async def close(self) -> None:
        """Tell each client that its streams end here, close them, and open none from now on."""
        self._closed = True
        for stream in list(self._streams.values()):
            if not stream.completed:
                self._refuse(stream, ErrorCode.QUEUE_FULL, "the service is shutting down")
            self._close(stream)
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _spare(self) -> bool:
        """Have whoever holds most forget an answer that its client has; whether anybody could."""
        most_first = sorted(self._streams.values(), key=lambda stream: -stream.held_bytes)
        return any(stream.spare() for stream in most_first)

    def _make_room(self, stream_id: str) -> None:
        """Give up what nobody has taken up for longest, where there is no place for another."""
        while len(self._streams) >= self._settings.max_streams:
            left = [s for s in self._streams.values() if s.connection is None or s.completed]
            if not left:
                raise Refused(
                    ErrorCode.RATE_LIMIT,
                    f"{self._settings.max_streams} streams are open already",
                    stream_id=stream_id,
                )
            self._expire(min(left, key=lambda stream: stream.changed_at))

    def _expire(self, stream: Stream) -> None:
        if not stream.completed:
            self._metrics.expired.inc()
            _log.info("session_expired", stream_id=stream.options.stream_id)
        self._close(stream)

    def _refuse(self, stream: Stream, code: ErrorCode, message: str) -> None:
        if stream.connection is not None:
            refused = Refused(
                code, message, stream_id=stream.options.stream_id, severity=Severity.FATAL
            )
            self._emitter.refuse(stream.connection, refused)

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
            gap_timeout_s=settings.gap_timeout_s,
            thresholds=settings.thresholds,
            log_transcripts=settings.log_transcripts,
            debug_delays_s=settings.debug_delay_s,
        )

    def _close(self, stream: Stream) -> None:
        if self._streams.get(stream.options.stream_id) is stream:
            del self._streams[stream.options.stream_id]
        for task in stream.close():
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
        self._count()

    def _count(self) -> None:
        going_on = [stream for stream in self._streams.values() if not stream.completed]
        attached = sum(stream.connection is not None for stream in going_on)
        self._metrics.streams.set(attached)
        self._metrics.sessions.set(len(going_on) - attached)


def _is_session_of(init: StreamInit, stream: Stream) -> bool:
    options = stream.options
    return init.session_id == options.session_id and init.config == options.config
