"""Decides which streams run: every published input path has exactly one, past ones are kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from pathlib import Path
from uuid import uuid4

from media_service.discovery import PublishedPath
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.redaction import redacted
from media_service.report import StreamReport
from media_service.settings import Settings
from media_service.spool_store import LeftStream, SpoolStore
from media_service.stream import DubbedStream
from media_service.sts_client import StsClient
from media_service.worker_process import WorkerPool

MAX_PAST_STREAMS = 50
STOP_TIMEOUT_S = 5.5
"""``docker stop`` kills after ten seconds, and the rest of the service wants to end too."""
_STATES = ("starting", "processing", "draining", "waiting", "finished", "failed")
_log = get_logger()


class Supervisor:
    """Starts a stream for each publication it is told of, and keeps the reports of all.

    A publication that follows the last one of its path closely enough is the same stream.
    """

    def __init__(
        self, settings: Settings, sts: StsClient, metrics: Metrics, workers: WorkerPool
    ) -> None:
        self._settings = settings
        self._sts = sts
        self._metrics = metrics
        self._workers = workers
        self._store = SpoolStore(Path(settings.segment_dir), metrics)
        self._streams: OrderedDict[str, DubbedStream] = OrderedDict()
        self._current: dict[str, DubbedStream] = {}
        self._running: dict[asyncio.Task[None], DubbedStream] = {}
        self._removals: set[asyncio.Task[None]] = set()

    @property
    def reports(self) -> list[StreamReport]:
        """The reports of all streams that run and of the last that ended, oldest first."""
        return [stream.report for stream in self._streams.values()]

    def report(self, stream_id: str) -> StreamReport | None:
        """Return one stream's report."""
        stream = self._streams.get(stream_id)
        return None if stream is None else stream.report

    @property
    def active(self) -> int:
        """How many streams run."""
        return sum(not report.ended for report in self.reports)

    async def take_up(self) -> None:
        """Take up what an earlier process has left in ``SEGMENT_DIR`` (021, FR-024)."""
        streams = await asyncio.to_thread(self._store.left)
        for left in sorted(streams, key=lambda one: one.checkpoint.report.detected_at):
            source = left.checkpoint.source.published()
            stream = self._add(left.checkpoint.report.stream_id, source, left)
            if left.checkpoint.goes_on:
                self._follow(source, stream)
            elif stream.report.state == "finished":
                stream.left_by_source = True
                self._become_current(source, stream)

    async def reconcile(self, published: list[PublishedPath]) -> None:
        """Start what is published and not known; a publication that failed is not tried again."""
        paths = {path.path: path for path in published}
        for name, stream in self._current.items():
            if name not in paths:
                stream.presence.missed()
        for stream in self._draining:
            stream.presence.missed()
        for path in published:
            current = self._current.get(path.path)
            if current is None or not self._is_of(current, path):
                self._begin(path)
            else:
                self._see(current, path)
        if self._settings.sts_unavailable_policy == "fail" and self._sts.given_up.is_set():
            for stream in self._running.values():
                stream.give_up("sts_unavailable", "STS is unavailable, and the policy is to fail")
        self._retire()
        self._forget_oldest()

    def media_server_lost(self) -> None:
        """Take note that nobody can say what is published."""
        for stream in (*self._current.values(), *self._draining):
            stream.presence.lost()

    def count_streams(self) -> None:
        """Bring the gauge of streams by state up to date."""
        for state in _STATES:
            number = sum(report.state == state for report in self.reports)
            self._metrics.streams.labels(state).set(number)

    async def stop(self) -> None:
        """End every input, let the outputs finish for ``STOP_TIMEOUT_S``, then end the rest."""
        running = dict(self._running)
        if running:
            _log.info("streams_stopping", streams=len(running))
            stopping = asyncio.gather(*(stream.stop() for stream in running.values()))
            _, unfinished = await asyncio.wait(running, timeout=STOP_TIMEOUT_S)
            stopping.cancel()
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)
        await asyncio.gather(*self._removals, return_exceptions=True)

    @property
    def _draining(self) -> list[DubbedStream]:
        """The streams that run beside a newer one, whose their path is now."""
        current = {id(stream) for stream in self._current.values()}
        return [stream for stream in self._running.values() if id(stream) not in current]

    def _is_of(self, stream: DubbedStream, path: PublishedPath) -> bool:
        if path.key == stream.presence.source.key:
            return True
        if stream.report.state == "failed":
            return False
        return stream.presence.may_be(path, within_s=self._settings.stream_resume_s)

    def _see(self, stream: DubbedStream, path: PublishedPath) -> None:
        finished = stream.report.state == "finished"
        if finished and path.key != stream.presence.source.key:
            stream.left_by_source = True
        lost_at = stream.presence.gone_at
        stream.presence.seen(path)
        if finished and stream.left_by_source and stream not in self._running.values():
            stream.come_back(lost_at)
            self._run(stream)

    def _begin(self, path: PublishedPath) -> None:
        self._follow(path, self._add(stream_id_for(path.name), path))

    def _become_current(self, path: PublishedPath, stream: DubbedStream) -> None:
        """Have a path's source be this stream's: the one before, if any, has lost it for good."""
        before, self._current[path.path] = self._current.get(path.path), stream
        if before is not None:
            before.presence.missed()
            self._dispose(before)

    def _follow(self, path: PublishedPath, stream: DubbedStream) -> None:
        """Run a stream, whose output waits for those that have its path still."""
        earlier = [
            task
            for task, other in self._running.items()
            if other.presence.source.output_path == path.output_path
        ]
        self._become_current(path, stream)
        self._run(stream)
        if earlier:
            # A take-over: its output would push out what of the earlier stream is on its way.
            stream.path_free.clear()
            waiting = asyncio.gather(*earlier, return_exceptions=True)
            waiting.add_done_callback(lambda _: stream.path_free.set())

    def _add(
        self, stream_id: str, source: PublishedPath, left: LeftStream | None = None
    ) -> DubbedStream:
        stream = self._streams[stream_id] = DubbedStream(
            stream_id,
            source,
            settings=self._settings,
            sts=self._sts,
            metrics=self._metrics,
            workers=self._workers,
            store=self._store,
            left=left,
        )
        return stream

    def _run(self, stream: DubbedStream) -> None:
        task = asyncio.create_task(stream.run(), name=f"stream {stream.report.stream_id}")
        self._running[task] = stream
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        stream = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            stream.report.state, stream.report.error = "failed", redacted(repr(error))
            stream.report.finished_at = time.time()
            self._metrics.stream_failures.labels("internal_error").inc()
            _log.error("stream_crashed", stream_id=stream.report.stream_id, exc_info=error)
        if stream not in self._current.values():
            self._dispose(stream)

    def _retire(self) -> None:
        """Let go of the paths whose source has not come back in time."""
        for path, stream in list(self._current.items()):
            gone_at = stream.presence.gone_at
            if gone_at is None or time.time() - gone_at <= self._settings.stream_resume_s:
                continue
            if stream.report.ended and stream not in self._running.values():
                del self._current[path]
                self._dispose(stream)

    def _dispose(self, stream: DubbedStream) -> None:
        """Remove what is on disk of a stream that is over, but for what never went out."""
        if stream in self._running.values():
            return
        removal = asyncio.create_task(asyncio.to_thread(stream.clean_up))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    def _forget_oldest(self) -> None:
        present = {id(stream) for stream in self._current.values()}
        past = [
            stream_id
            for stream_id, stream in self._streams.items()
            if stream.report.ended and id(stream) not in present
        ]
        for stream_id in past[: max(0, len(past) - MAX_PAST_STREAMS)]:
            self._streams.pop(stream_id).forget()


def stream_id_for(name: str) -> str:
    """Return a new stream's id: its name, fit for a URL, and a part that is its own."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:100]
    return f"{readable}-{uuid4().hex[:8]}"
