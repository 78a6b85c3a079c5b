"""One worker process that holds loaded engines, and the next one when it has died."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context

import structlog
from pebble import CONSTS, ProcessExpired, ProcessPool

from services.contracts import ErrorCode, Stage
from sts_service import worker
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import EngineInfo
from sts_service.job import Failure, FragmentJob, Outcome, Progress, TimeLimits

_log = structlog.get_logger()

# Inside an engine's native code a process does not hear SIGTERM: do not wait long before SIGKILL.
CONSTS.term_timeout = 0.5

_SHORTEST_S = 0.001


class WorkerSlot:
    """One worker process at a time.

    A pool of one: Pebble gives up a whole pool when an idle worker dies, and then only this slot
    starts afresh. ``sound`` while the process is known to have its engines; ``down`` says why
    they could not be loaded.
    """

    def __init__(self, prepare: Callable[[], None], load_timeout_s: float) -> None:
        self._prepare = prepare
        self._load_timeout_s = load_timeout_s
        self._pool = self._new_pool()
        self._stuck = False
        self._info: EngineInfo | None = None
        self.sound = False
        self.down: str | None = None

    def _new_pool(self) -> ProcessPool:
        return ProcessPool(
            max_workers=1,
            initializer=self._prepare,
            context=get_context("spawn"),
        )

    @property
    def alive(self) -> bool:
        """Whether its process, once started, is not known to have died."""
        return bool(self._pool.active)

    async def load(self) -> EngineInfo:
        """Load, or say what is loaded; ``EngineLoadError`` where it is not what it was at first."""
        try:
            await asyncio.to_thread(_start, self._pool)
            future = self._pool.schedule(worker.report)
            description = await asyncio.wait_for(asyncio.wrap_future(future), self._load_timeout_s)
        except TimeoutError as error:
            message = (
                f"a worker did not load within {self._load_timeout_s:g} s; remedy: a higher "
                "LOAD_TIMEOUT, or fewer STS_WORKERS"
            )
            raise EngineLoadError(message) from error
        except (ProcessExpired, BrokenProcessPool, RuntimeError) as error:
            cause = error.__cause__ or error
            raise EngineLoadError(f"a worker died while loading: {cause}") from error
        except OSError as error:
            raise EngineLoadError(f"a worker cannot be started: {error}") from error
        self._info = self._info or description
        require_same(self._info, description)
        self.sound, self.down = True, None
        return description

    async def reload(self) -> None:
        """Load again, in another process where there is none; ``EngineLoadError`` if it fails."""
        try:
            if self._stuck or not self._pool.active:
                _log.warning("worker_replaced")
                await self.stop()
                self._pool = self._new_pool()
                self._stuck = False
            await self.load()
        except EngineLoadError as error:
            self._lost(str(error))
            raise
        except (OSError, RuntimeError) as error:
            # No process, no pipe or no thread is to be had: the slot must not be lost with it.
            message = f"a worker cannot be started: {error}"
            self._lost(message)
            raise EngineLoadError(message) from error

    async def run(self, job: FragmentJob, limits: TimeLimits) -> Outcome:
        """Run the stages, each within its own limit and all within the fragment's.

        A stage whose time is over is ended with its process; what was made before it stays.
        """
        progress = Progress()
        try:
            self.sound = False
            over_at = time.monotonic() + limits.fragment_s
            while progress.stage is not None:
                left_s = over_at - time.monotonic()
                progress = await self._step(job, progress, min(left_s, limits.of(progress.stage)))
                job = replace(job, pcm=b"", in_base64=False)
        except TimeoutError:
            in_all = time.monotonic() >= over_at
            failure = Failure(
                ErrorCode.TIMEOUT, limits.told(progress.stage, in_all=in_all), progress.stage
            )
        except EngineLoadError as error:
            failure = Failure(ErrorCode.MODEL_ERROR, str(error))
        except (OSError, RuntimeError) as error:
            _log.warning("worker_died", error=str(error))
            failure = Failure(ErrorCode.MODEL_ERROR, f"the worker died: {error}")
        else:
            self.sound = True
            return progress.outcome
        return replace(progress.outcome, failure=failure)

    async def _step(self, job: FragmentJob, progress: Progress, timeout_s: float) -> Progress:
        timeout_s = max(timeout_s, _SHORTEST_S)
        future = self._pool.schedule(worker.run, args=(job, progress), timeout=timeout_s)
        try:
            # Pebble counts from when the process takes the task; a process that died unseen has
            # to load first, so what bounds the whole wait is longer.
            return await asyncio.wait_for(
                asyncio.wrap_future(future), timeout_s + self._load_timeout_s
            )
        except TimeoutError:
            self._stuck = future.cancelled()
            raise

    def _lost(self, why: str) -> None:
        self.sound, self._stuck, self.down = False, True, why

    async def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._pool.stop()  # type: ignore[no-untyped-call] # pebble leaves it unannotated
        await asyncio.to_thread(self._pool.join)


def _start(pool: ProcessPool) -> None:
    """Start the process of a pool that has none yet, which takes too long for an event loop."""
    if not pool.active:
        raise BrokenProcessPool("its process ended")


def require_same(first: EngineInfo, other: EngineInfo) -> None:
    """Raise ``EngineLoadError`` where two workers do not have the same engines and models."""
    for stage in Stage:
        was, now = first.label(stage), other.label(stage)
        if was != now:
            raise EngineLoadError(
                f"the {stage.value} model is not the one that was loaded first: {now} instead of "
                f"{was}; remedy: put that one back, or start the service again"
            )
