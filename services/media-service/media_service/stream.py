"""One stream's life: its worker process, its segments' way to STS and back, its report."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from media_service.audio_format import CHANNELS, SAMPLE_RATE_HZ
from media_service.discovery import PublishedPath
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.protocol import (
    Failed,
    Finished,
    Heartbeat,
    InputEnded,
    Message,
    Note,
    OutputConnected,
    Released,
    Result,
    SegmentCut,
    Start,
    Stop,
)
from media_service.report import FallbackReason, SegmentReport, StreamReport
from media_service.settings import Settings
from media_service.stream_report import record
from media_service.sts_client import StsClient
from media_service.sts_errors import StsError
from media_service.sts_stream import Fragment, StsStream
from media_service.worker_process import WorkerFrozenError, WorkerPool, WorkerProcess
from services.contracts import FragmentProcessed

MAX_RESTARTS = 3
RESTART_PAUSE_S = 0.5
LAST_WORDS_S = 1.0
_log = get_logger()


@dataclass(frozen=True)
class _End:
    """How one worker's work ended."""

    ok: bool
    reason: str = ""
    message: str = ""
    retryable: bool = False


class DubbedStream:
    """One publication of one input path, until its output has ended or it has failed.

    ``still_published`` says whether the source is there still: a worker is replaced only then.
    """

    def __init__(
        self,
        stream_id: str,
        source: PublishedPath,
        *,
        settings: Settings,
        sts: StsClient,
        metrics: Metrics,
        workers: WorkerPool,
    ) -> None:
        self.source = source
        self.still_published = True
        self._settings = settings
        self._sts = sts
        self._metrics = metrics
        self._workers = workers
        self._worker: WorkerProcess | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._input_ended = False
        self._end: _End | None = None
        self._log = _log.bind(stream_id=stream_id)
        self.report = StreamReport(
            stream_id=stream_id,
            name=source.name,
            path_in=source.path,
            path_out=source.output_path,
            ready_at=source.ready_at,
            detected_at=time.time(),
        )

    async def run(self) -> None:
        """Carry the stream to its end; never raises but for cancellation."""
        self._log.info("stream_detected", path=self.source.path, tracks=self.source.tracks)
        sts_stream = await self._sts.open_stream(self.report.stream_id)
        restarts = 0
        try:
            while True:
                end = await self._work(sts_stream)
                again = end.retryable and self.still_published and not self._input_ended
                if end.ok or not again or restarts == MAX_RESTARTS:
                    break
                restarts += 1
                self._metrics.worker_restarts.inc()
                self._log.warning("worker_replaced", reason=end.reason, restart=restarts)
                await asyncio.sleep(RESTART_PAUSE_S)
            if end.ok and self._tasks:
                # The last segment's acknowledgement is still on its way.
                await asyncio.wait(self._tasks, timeout=LAST_WORDS_S)
            self._conclude(end)
        finally:
            for task in self._tasks:
                task.cancel()
            await sts_stream.close()

    async def stop(self) -> None:
        """End the input here; what has been read still goes out."""
        if self._worker is not None:
            await self._worker.send(Stop())

    def give_up(self, reason: str, message: str) -> None:
        """Fail the stream from outside, for good."""
        self._end = _End(ok=False, reason=reason, message=message)
        if self._worker is not None:
            self._worker.kill()

    def forget(self) -> None:
        """Remove what the metrics hold of this stream."""
        try:
            self._metrics.av_skew.remove(self.report.stream_id)
        except KeyError:
            return

    async def _work(self, sts_stream: StsStream) -> _End:
        worker = self._worker = await self._workers.take()
        try:
            await worker.send(self._start())
            end = self._end or await self._listen(worker, sts_stream)
        except WorkerFrozenError:
            self._log.error("worker_frozen", pid=worker.pid)
            worker.kill()
            end = _End(ok=False, reason="worker_frozen", message="worker froze", retryable=True)
        finally:
            self._worker = None
            exit_code = await worker.close()
            if self.report.worker is not None:
                self.report.worker.exit_code = exit_code
        self._log.info("worker_exited", pid=worker.pid, exit_code=exit_code)
        return self._end or end

    def _start(self) -> Start:
        age_s = 0.0 if self.source.ready_at is None else time.time() - self.source.ready_at
        last = self.report.segments[-1].number if self.report.segments else None
        return Start(
            input_url=self._settings.input_url(self.source.path),
            output_url=self._settings.output_url(self.source.output_path),
            segment_s=self._settings.segment_duration_s,
            result_timeout_s=self._settings.fragment_timeout_s,
            ready_age_s=age_s,
            tracks=len(self.source.tracks),
            zero_s=self.report.time_zero_s,
            first_number=0 if last is None else last + 1,
        )

    async def _listen(self, worker: WorkerProcess, sts_stream: StsStream) -> _End:
        end = _End(False, "worker_died", "the worker process died", retryable=True)
        while (message := await worker.receive()) is not None:
            record(self.report, message, pid=worker.pid, output_url=self._output_url)
            match message:
                case SegmentCut():
                    self._take_segment(message, worker, sts_stream)
                case Released():
                    self._take_release(message, sts_stream)
                case Finished():
                    end = _End(ok=True)
                case Failed():
                    end = _End(False, message.reason, message.message, message.retryable)
                case _:
                    self._note(message)
        return end

    @property
    def _output_url(self) -> str:
        return self._settings.output_url(self.source.output_path)

    def _note(self, message: Message) -> None:
        match message:
            case InputEnded():
                self._input_ended = True
                self._log.info("input_ended", reason=message.reason)
            case OutputConnected():
                self._log.info("output_connected", delay_s=round(message.delay_s, 3))
            case Note():
                getattr(self._log, message.level)(message.event, **message.detail)
            case Heartbeat():
                return
            case _:
                self._log.info("worker_reported", report=repr(message))

    def _take_segment(self, cut: SegmentCut, worker: WorkerProcess, sts_stream: StsStream) -> None:
        self._log.info(
            "segment_cut",
            number=cut.number,
            start_s=cut.start_s,
            duration_s=round(cut.duration_s, 3),
            tail=cut.tail,
        )
        segment = self.report.segment(cut.number)
        if cut.tail or segment is None:
            return
        task = asyncio.create_task(self._dub(cut, segment, worker, sts_stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _dub(
        self,
        cut: SegmentCut,
        segment: SegmentReport,
        worker: WorkerProcess,
        sts_stream: StsStream,
    ) -> None:
        fragment = Fragment(cut.number, cut.start_s, cut.cut_at, cut.pcm)
        segment.fragment_id = str(fragment.fragment_id)

        def sent() -> None:
            segment.sent_at = segment.sent_at or time.time()
            self._log.info("fragment_sent", number=cut.number, fragment_id=segment.fragment_id)

        def acked() -> None:
            segment.acked_at = time.time()

        within_s = max(0.0, self._settings.fragment_timeout_s - (time.time() - cut.cut_at))
        try:
            result = await sts_stream.dub(fragment, within_s=within_s, sent=sent, acked=acked)
        except StsError as error:
            self._log.warning("fragment_not_dubbed", number=cut.number, error=str(error))
            answer: Result = _original(cut.number)
            reason: FallbackReason | None = error.reason
        else:
            answer, reason = self._take_result(segment, result)
        segment.reason = reason
        if reason is not None:
            self._metrics.fragments_fallback.labels(reason).inc()
        await worker.send(answer)

    def _take_result(
        self, segment: SegmentReport, result: FragmentProcessed
    ) -> tuple[Result, FallbackReason | None]:
        segment.processed_at = time.time()
        segment.processing_time_ms = result.processing_time_ms
        segment.transcript = result.transcript
        segment.translated_text = result.translated_text
        self._log.info(
            "fragment_processed",
            number=segment.number,
            fragment_id=segment.fragment_id,
            status=result.status,
            transcript=result.transcript,
            translated_text=result.translated_text,
            processing_time_ms=result.processing_time_ms,
            error=None if result.error is None else result.error.wire(),
        )
        audio = result.dubbed_audio
        if result.status == "failed" or audio is None:
            return _original(segment.number), "sts_failed"
        if result.status == "success" and not (result.transcript or "").strip():
            return _original(segment.number), "no_speech"
        return (
            Result(segment.number, "dubbed", audio.sample_rate_hz, audio.channels, audio.pcm()),
            None,
        )

    def _take_release(self, released: Released, sts_stream: StsStream) -> None:
        self._metrics.av_skew.labels(self.report.stream_id).set(released.skew_ms / 1000)
        segment = self.report.segment(released.number)
        if segment is None:
            return
        if released.outcome == "original" and segment.reason is None:
            # The worker's own time limit was over before the supervisor's word reached it.
            segment.reason = "timeout"
            self._metrics.fragments_fallback.labels("timeout").inc()
        self._log.info(
            "segment_released",
            number=released.number,
            outcome=released.outcome,
            reason=segment.reason,
            skew_ms=round(released.skew_ms, 3),
        )
        if released.outcome == "dubbed" and segment.fragment_id is not None:
            task = asyncio.create_task(sts_stream.applied(UUID(segment.fragment_id)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _conclude(self, end: _End) -> None:
        state: Literal["finished", "failed"] = "finished" if end.ok else "failed"
        self.report.finished_at = time.time()
        self.report.error = None if end.ok else end.message
        self.report.state = state
        if end.ok:
            self._log.info("stream_finished", segments=len(self.report.segments))
        else:
            self._metrics.stream_failures.labels(end.reason).inc()
            self._log.error("stream_failed", reason=end.reason, error=end.message)


def _original(number: int) -> Result:
    return Result(number, "original", SAMPLE_RATE_HZ, CHANNELS)
