"""Worker processes: each holds loaded engines and works on one fragment at a time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import Protocol

import structlog
from pebble import CONSTS, ProcessExpired, ProcessPool

from services.contracts import ErrorCode, Stage
from sts_service import worker
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import EngineInfo, Selection
from sts_service.job import Failure, FragmentJob, Outcome, Progress, TimeLimits
from sts_service.turns import Turns

_log = structlog.get_logger()

# Inside an engine's native code a process does not hear SIGTERM: do not wait long before SIGKILL.
CONSTS.term_timeout = 0.5

RELOAD_DELAY_S = 1.0
_MAX_RELOAD_DELAY_S = 60.0
"""An engine that cannot be loaded is tried again after twice as long each time."""

_SHORTEST_S = 0.001

Taken = Callable[[], None]


def _nobody() -> None:
    """Nobody counts."""


@dataclass(frozen=True)
class WorkersState:
    """How many workers there are, and why some of them have no engines."""

    total: int
    down: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is a worker that has its engines, or may have them soon."""
        return len(self.down) < self.total


class Workers(Protocol):
    """Something that dubs fragments outside the event loop."""

    @property
    def state(self) -> WorkersState:
        """How the workers are."""

    async def start(self) -> EngineInfo:
        """Return once all workers have loaded; ``EngineLoadError`` if they cannot."""

    async def process(
        self, job: FragmentJob, *, share: str, limits: TimeLimits, taken: Taken
    ) -> Outcome:
        """Dub one fragment; ``taken`` is called when a worker has it. A failure is an outcome.

        The workers go to one ``share`` after another, however much work each of them has.
        """

    async def stop(self) -> None:
        """End all workers, whatever they are doing."""


class WorkerPool:
    """A fixed number of processes, each in a slot that replaces it when it dies or hangs.

    A slot gets work only while its process has its engines; one that lost them loads again in
    the background, for as long as it takes. ``start_failed`` is called each time that it cannot.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        size: int,
        load_timeout_s: float,
        log_level: str = "INFO",
        yielding: bool = False,
        start_failed: Callable[[], None] = _nobody,
    ) -> None:
        prepare = partial(worker.prepare, selection, log_level, yielding)
        self._slots = [_Slot(prepare, load_timeout_s) for _ in range(size)]
        self._turns: Turns[_Slot] = Turns()
        self._running: set[asyncio.Task[Outcome]] = set()
        self._recoveries: set[asyncio.Task[None]] = set()
        self._start_failed = start_failed
        self._stopping = False

    @property
    def state(self) -> WorkersState:
        """How the workers are."""
        down = tuple(slot.down for slot in self._slots if slot.down is not None)
        return WorkersState(total=len(self._slots), down=down)

    async def start(self) -> EngineInfo:
        """Load all workers side by side."""
        first, *others = await asyncio.gather(*(slot.load() for slot in self._slots))
        for other in others:
            _same(first, other)
        for slot in self._slots:
            self._turns.give(slot)
        return first

    async def process(
        self, job: FragmentJob, *, share: str, limits: TimeLimits, taken: Taken
    ) -> Outcome:
        """Dub one fragment in the slot that is free first, when it is this share's turn."""
        try:
            slot = await self._free_slot(share)
        except EngineLoadError as error:
            return Outcome(failure=Failure(ErrorCode.MODEL_ERROR, str(error)))
        task = asyncio.create_task(self._in_slot(slot, job, limits, taken))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # Who waits may go away; the slot is free only when its process really is.
        return await asyncio.shield(task)

    async def stop(self) -> None:
        """End all processes."""
        self._stopping = True
        for recovery in self._recoveries:
            recovery.cancel()
        await asyncio.gather(*self._recoveries, return_exceptions=True)
        await asyncio.gather(*(slot.stop() for slot in self._slots))

    async def _free_slot(self, share: str) -> "_Slot":
        if not self._turns.any_free and not self.state.usable:
            raise self._no_worker()
        while True:
            slot = await self._turns.take(share)
            if slot.alive or self._stopping:
                return slot
            # It died idle: what takes it up again must not hold a fragment back.
            self._recover_aside(slot)

    def _no_worker(self) -> EngineLoadError:
        return EngineLoadError(f"no worker can load its engines: {self.state.down[0]}")

    async def _in_slot(
        self, slot: "_Slot", job: FragmentJob, limits: TimeLimits, taken: Taken
    ) -> Outcome:
        try:
            taken()
            return await slot.run(job, limits)
        finally:
            if slot.sound:
                self._turns.give(slot)
            elif not self._stopping:
                self._recover_aside(slot)

    def _recover_aside(self, slot: "_Slot") -> None:
        recovery = asyncio.create_task(self._recover(slot))
        self._recoveries.add(recovery)
        recovery.add_done_callback(self._recoveries.discard)

    async def _recover(self, slot: "_Slot") -> None:
        delay_s = RELOAD_DELAY_S
        while True:
            try:
                await slot.reload()
                break
            except EngineLoadError as error:
                self._start_failed()
                _log.error("worker_down", error=str(error), retry_after_s=delay_s)
                if not self.state.usable:
                    self._turns.refuse(self._no_worker())
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, _MAX_RELOAD_DELAY_S)
        self._turns.give(slot)


class _Slot:
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
        _same(self._info, description)
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
        self._pool.stop()  # type: ignore[no-untyped-call] # pebble leaves it unannotated
        await asyncio.to_thread(self._pool.join)


def _start(pool: ProcessPool) -> None:
    """Start the process of a pool that has none yet, which takes too long for an event loop."""
    if not pool.active:
        raise BrokenProcessPool("its process ended")


def _same(first: EngineInfo, other: EngineInfo) -> None:
    """Raise ``EngineLoadError`` where two workers do not have the same engines and models."""
    for stage in Stage:
        was, now = first.label(stage), other.label(stage)
        if was != now:
            raise EngineLoadError(
                f"the {stage.value} model is not the one that was loaded first: {now} instead of "
                f"{was}; remedy: put that one back, or start the service again"
            )
