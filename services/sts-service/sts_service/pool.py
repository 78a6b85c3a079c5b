"""Worker processes: each holds loaded engines and works on one fragment at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog

from services.contracts import ErrorCode
from sts_service import worker
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import EngineInfo, Selection
from sts_service.job import Failure, FragmentJob, Outcome, TimeLimits
from sts_service.turns import Turns
from sts_service.worker_slot import WorkerSlot, require_same

_log = structlog.get_logger()

RELOAD_DELAY_S = 1.0
_MAX_RELOAD_DELAY_S = 60.0
"""An engine that cannot be loaded is tried again after twice as long each time."""

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
        self._slots = [WorkerSlot(prepare, load_timeout_s) for _ in range(size)]
        self._turns: Turns[WorkerSlot] = Turns()
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
            require_same(first, other)
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

    async def _free_slot(self, share: str) -> WorkerSlot:
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
        self, slot: WorkerSlot, job: FragmentJob, limits: TimeLimits, taken: Taken
    ) -> Outcome:
        try:
            taken()
            return await slot.run(job, limits)
        finally:
            if slot.sound:
                self._turns.give(slot)
            elif not self._stopping:
                self._recover_aside(slot)

    def _recover_aside(self, slot: WorkerSlot) -> None:
        recovery = asyncio.create_task(self._recover(slot))
        self._recoveries.add(recovery)
        recovery.add_done_callback(self._recoveries.discard)

    async def _recover(self, slot: WorkerSlot) -> None:
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
