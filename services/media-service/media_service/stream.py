"""One stream's life: its workers, one after the other, and its report."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from media_service.discovery import PublishedPath
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.protocol import (
    INPUT_SILENT,
    Failed,
    Finished,
    Heartbeat,
    InputEnded,
    Message,
    Note,
    OutputConnected,
    Publish,
    Released,
    SegmentCut,
    Start,
    Stop,
)
from media_service.redaction import redacted
from media_service.report import StreamReport
from media_service.segment_dubbing import SegmentDubbing
from media_service.settings import Settings
from media_service.stream_report import Recorder
from media_service.sts_client import StsClient
from media_service.sts_stream import StsStream
from media_service.worker_process import WorkerFrozenError, WorkerPool, WorkerProcess

MAX_RESTARTS = 3
"""How many workers in a row may end without having sent anything out."""
RESTART_PAUSE_S = 0.5
_NOTHING_TO_READ = (INPUT_SILENT, "input_unreadable", "input_too_short", "input_broken")
_log = get_logger()


@dataclass(frozen=True)
class _End:
    """How one worker's work ended."""

    ok: bool
    reason: str = ""
    message: str = ""
    retryable: bool = False
    fruitful: bool = False
    """Whether it has sent anything out."""


class DubbedStream:
    """One publication of one input path, until its output has ended or it has failed.

    ``still_published`` says whether the source is there still: as long as it is, a worker that
    ends is followed by another. While ``path_free`` is not set, an earlier stream has the output
    path and nothing goes out.
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
        self.path_free = asyncio.Event()
        self.path_free.set()
        self._settings = settings
        self._sts = sts
        self._metrics = metrics
        self._workers = workers
        self._worker: WorkerProcess | None = None
        self._stopping = asyncio.Event()
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
        self.report.sts = sts_stream.report
        try:
            self._conclude(await self._carry(sts_stream))
        finally:
            self.forget()
            await sts_stream.close()

    async def stop(self) -> None:
        """End the input here; what has been read still goes out."""
        self._stopping.set()
        if self._worker is not None:
            await self._worker.send(Stop())

    def give_up(self, reason: str, message: str) -> None:
        """Fail the stream from outside, for good."""
        self._end = _End(ok=False, reason=reason, message=message)
        if self._worker is not None:
            self._worker.kill()

    def forget(self) -> None:
        """Remove what the metrics hold of this stream."""
        self._metrics.forget_stream(self.report.stream_id)

    async def _carry(self, sts_stream: StsStream) -> _End:
        """Have one worker after the other carry the stream; return how the last one ended."""
        restarts = 0
        finished: _End | None = None
        while True:
            end = await self._work(sts_stream)
            finished = end if end.ok else finished
            restarts = 0 if end.fruitful else restarts
            again = end.ok or end.retryable or (finished is not None and _found_nothing(end))
            if not again or restarts == MAX_RESTARTS or not await self._goes_on():
                break
            if end.reason != INPUT_SILENT:
                restarts += 1
            self._metrics.worker_restarts.inc()
            self._log.warning("worker_replaced", reason=end.reason or "input_ended")
        if self.still_published or not _found_nothing(end):
            return end
        # There was nothing left for the last worker: the stream ended with the one before.
        return finished or _End(False, "input_too_short", "the source ended before it was heard")

    async def _goes_on(self) -> bool:
        """Whether the source is there still, a moment later, and wanted."""
        if self.still_published:
            try:
                async with asyncio.timeout(RESTART_PAUSE_S):
                    await self._stopping.wait()
            except TimeoutError:
                pass
        return self.still_published and not self._stopping.is_set()

    async def _work(self, sts_stream: StsStream) -> _End:
        try:
            worker = self._worker = await self._workers.take()
        except OSError as error:
            return _End(False, "worker_not_started", f"no worker process: {error}", retryable=True)
        dubbing = SegmentDubbing(
            worker,
            sts_stream,
            within_s=self._settings.fragment_timeout_s,
            metrics=self._metrics,
            log=self._log,
        )
        try:
            end = await self._converse(worker, dubbing)
        except WorkerFrozenError:
            self._log.error("worker_frozen", pid=worker.pid)
            worker.kill()
            end = _End(False, "worker_frozen", "worker froze", retryable=True)
        except asyncio.CancelledError:
            worker.kill()
            raise
        finally:
            self._worker = None
            await dubbing.close()
            exit_code = await worker.close()
            if self.report.worker is not None:
                self.report.worker.exit_code = exit_code
        self._log.info("worker_exited", pid=worker.pid, exit_code=exit_code)
        end = self._end or end
        return _End(end.ok, end.reason, end.message, end.retryable, dubbing.released > 0)

    async def _converse(self, worker: WorkerProcess, dubbing: SegmentDubbing) -> _End:
        if self._stopping.is_set():
            return _End(ok=True)
        if self._end is not None:
            return self._end
        await worker.send(self._start())
        publishing = asyncio.create_task(self._publish(worker))
        try:
            end = await self._listen(worker, dubbing)
        finally:
            publishing.cancel()
        if end.ok:
            await dubbing.last_words()
        return end

    async def _publish(self, worker: WorkerProcess) -> None:
        await self.path_free.wait()
        await worker.send(Publish())

    def _start(self) -> Start:
        age_s = 0.0 if self.source.ready_at is None else time.time() - self.source.ready_at
        last = self.report.segments[-1].number if self.report.segments else None
        return Start(
            input_url=self._settings.input_url(self.source.path),
            output_url=self._settings.output_url(self.source.output_path),
            segment_s=self._settings.segment_duration_s,
            result_timeout_s=self._settings.fragment_timeout_s,
            ready_since_s=time.monotonic() - age_s,
            tracks=len(self.source.tracks),
            zero_s=self.report.time_zero_s,
            first_number=0 if last is None else last + 1,
            hold_output=True,
        )

    async def _listen(self, worker: WorkerProcess, dubbing: SegmentDubbing) -> _End:
        end = _End(False, "worker_died", "the worker process died", retryable=True)
        output_url = redacted(self._settings.output_url(self.source.output_path))
        recorder = Recorder(self.report, pid=worker.pid, output_url=output_url)
        while (message := await worker.receive()) is not None:
            recorder.record(message)
            match message:
                case SegmentCut():
                    dubbing.take_cut(message, self.report.segment(message.number))
                case Released():
                    dubbing.take_release(message)
                    self._metrics.set_skew(self.report.stream_id, message.skew_ms)
                case Heartbeat():
                    gauge = self._metrics.waiting_video_bytes.labels(self.report.stream_id)
                    gauge.set(message.waiting_video_bytes)
                case Finished():
                    end = _End(ok=True)
                case Failed():
                    end = _End(False, message.reason, message.message, message.retryable)
                case _:
                    self._note(message)
        return end

    def _note(self, message: Message) -> None:
        match message:
            case InputEnded():
                self._log.info("input_ended", reason=message.reason)
            case OutputConnected():
                self._log.info("output_connected", delay_s=round(message.delay_s, 3))
            case Note():
                getattr(self._log, message.level)(message.event, **message.detail)
            case _:
                self._log.info("worker_reported", report=repr(message))

    def _conclude(self, end: _End) -> None:
        lost = [segment for segment in self.report.segments if segment.outcome == "pending"]
        for segment in lost:
            segment.outcome = segment.reason = "lost"
            self._metrics.segments_lost.inc()
        if lost:
            self._log.warning("segments_lost", numbers=[segment.number for segment in lost])
        self.report.finished_at = time.time()
        self.report.error = None if end.ok else redacted(end.message)
        self.report.state = "finished" if end.ok else "failed"
        if end.ok:
            self._log.info("stream_finished", segments=len(self.report.segments))
        else:
            self._metrics.stream_failures.labels(end.reason).inc()
            self._log.error("stream_failed", reason=end.reason, error=end.message)


def _found_nothing(end: _End) -> bool:
    return end.reason in _NOTHING_TO_READ and not end.fruitful
