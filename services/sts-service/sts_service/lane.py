"""The fragments of one stream that wait for a worker, and those that are with one."""

import asyncio
import time
from collections.abc import Callable

import structlog

from services.contracts import ErrorCode
from sts_service.fragments import Fragment
from sts_service.job import Failure, FragmentJob, Outcome, TimeLimits
from sts_service.metrics import Metrics
from sts_service.pool import Workers

_log = structlog.get_logger()


class Lane:
    """A bounded queue, and as many fragments at a time with the workers as were agreed.

    ``begun`` is called when a worker takes a fragment, ``done`` with what became of it; neither
    is called after ``close``.
    """

    def __init__(
        self,
        share: str,
        *,
        capacity: int,
        abreast: int,
        workers: Workers,
        limits: TimeLimits,
        metrics: Metrics,
        begun: Callable[[Fragment], None],
        done: Callable[[Fragment, Outcome], None],
    ) -> None:
        self._share = share
        self._workers = workers
        self._limits = limits
        self._metrics = metrics
        self._begun = begun
        self._done = done
        self._queue: asyncio.Queue[tuple[Fragment, FragmentJob]] = asyncio.Queue(capacity)
        self._closed = False
        self._consumers = [asyncio.create_task(self._consume()) for _ in range(abreast)]
        self.waiting = 0
        self.in_work = 0

    def put(self, fragment: Fragment, job: FragmentJob) -> None:
        """Add a fragment; the caller sees to it that there is room."""
        self._queue.put_nowait((fragment, job))
        self.waiting += 1
        self._metrics.queue_depth.inc()

    def close(self) -> list[asyncio.Task[None]]:
        """Drop what is waiting; what a worker has in hand finishes unheard.

        Returns the tasks that are ending, for somebody to wait for. A second call is idle.
        """
        self._closed = True
        self._metrics.queue_depth.dec(self.waiting)
        self._metrics.inflight.dec(self.in_work)
        self.waiting = self.in_work = 0
        consumers, self._consumers = self._consumers, []
        for consumer in consumers:
            consumer.cancel()
        return consumers

    async def _consume(self) -> None:
        while True:
            fragment, job = await self._queue.get()
            outcome = await self._dubbed(fragment, job)
            if self._closed:
                return
            if fragment.taken_at is None:
                self._begin(fragment)
            self.in_work -= 1
            self._metrics.inflight.dec()
            try:
                self._done(fragment, outcome)
            except Exception:  # noqa: BLE001 - a task's edge: the stream must not stall
                self._log(fragment, "consumer_stumbled")

    async def _dubbed(self, fragment: Fragment, job: FragmentJob) -> Outcome:
        def taken() -> None:
            if not self._closed:
                self._begin(fragment)

        try:
            return await self._workers.process(
                job, share=self._share, limits=self._limits, taken=taken
            )
        except Exception as error:  # noqa: BLE001 - a task's edge: the stream must not stall
            self._log(fragment, "fragment_lost")
            message = f"{type(error).__name__}: {error}"
            return Outcome(failure=Failure(ErrorCode.MODEL_ERROR, message))

    def _begin(self, fragment: Fragment) -> None:
        fragment.taken_at = time.monotonic()
        self.waiting -= 1
        self.in_work += 1
        self._metrics.queue_depth.dec()
        self._metrics.inflight.inc()
        self._begun(fragment)

    def _log(self, fragment: Fragment, event: str) -> None:
        _log.exception(event, stream_id=self._share, fragment_id=str(fragment.fragment_id))
