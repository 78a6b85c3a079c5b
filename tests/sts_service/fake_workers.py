"""Workers without processes: the real pipeline on fake engines, with the test in command."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

from services.contracts import ErrorCode
from sts_service.engines.registry import Choice, EngineInfo, Engines, Selection, describe
from sts_service.job import Failure, FragmentJob, Outcome, TimeLimits
from sts_service.pipeline import dub
from sts_service.pool import Taken, WorkersState
from sts_service.turns import Turns

FAKES = Selection(
    profile="fake",
    asr=Choice("tests.sts_service.fake_asr"),
    translation=Choice("tests.sts_service.fake_translation"),
    tts=Choice("tests.sts_service.fake_tts"),
)


class FakeWorkers:
    """As many fragments side by side as asked for; none is finished while ``gate`` is closed."""

    def __init__(self, engines: Engines, *, size: int = 8) -> None:
        self._engines = engines
        self._turns: Turns[None] = Turns()
        for _ in range(size):
            self._turns.give(None)
        self._random = random.Random(4)
        self.gate = asyncio.Event()
        self.gate.set()
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.shuffle = False
        self.crash: Callable[[], None] | None = None
        self.outcome: Outcome | None = None
        self.processed = 0
        self.delays_s: list[float] = []
        self.stopped = False
        self.state = WorkersState(total=size)

    async def start(self) -> EngineInfo:
        await self.loaded.wait()
        return describe(FAKES, self._engines)

    async def process(
        self, job: FragmentJob, *, share: str, limits: TimeLimits, taken: Taken
    ) -> Outcome:
        await self._turns.take(share)
        try:
            return await self._in_hand(job, limits, taken)
        finally:
            self._turns.give(None)

    async def _in_hand(self, job: FragmentJob, limits: TimeLimits, taken: Taken) -> Outcome:
        taken()
        try:
            await asyncio.wait_for(self.gate.wait(), limits.fragment_s)
        except TimeoutError:
            return Outcome(failure=Failure(ErrorCode.TIMEOUT, "too slow"))
        if self.shuffle:
            await asyncio.sleep(self._random.random() * 0.02)
        if self.crash is not None:
            self.crash()
        self.processed += 1
        self.delays_s.append(job.debug_delay_s)
        if self.outcome is not None:
            outcome, self.outcome = self.outcome, None
            return outcome
        return dub(self._engines, replace(job, debug_delay_s=0.0))

    async def stop(self) -> None:
        self.stopped = True
