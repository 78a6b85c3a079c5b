"""Decides which streams run: every published input path has exactly one, past ones are kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from uuid import uuid4

from media_service.discovery import PublishedPath
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.redaction import redacted
from media_service.report import StreamReport
from media_service.settings import Settings
from media_service.stream import DubbedStream
from media_service.sts_client import StsClient
from media_service.worker_process import WorkerPool

MAX_PAST_STREAMS = 50
STOP_TIMEOUT_S = 5.5
"""``docker stop`` kills after ten seconds, and the rest of the service wants to end too."""
_STATES = ("starting", "processing", "draining", "finished", "failed")
_log = get_logger()


class Supervisor:
    """Starts a stream for each publication it is told of, and keeps the reports of all."""

    def __init__(
        self, settings: Settings, sts: StsClient, metrics: Metrics, workers: WorkerPool
    ) -> None:
        self._settings = settings
        self._sts = sts
        self._metrics = metrics
        self._workers = workers
        self._streams: OrderedDict[tuple[str, str, float | None], DubbedStream] = OrderedDict()
        self._running: dict[asyncio.Task[None], DubbedStream] = {}

    @property
    def reports(self) -> list[StreamReport]:
        """The reports of all streams that run and of the last that ended, oldest first."""
        return [stream.report for stream in self._streams.values()]

    def report(self, stream_id: str) -> StreamReport | None:
        """Return one stream's report."""
        return next((known for known in self.reports if known.stream_id == stream_id), None)

    @property
    def active(self) -> int:
        """How many streams run."""
        return sum(not report.ended for report in self.reports)

    async def reconcile(self, published: list[PublishedPath]) -> None:
        """Start what is published and not known; a publication that failed is not tried again."""
        present = {path.key for path in published}
        for key, stream in self._streams.items():
            stream.still_published = key in present
        for path in published:
            if path.key not in self._streams:
                self._begin(path)
        if self._settings.sts_unavailable_policy == "fail" and self._sts.given_up.is_set():
            for stream in self._running.values():
                stream.give_up("sts_unavailable", "STS is unavailable, and the policy is to fail")
        self._forget_oldest(present)

    def count_streams(self) -> None:
        """Bring the gauge of streams by state up to date."""
        for state in _STATES:
            number = sum(report.state == state for report in self.reports)
            self._metrics.streams.labels(state).set(number)

    async def stop(self) -> None:
        """End every input, let the outputs finish for ``STOP_TIMEOUT_S``, then end the rest."""
        running = dict(self._running)
        if not running:
            return
        _log.info("streams_stopping", streams=len(running))
        stopping = asyncio.gather(*(stream.stop() for stream in running.values()))
        _, unfinished = await asyncio.wait(running, timeout=STOP_TIMEOUT_S)
        stopping.cancel()
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    def _begin(self, path: PublishedPath) -> None:
        stream = DubbedStream(
            stream_id_for(path.name),
            path,
            settings=self._settings,
            sts=self._sts,
            metrics=self._metrics,
            workers=self._workers,
        )
        self._streams[path.key] = stream
        earlier = [
            task
            for task, other in self._running.items()
            if other.source.output_path == path.output_path
        ]
        task = asyncio.create_task(stream.run(), name=f"stream {stream.report.stream_id}")
        self._running[task] = stream
        task.add_done_callback(self._ended)
        if earlier:
            # A take-over: its output would push out what of the earlier stream is on its way.
            stream.path_free.clear()
            waiting = asyncio.gather(*earlier, return_exceptions=True)
            waiting.add_done_callback(lambda _: stream.path_free.set())

    def _ended(self, task: asyncio.Task[None]) -> None:
        stream = self._running.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            stream.report.state, stream.report.error = "failed", redacted(repr(error))
            stream.report.finished_at = time.time()
            self._metrics.stream_failures.labels("internal_error").inc()
            _log.error("stream_crashed", stream_id=stream.report.stream_id, exc_info=error)

    def _forget_oldest(self, present: set[tuple[str, str, float | None]]) -> None:
        past = [
            key
            for key, stream in self._streams.items()
            if stream.report.ended and key not in present
        ]
        for key in past[: max(0, len(past) - MAX_PAST_STREAMS)]:
            self._streams.pop(key).forget()


def stream_id_for(name: str) -> str:
    """Return a new stream's id: its name, fit for a URL, and a part that is its own."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:100]
    return f"{readable}-{uuid4().hex[:8]}"
