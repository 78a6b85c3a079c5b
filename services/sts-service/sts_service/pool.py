"""Worker processes: each holds loaded engines and works on one fragment at a time."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Protocol

import structlog
from pebble import CONSTS, ProcessExpired, ProcessPool

from services.contracts import ErrorCode
from sts_service import worker
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import Description, Selection
from sts_service.job import Failure, FragmentJob, Outcome

_log = structlog.get_logger()

# Inside an engine's native code a process does not hear SIGTERM: do not wait long before SIGKILL.
CONSTS.term_timeout = 0.5

Taken = Callable[[], Awaitable[None]]


class Workers(Protocol):
    """Something that dubs fragments outside the event loop."""

    async def start(self) -> Description:
        """Return once all workers have loaded; ``EngineLoadError`` if they cannot."""

    async def process(self, job: FragmentJob, *, timeout_s: float, taken: Taken) -> Outcome:
        """Dub one fragment; ``taken`` is awaited when a worker has it. A failure is an outcome."""

    async def stop(self) -> None:
        """End all workers, whatever they are doing."""


class WorkerPool:
    """A fixed number of processes, each in a slot that replaces it when it dies or hangs."""

    def __init__(
        self, selection: Selection, *, size: int, load_timeout_s: float, log_level: str = "INFO"
    ) -> None:
        self._slots = [_Slot(selection, load_timeout_s, log_level) for _ in range(size)]
        self._free: asyncio.Queue[_Slot] = asyncio.Queue(maxsize=size)
        self._running: set[asyncio.Task[Outcome]] = set()

    async def start(self) -> Description:
        """Load all workers side by side."""
        descriptions = await asyncio.gather(*(slot.load() for slot in self._slots))
        for slot in self._slots:
            self._free.put_nowait(slot)
        return descriptions[0]

    async def process(self, job: FragmentJob, *, timeout_s: float, taken: Taken) -> Outcome:
        """Dub one fragment in the slot that is free first."""
        slot = await self._free.get()
        task = asyncio.create_task(self._in_slot(slot, job, timeout_s, taken))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Who waits may go away; the slot is free only when its process really is.
        return await asyncio.shield(task)

    async def _in_slot(
        self, slot: "_Slot", job: FragmentJob, timeout_s: float, taken: Taken
    ) -> Outcome:
        try:
            await taken()
            return await slot.run(job, timeout_s)
        finally:
            self._free.put_nowait(slot)

    async def stop(self) -> None:
        """End all processes."""
        await asyncio.gather(*(slot.stop() for slot in self._slots))


class _Slot:
    """One worker process at a time.

    A pool of one: Pebble gives up a whole pool when an idle worker dies, and then only this slot
    starts afresh.
    """

    def __init__(self, selection: Selection, load_timeout_s: float, log_level: str) -> None:
        self._selection = selection
        self._load_timeout_s = load_timeout_s
        self._log_level = log_level
        self._pool = self._new_pool()
        self._stuck = False

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            initializer=worker.prepare,
            initargs=(self._selection, self._log_level),
            context=get_context("spawn"),
        )

    async def load(self) -> Description:
        try:
            future = self._pool.schedule(worker.report)
            return await asyncio.wait_for(asyncio.wrap_future(future), self._load_timeout_s)
        except TimeoutError as error:
            message = f"a worker did not load within {self._load_timeout_s:g} s"
            raise EngineLoadError(message) from error
        except (ProcessExpired, BrokenProcessPool) as error:
            raise EngineLoadError(f"a worker died while loading: {error}") from error

    async def run(self, job: FragmentJob, timeout_s: float) -> Outcome:
        if self._stuck or not self._pool.active:
            await self._replace()
        # Pebble counts from when the process takes the task; a process that died before has to
        # load first, so what bounds the whole wait is longer.
        deadline_s = timeout_s + self._load_timeout_s
        try:
            future = self._pool.schedule(worker.run, args=(job,), timeout=timeout_s)
            return await asyncio.wait_for(asyncio.wrap_future(future), deadline_s)
        except TimeoutError:
            self._stuck = future.cancelled()
            message = f"not processed within {timeout_s:g} s"
            return Outcome(failure=Failure(ErrorCode.TIMEOUT, message))
        except (ProcessExpired, BrokenProcessPool, RuntimeError) as error:
            _log.warning("worker_died", error=str(error))
            return Outcome(failure=Failure(ErrorCode.MODEL_ERROR, f"the worker died: {error}"))

    async def _replace(self) -> None:
        _log.warning("worker_replaced")
        await self.stop()
        self._pool = self._new_pool()
        self._stuck = False

    async def stop(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call] # pebble leaves it unannotated
        await asyncio.to_thread(self._pool.join)
