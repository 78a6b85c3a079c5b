"""One open stream: a bounded queue, its consumers, and answers in sequence order."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import structlog

from services.contracts import (
    ErrorCode,
    FragmentAck,
    FragmentData,
    FragmentProcessed,
    StreamConfig,
    WireModel,
)
from sts_service.engines.registry import EngineInfo
from sts_service.errors import Refused
from sts_service.fragments import Fragment, ReplayCache, acknowledgement, result_of
from sts_service.job import Failure, FragmentJob, Outcome, TimeLimits
from sts_service.metrics import Metrics
from sts_service.ordering import OutOfSequence, Sequencer
from sts_service.pool import Workers
from sts_service.pressure import QUEUE_CAPACITY, Pressure
from sts_service.records import record
from sts_service.stream_statistics import Statistics

_log = structlog.get_logger()

Send = Callable[[str, WireModel], Awaitable[None]]
"""Sends an event of this stream to its client."""


@dataclass(frozen=True)
class StreamOptions:
    """What was agreed at ``stream:init``."""

    stream_id: str
    session_id: str
    config: StreamConfig
    max_inflight: int
    limits: TimeLimits
    next_sequence: int = 0
    log_transcripts: bool = False
    debug_delays_s: tuple[float, ...] = ()

    def debug_delay_s(self, sequence: int) -> float:
        """How much longer this fragment is to take: the delays take turns."""
        delays_s = self.debug_delays_s
        return delays_s[sequence % len(delays_s)] if delays_s else 0.0


class Stream:
    """Takes fragments in, has them dubbed side by side, answers them in order."""

    def __init__(
        self,
        options: StreamOptions,
        *,
        connection: str,
        send: Send,
        workers: Workers,
        engines: EngineInfo,
        metrics: Metrics,
    ) -> None:
        self.options = options
        self.connection = connection
        self.ended = asyncio.Event()
        self._send = send
        self._workers = workers
        self._engines = engines
        self._metrics = metrics
        self._log = _log.bind(stream_id=options.stream_id)
        self._queue: asyncio.Queue[tuple[Fragment, FragmentJob]] = asyncio.Queue(QUEUE_CAPACITY)
        self._sequencer: Sequencer[Fragment] = Sequencer(options.next_sequence)
        # The client has no more than max_inflight unanswered, so it repeats no more than these.
        self._replay = ReplayCache(answers_kept=2 * options.max_inflight)
        self._statistics = Statistics()
        self._pressure = Pressure(options.stream_id)
        self._waiting = 0
        self._in_work = 0
        self._unanswered = 0
        self._paused = False
        self._ending = False
        self._closed = False
        self.idle = asyncio.Event()
        self.idle.set()
        self._releasing = asyncio.Lock()
        self._consumers = [
            asyncio.create_task(self._consume()) for _ in range(options.max_inflight)
        ]

    @property
    def next_sequence(self) -> int:
        """The sequence number expected next."""
        return self._sequencer.next_sequence

    def knows(self, fragment_id: UUID) -> bool:
        """Whether this is the id of a fragment in work or lately answered."""
        return self._replay.find(fragment_id) is not None

    async def take(self, data: FragmentData) -> None:
        """Queue one fragment and say so; a repeat gets the first answer; else ``Refused``."""
        known = self._replay.find(data.fragment_id)
        if known is not None:
            await self._repeat(known)
            return
        fragment = self._admitted(data)
        await self._send("fragment:ack", self._queued(fragment))
        await self._advise()

    def pause(self) -> None:
        """Take no fragments until resumed; those taken in go on."""
        self._paused = True

    def resume(self) -> None:
        """Take fragments again."""
        self._paused = False

    async def end(self) -> None:
        """Take no more; ``stream:complete`` follows the last answer."""
        self._ending = True
        async with self._releasing:
            await self._complete_if_done()

    async def close(self) -> None:
        """Drop what is waiting; what a worker has in hand finishes unheard."""
        self._closed = True
        for consumer in self._consumers:
            consumer.cancel()
        await asyncio.gather(*self._consumers, return_exceptions=True)
        self._metrics.queue_depth.dec(self._waiting)
        self._metrics.inflight.dec(self._in_work)
        self._metrics.dropped.inc(self._unanswered)
        self._waiting = self._in_work = self._unanswered = 0
        self.idle.set()
        self.ended.set()

    def _admitted(self, data: FragmentData) -> Fragment:
        self._check(data)
        try:
            self._sequencer.admit(data.sequence_number)
        except OutOfSequence as error:
            raise self._refusal(ErrorCode.INVALID_SEQUENCE, str(error), data) from error
        fragment = Fragment(data.fragment_id, data.sequence_number, data.audio.duration_ms)
        self._replay.add(fragment)
        config = self.options.config
        job = FragmentJob(
            pcm=data.audio.pcm(),
            sample_rate_hz=config.sample_rate_hz,
            channels=config.channels,
            source_language=config.source_language,
            target_language=config.target_language,
            debug_delay_s=self.options.debug_delay_s(data.sequence_number),
        )
        self._queue.put_nowait((fragment, job))
        self._waiting += 1
        self._unanswered += 1
        self.idle.clear()
        self._metrics.received.inc()
        self._metrics.queue_depth.inc()
        return fragment

    def _check(self, data: FragmentData) -> None:
        config, audio = self.options.config, data.audio
        if self._ending:
            raise self._refusal(ErrorCode.STREAM_NOT_FOUND, "the stream has ended", data)
        if self._paused:
            raise self._refusal(ErrorCode.STREAM_PAUSED, "the stream is paused", data)
        if (audio.sample_rate_hz, audio.channels) != (config.sample_rate_hz, config.channels):
            raise self._refusal(
                ErrorCode.INVALID_AUDIO_FORMAT,
                f"the stream has {config.sample_rate_hz} Hz and {config.channels} channels, the "
                f"fragment {audio.sample_rate_hz} Hz and {audio.channels}",
                data,
            )
        if not audio.data_base64:
            raise self._refusal(ErrorCode.INVALID_AUDIO_FORMAT, "the audio is empty", data)
        if self._waiting >= QUEUE_CAPACITY:
            message = f"{QUEUE_CAPACITY} fragments are waiting already"
            raise self._refusal(ErrorCode.QUEUE_FULL, message, data)

    def _refusal(self, code: ErrorCode, message: str, data: FragmentData) -> Refused:
        return Refused(code, message, stream_id=data.stream_id, fragment_id=str(data.fragment_id))

    async def _repeat(self, known: Fragment) -> None:
        self._metrics.duplicates.inc()
        self._log.info("fragment_repeated", fragment_id=str(known.fragment_id))
        if known.answered and known.result is not None:
            await self._send("fragment:processed", known.result)
        elif known.taken_at is None:
            await self._send("fragment:ack", self._queued(known))
        else:
            await self._send("fragment:ack", acknowledgement(known, "processing"))

    def _queued(self, fragment: Fragment) -> FragmentAck:
        position = max(0, self._waiting - 1)
        average_ms = self._statistics.average_ms
        estimate_ms = None if average_ms is None else round(average_ms * (position + 1))
        return acknowledgement(fragment, "queued", position=position, estimate_ms=estimate_ms)

    async def _advise(self) -> None:
        advice = self._pressure.change(
            depth=self._waiting,
            inflight=self._in_work,
            average_ms=self._statistics.average_ms,
        )
        if advice is not None:
            await self._send("backpressure", advice)

    async def _consume(self) -> None:
        while True:
            fragment, job = await self._queue.get()
            outcome = await self._dubbed(fragment, job)
            try:
                await self._finish(fragment, outcome)
            except Exception:  # noqa: BLE001 - a task's edge: the stream must not stall
                self._log.exception("consumer_stumbled", fragment_id=str(fragment.fragment_id))

    async def _dubbed(self, fragment: Fragment, job: FragmentJob) -> Outcome:
        async def taken() -> None:
            if not self._closed:
                self._begin(fragment)
                await self._send("fragment:ack", acknowledgement(fragment, "processing"))

        try:
            return await self._workers.process(
                job, share=self.options.stream_id, limits=self.options.limits, taken=taken
            )
        except Exception as error:  # noqa: BLE001 - a task's edge: the stream must not stall
            return self._lost(fragment, error)

    def _lost(self, fragment: Fragment, error: Exception) -> Outcome:
        self._log.exception("fragment_lost", fragment_id=str(fragment.fragment_id))
        message = f"{type(error).__name__}: {error}"
        return Outcome(failure=Failure(ErrorCode.MODEL_ERROR, message))

    def _result(self, fragment: Fragment, outcome: Outcome) -> FragmentProcessed:
        return result_of(
            fragment,
            outcome,
            stream_id=self.options.stream_id,
            config=self.options.config,
            engines=self._engines,
        )

    def _begin(self, fragment: Fragment) -> None:
        fragment.taken_at = time.monotonic()
        self._waiting -= 1
        self._in_work += 1
        self._metrics.queue_depth.dec()
        self._metrics.inflight.inc()

    async def _finish(self, fragment: Fragment, outcome: Outcome) -> None:
        if fragment.taken_at is None:
            self._begin(fragment)
        self._in_work -= 1
        self._metrics.inflight.dec()
        try:
            fragment.result = self._result(fragment, outcome)
        except Exception as error:  # noqa: BLE001 - whatever an engine made of it, it gets an answer
            fragment.result = self._result(fragment, self._lost(fragment, error))
        async with self._releasing:
            for released in self._sequencer.finish(fragment.sequence_number, fragment):
                try:
                    await self._release(released)
                except Exception:  # noqa: BLE001 - those released with it must not be lost too
                    self._log.exception("answer_lost", fragment_id=str(released.fragment_id))
            if self._sequencer.pending == 0:
                self.idle.set()
            await self._complete_if_done()
        await self._advise()

    async def _release(self, fragment: Fragment) -> None:
        result = fragment.result
        if result is None:
            raise RuntimeError("a fragment was released without its result")
        self._statistics.add(result, duration_ms=fragment.duration_ms)
        self._replay.answered(fragment)
        fragment.answered = True
        self._unanswered -= 1
        record(
            result,
            self._metrics,
            waited_s=time.monotonic() - fragment.received_at,
            with_text=self.options.log_transcripts,
        )
        await self._send("fragment:processed", result)

    async def _complete_if_done(self) -> None:
        if self._ending and self.idle.is_set() and not self.ended.is_set():
            await self._send("stream:complete", self._statistics.complete(self.options.stream_id))
            self.ended.set()
