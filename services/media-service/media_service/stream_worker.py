"""One worker's work for a stream: it is started, listened to, and seen out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from media_service.discovery import PublishedPath
from media_service.memory_limit import memory_kills
from media_service.metrics import Metrics
from media_service.presence import Presence
from media_service.protocol import (
    Began,
    Failed,
    Finished,
    Heartbeat,
    InputEnded,
    Message,
    Note,
    OutputConnected,
    Publish,
    Read,
    Released,
    Restored,
    SegmentCut,
    Spooled,
    Start,
    Stop,
)
from media_service.redaction import redacted
from media_service.report import StreamReport
from media_service.segment_dubbing import SegmentDubbing
from media_service.settings import Settings
from media_service.stream_report import Recorder, interrupt
from media_service.sts_stream import StsStream
from media_service.worker_end import End, cause_of_death
from media_service.worker_process import WorkerFrozenError, WorkerPool, WorkerProcess

READ_AGAIN_S = 0.5
"""Between two readings of a source: what the media server knows of it is that old at most."""


@dataclass
class Timeline:
    """Which source's clock the timeline is on, and the Unix time at which its zero arrived."""

    source: PublishedPath | None = None
    zero_at: float | None = None


@dataclass(frozen=True)
class Task:
    """What all workers of one stream share; ``changed`` is called when a checkpoint is due."""

    report: StreamReport
    presence: Presence
    timeline: Timeline
    path_free: asyncio.Event
    settings: Settings
    metrics: Metrics
    log: structlog.typing.FilteringBoundLogger
    changed: Callable[[], None]


