"""One stream's life: its workers, one after the other, its report, and its checkpoint."""

from __future__ import annotations

import asyncio
import time

from media_service.checkpoint import Checkpoint, SavedSource
from media_service.checkpoint_writer import CheckpointWriter
from media_service.discovery import PublishedPath
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.presence import Presence
from media_service.protocol import INPUT_SILENT
from media_service.redaction import redacted
from media_service.report import SpoolReport, StreamReport
from media_service.restarts import Restarts
from media_service.settings import Settings
from media_service.spool_dub import undubbed
from media_service.spool_names import unpublished
from media_service.spool_store import LeftStream, SpoolStore
from media_service.stream_report import interrupt
from media_service.stream_worker import StreamWorker, Task, Timeline
from media_service.sts_client import StsClient
from media_service.sts_stream import StsStream
from media_service.worker_end import OUTPUT_FAILURES, TOO_SHORT, End, found_nothing
from media_service.worker_process import WorkerPool

RESTART_PAUSE_S = 0.5
_log = get_logger()


class DubbedStream:
    """A stream at one input path, until its output has ended or it has failed.

    ``presence`` says whether the source is there: as long as it is, a worker that ends is followed
    by another, and so it is as long as something on disk has not gone out. A stream that ended
    because it was ``left_by_source`` is ``run`` again when that is back in time. While
    ``path_free`` is not set, an earlier stream has the output path and nothing goes out.
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
        store: SpoolStore,
        left: LeftStream | None = None,
    ) -> None:
        self.presence = Presence(source, published=True)
        self.path_free = asyncio.Event()
        self.path_free.set()
        self._settings = settings
        self._sts = sts
        self._metrics = metrics
        self._workers = workers
        self._store = store
        self._folder = store.folder(stream_id)
        self._worker: StreamWorker | None = None
        self.left_by_source = False
        self._stopped = False
        self._over = asyncio.Event()
        self._end: End | None = None
        self._log = _log.bind(stream_id=stream_id)
        self._timeline = Timeline()
        self.report = StreamReport(
            stream_id=stream_id,
            name=source.name,
            path_in=source.path,
            path_out=source.output_path,
            ready_at=source.ready_at,
            detected_at=time.time(),
        )
        if left is not None:
            self._take_up(left)
        self.report.spool = SpoolReport(folder=str(self._folder))
        self._writer = CheckpointWriter(self._folder, self._checkpoint, metrics, self._log)

    def _take_up(self, left: LeftStream) -> None:
        """Be the stream that an earlier process has left."""
        checkpoint, source = left.checkpoint, left.checkpoint.source.published()
        self.report = checkpoint.report
        self._timeline = Timeline(source, checkpoint.zero_at)
        self.presence = Presence(source, published=None, gone_at=left.alive_at)
        if not checkpoint.goes_on:
            return
        self.report.state, self.report.finished_at, self.report.error = "waiting", None, None
        if self.report.output is not None:
            self.report.output.last_packet_at = left.sent_at or self.report.output.last_packet_at
        self._interrupted("service_restarted", left.alive_at)
        self._log.info(
            "checkpoint_taken_up",
            path=source.path,
            next_number=self.report.next_number,
            unsent=self._unsent(),
            absence_s=round(time.time() - left.alive_at, 3),
        )

    async def run(self) -> None:
        """Carry the stream to its end; never raises but for cancellation."""
        source = self.presence.source
        self._log.info("stream_detected", path=source.path, tracks=source.tracks)
        numbers = await asyncio.to_thread(undubbed, self._folder)
        sts_stream = await self._sts.open_stream(
            self.report.stream_id, next_sequence=min([*numbers, self.report.next_number])
        )
        self.report.sts = sts_stream.report
        self._writer.begin()
        # A restart before the first packet is to find the stream, too.
        self._writer.changed()
        try:
            self._conclude(await self._carry(sts_stream))
        finally:
            if not self.report.ended:
                self._keep_or_lose()
            self.forget()
            await self._writer.close()
            await sts_stream.close()

    async def stop(self) -> None:
        """End the input here; what has been read still goes out, or is kept."""
        self._stopped = True
        self._over.set()
        if self._worker is not None:
            await self._worker.stop()

    def give_up(self, reason: str, message: str) -> None:
        """Fail the stream from outside, for good."""
        self._end = End(ok=False, reason=reason, message=message)
        self._over.set()
        if self._worker is not None:
            self._worker.kill()

    def come_back(self, lost_at: float | None) -> None:
        """Be about to run again: the source, lost at that Unix time, has come back."""
        self.left_by_source = False
        self._interrupted("input_lost", lost_at or self.report.finished_at or time.time())
        self.report.state, self.report.finished_at, self.report.error = "waiting", None, None

    def forget(self) -> None:
        """Remove what the metrics hold of this stream."""
        self._metrics.forget_stream(self.report.stream_id)

    def clean_up(self) -> None:
        """Remove the stream's folder, or keep it if something in it never went out; blocks."""
        if self._unsent():
            self._store.keep(self.report.stream_id)
        else:
            self._store.remove(self.report.stream_id)

    async def _carry(self, sts_stream: StsStream) -> End:
        """Have one worker after the other carry the stream; return how it ended."""
        restarts = Restarts(self.report.released_to)
        finished: End | None = End(ok=True) if self.report.segments else None
        while True:
            await self._until_known()
            if self._over.is_set():
                return self._end or finished or End(ok=True)
            if self.presence.published is False and not await self._unsent_now():
                # There is nothing left for a worker: the stream ended with the one before.
                self.left_by_source = True
                return finished or TOO_SHORT
            lost_at = time.time()
            end = await self._work(sts_stream)
            if self._end is not None:
                return self._end
            finished = end if end.ok else finished
            again = end.ok or end.retryable or (finished is not None and found_nothing(end))
            if not await self._goes_on():
                unsent = not end.ok and await self._unsent_now()
                if self._stopped or not (unsent and again):
                    return (finished or TOO_SHORT) if found_nothing(end) else end
            elif not again and self.presence.published is not None:
                return end
            reason = self._reason(end)
            self._interrupted(reason, time.time() if end.fruitful else lost_at)
            restarts.count(
                end,
                released_to=self.report.released_to,
                excused=end.reason == INPUT_SILENT or reason == "media_server_lost",
            )
            if (enough := restarts.enough(end)) is not None:
                return enough
            self._metrics.worker_restarts.inc()
            self._log.warning("worker_replaced", reason=end.reason or "input_ended")

    async def _work(self, sts_stream: StsStream) -> End:
        error = await asyncio.to_thread(self._store.prepare, self.report.stream_id)
        task = Task(
            report=self.report,
            presence=self.presence,
            timeline=self._timeline,
            path_free=self.path_free,
            settings=self._settings,
            metrics=self._metrics,
            log=self._log,
            changed=self._writer.changed,
        )
        folder = None if error is not None else self._folder
        self._worker = StreamWorker(task, self._workers, spool=folder)
        if self.report.spool is not None:
            self.report.spool.error = error
        if error is not None:
            self._metrics.spool_failures.inc()
            self._log.error("spool_failed", folder=str(self._folder), error=error)
        try:
            if self._stopped:
                return End(ok=True)
            return await self._worker.run(sts_stream)
        finally:
            self._worker = None

    async def _until_known(self) -> None:
        """Wait while nobody can say whether the source is there."""
        if self.presence.published is None and not self._over.is_set():
            self.report.state = "waiting"
            self._writer.changed()
            self._log.warning("stream_waiting", unsent=await self._unsent_now())
        while self.presence.published is None and not self._over.is_set():
            waits = [
                asyncio.create_task(self.presence.change()),
                asyncio.create_task(self._over.wait()),
            ]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    async def _goes_on(self) -> bool:
        """Whether the source may be there still, a moment later, and is wanted."""
        if self.presence.published is not False:
            try:
                async with asyncio.timeout(RESTART_PAUSE_S):
                    await self._over.wait()
            except TimeoutError:
                pass
        self.left_by_source = self.presence.published is False
        return not self.left_by_source and not self._over.is_set()

    def _reason(self, end: End) -> str:
        if self.presence.published is None:
            return "media_server_lost"
        if end.reason in OUTPUT_FAILURES:
            return "output_lost"
        return "input_lost" if end.ok or found_nothing(end) else end.reason

    def _interrupted(self, reason: str, at: float) -> None:
        if interrupt(self.report, reason, at):
            self._log.warning("stream_interrupted", reason=reason)

    def _unsent(self) -> list[int]:
        return unpublished(self._folder)

    async def _unsent_now(self) -> list[int]:
        unsent = await asyncio.to_thread(self._unsent)
        if self.report.spool is not None:
            self.report.spool.segments = unsent
        return unsent

    def _checkpoint(self) -> Checkpoint:
        source = self._timeline.source or self.presence.source
        return Checkpoint(
            written_at=time.time(),
            source=SavedSource.of(source),
            zero_at=self._timeline.zero_at,
            goes_on=self._stopped or not self.report.ended,
            report=self.report,
        )

    def _keep_or_lose(self) -> None:
        """Say of each segment that has not gone out whether it is on disk still."""
        unsent = self._unsent()
        pending = [segment for segment in self.report.segments if segment.outcome == "pending"]
        for segment in pending:
            if segment.number in unsent:
                # Why its own sound is to go out, where that is known, holds still when it does.
                segment.outcome = "kept"
            else:
                segment.outcome = segment.reason = "lost"
        kept = [segment.number for segment in pending if segment.outcome == "kept"]
        lost = [segment.number for segment in pending if segment.outcome == "lost"]
        if self.report.spool is not None:
            self.report.spool.segments = unsent
        if kept:
            self._metrics.segments_kept.inc(len(kept))
            self._log.warning("segments_kept", numbers=kept, folder=str(self._folder))
        if lost:
            self._metrics.segments_lost.inc(len(lost))
            self._log.warning("segments_lost", numbers=lost)

    def _conclude(self, end: End) -> None:
        self._keep_or_lose()
        self.report.finished_at = time.time()
        self.report.error = None if end.ok else redacted(end.message)
        self.report.state = "finished" if end.ok else "failed"
        if end.ok:
            self._log.info("stream_finished", segments=len(self.report.segments))
        else:
            self._metrics.stream_failures.labels(end.reason).inc()
            self._log.error("stream_failed", reason=end.reason, error=end.message)