class StreamWorker:
    """A worker process at work for a stream; ``run`` sees it through."""

    def __init__(self, task: Task, workers: WorkerPool, *, spool: Path | None) -> None:
        self._task = task
        self._report = task.report
        self._log = task.log
        self._workers = workers
        self._spool = spool
        self._worker: WorkerProcess | None = None
        self._stopping = False
        self._reads = task.presence.published is True
        self._source = task.presence.source
        self._input_ended = asyncio.Event()
        self._input_lost_at: float | None = None

    async def run(self, sts_stream: StsStream) -> End:
        """Have a worker carry the stream, as far as it comes."""
        try:
            worker = self._worker = await self._workers.take()
        except OSError as error:
            return End(False, "worker_not_started", f"no worker process: {error}", retryable=True)
        kills = memory_kills()
        dubbing = SegmentDubbing(
            worker,
            sts_stream,
            within_s=self._task.settings.fragment_timeout_s,
            metrics=self._task.metrics,
            log=self._log,
        )
        try:
            end = await self._converse(worker, dubbing)
        except WorkerFrozenError:
            self._log.error("worker_frozen", pid=worker.pid)
            worker.kill()
            end = End(False, "worker_frozen", "worker froze", retryable=True)
        except asyncio.CancelledError:
            worker.kill()
            raise
        finally:
            self._worker = None
            await dubbing.close()
            exit_code = await worker.close()
            if self._report.worker is not None:
                self._report.worker.exit_code = exit_code
        self._log.info("worker_exited", pid=worker.pid, exit_code=exit_code)
        if end.reason == "worker_died":
            end = cause_of_death(exit_code, memory_kills() - kills)
            self._log.error(end.reason, pid=worker.pid, exit_code=exit_code, error=end.message)
        return End(end.ok, end.reason, end.message, end.retryable, dubbing.released > 0)

    async def stop(self) -> None:
        """End the input here; what has been read still goes out."""
        self._stopping = True
        if self._worker is not None:
            await self._worker.send(Stop())

    def kill(self) -> None:
        """End the process at once."""
        if self._worker is not None:
            self._worker.kill()

    async def _converse(self, worker: WorkerProcess, dubbing: SegmentDubbing) -> End:
        if self._stopping:
            return End(ok=True)
        await worker.send(self._start())
        telling = [
            asyncio.create_task(self._publish(worker)),
            asyncio.create_task(self._read_again(worker)),
        ]
        try:
            end = await self._listen(worker, dubbing)
        finally:
            for task in telling:
                task.cancel()
            await asyncio.gather(*telling, return_exceptions=True)
        if end.ok:
            await dubbing.last_words()
        return end

    async def _publish(self, worker: WorkerProcess) -> None:
        await self._task.path_free.wait()
        await worker.send(Publish())

    async def _read_again(self, worker: WorkerProcess) -> None:
        """Have the source read again whenever it has ended and is there all the same."""
        presence = self._task.presence
        while True:
            await self._input_ended.wait()
            await asyncio.sleep(READ_AGAIN_S)
            while presence.published is not True:
                await presence.change()
            self._input_ended.clear()
            self._source = presence.source
            await worker.send(
                Read(
                    self._task.settings.input_url(presence.source.path),
                    self._ready_since_s(),
                    tracks=len(presence.source.tracks),
                    another=self._is_another,
                )
            )

    @property
    def _is_another(self) -> bool:
        """Whether the source is not the one whose clock the timeline is on."""
        known = self._task.timeline.source
        return known is None or known.key != self._task.presence.source.key

    def _ready_since_s(self) -> float:
        ready_at = self._task.presence.source.ready_at
        return time.monotonic() - (0.0 if ready_at is None else time.time() - ready_at)

    def _start(self) -> Start:
        settings, source = self._task.settings, self._task.presence.source
        return Start(
            input_url=settings.input_url(source.path) if self._reads else "",
            output_url=settings.output_url(source.output_path),
            segment_s=settings.segment_duration_s,
            result_timeout_s=settings.fragment_timeout_s,
            ready_since_s=self._ready_since_s(),
            tracks=len(source.tracks),
            zero_s=None if self._is_another else self._report.time_zero_s,
            zero_at=self._task.timeline.zero_at,
            first_number=self._report.next_number,
            from_s=self._report.end_s,
            spool_folder=None if self._spool is None else str(self._spool),
            hold_output=True,
            language=settings.target_language,
        )

    async def _listen(self, worker: WorkerProcess, dubbing: SegmentDubbing) -> End:
        end = End(False, "worker_died", "the worker process died", retryable=True)
        source = self._task.presence.source
        output_url = redacted(self._task.settings.output_url(source.output_path))
        recorder = Recorder(self._report, pid=worker.pid, output_url=output_url)
        if not self._reads:
            # Nothing is read at first, and that may change.
            self._input_ended.set()
        while (message := await worker.receive()) is not None:
            if isinstance(message, Began) and message.number and self._input_lost_at is not None:
                interrupt(self._report, "input_lost", self._input_lost_at)
            recorder.record(message)
            match message:
                case SegmentCut():
                    dubbing.take_cut(message, self._report.segment(message.number))
                    self._task.changed()
                case Released():
                    dubbing.take_release(message)
                    self._task.metrics.set_skew(self._report.stream_id, message.skew_ms)
                    self._task.changed()
                case Heartbeat():
                    gauge = self._task.metrics.waiting_video_bytes
                    gauge.labels(self._report.stream_id).set(message.waiting_video_bytes)
                case Finished():
                    end = End(ok=True)
                case Failed():
                    end = End(False, message.reason, message.message, message.retryable)
                case _:
                    self._note(message)
        return end

    def _note(self, message: Message) -> None:
        match message:
            case InputEnded():
                self._log.info("input_ended", reason=message.reason)
                self._input_lost_at = time.time()
                if message.retryable and not self._stopping:
                    self._input_ended.set()
            case Began():
                self._begin(message)
            case OutputConnected():
                self._log.info("output_connected", delay_s=round(message.delay_s, 3))
                self._tell_output()
            case Restored():
                if message.numbers:
                    self._task.metrics.segments_recovered.inc(len(message.numbers))
                    self._log.info("segments_recovered", numbers=message.numbers)
            case Spooled():
                self._tell_spool(message.error)
            case Note():
                getattr(self._log, message.level)(message.event, **message.detail)
            case _:
                self._log.info("worker_reported", report=repr(message))

    def _begin(self, began: Began) -> None:
        self._task.timeline.source = self._source
        self._task.timeline.zero_at = began.zero_at
        self._task.changed()
        interruptions = self._report.interruptions
        if interruptions and interruptions[-1].resumed_at == began.at:
            last = interruptions[-1]
            self._task.metrics.streams_resumed.labels(last.reason).inc()
            self._log.info(
                "stream_resumed",
                reason=last.reason,
                number=last.number,
                gap_s=last.gap_s,
                recovered=last.recovered,
            )

    def _tell_output(self) -> None:
        last = self._report.interruptions[-1] if self._report.interruptions else None
        if last is not None and last.output_gap_s is not None:
            self._log.info(
                "output_resumed", output_gap_s=last.output_gap_s, pause_s=last.output_pause_s
            )

    def _tell_spool(self, error: str | None) -> None:
        if error is None:
            self._log.info("spool_restored")
            return
        self._task.metrics.spool_failures.inc()
        self._log.error(
            "spool_failed",
            folder=str(self._spool),
            error=error,
            hint="the stream goes on, and would lose what is in flight if its worker ended now",
        )
