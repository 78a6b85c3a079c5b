"""A client that does anything at any time, against a real server: order, repeats, breaks, load."""

import asyncio
import struct
from collections import Counter, deque
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from services.contracts import (
    Backpressure,
    ErrorCode,
    ErrorEvent,
    FragmentAck,
    FragmentData,
    FragmentProcessed,
    StreamComplete,
    StreamControl,
    StreamReady,
)
from sts_service.app import Service
from sts_service.engines.registry import EngineInfo
from sts_service.job import FragmentJob, Outcome, TimeLimits
from sts_service.pool import Taken, WorkersState
from sts_service.settings import Settings
from sts_service.turns import Turns
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import metric, until

GAP_S = 0.05
CAPACITY, PAUSE_AT, SLOW_DOWN_AT = 5, 4, 2
SETTINGS = Settings(
    host="127.0.0.1",
    port=0,
    shutdown_grace=0,
    gap_timeout_s=GAP_S,
    queue_capacity=CAPACITY,
    backpressure_pause_at=PAUSE_AT,
    backpressure_slow_down_at=SLOW_DOWN_AT,
    backpressure_relieved_at=1,
)
INFO = EngineInfo(
    profile="hand",
    asr="a",
    translation="b",
    tts="c",
    models={"asr": "a", "translation": "b", "tts": "c"},
    pairs=frozenset({("en", "es")}),
)


class HandWorkers:
    """Two workers that finish what they have when they are told to, in whatever order."""

    state = WorkersState(total=2)

    def __init__(self) -> None:
        self._turns: Turns[None] = Turns()
        self.hands: deque[tuple[FragmentJob, asyncio.Future[Outcome]]] = deque()
        self.numbers: list[int] = []
        for _ in range(2):
            self._turns.give(None)

    async def start(self) -> EngineInfo:
        return INFO

    async def process(
        self, job: FragmentJob, *, share: str, limits: TimeLimits, taken: Taken
    ) -> Outcome:
        await self._turns.take(share)
        taken()
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.hands.append((job, outcome))
        self.numbers.append(number_of(job.decoded().pcm))
        try:
            return await outcome
        finally:
            self._turns.give(None)

    def finish(self, which: int) -> None:
        job, outcome = self.hands[which % len(self.hands)]
        self.hands.remove((job, outcome))
        number = str(number_of(job.decoded().pcm))
        outcome.set_result(Outcome(number, number, job.decoded().pcm))

    async def stop(self) -> None:
        for _, outcome in self.hands:
            outcome.cancel()


def number_of(pcm: bytes) -> int:
    return int(struct.unpack_from("<i", pcm)[0])


class Conversation(RuleBasedStateMachine):
    """What is true whatever happens: each fragment that was taken in is processed once, answered
    with its own result, and the client learns the results in the order of their numbers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.probe: Probe | None = None
        self.accepted: dict[int, FragmentData] = {}
        self.learnt: list[int] = []
        self.next_number = 0
        self.paused = False
        self.asked: Counter[UUID] = Counter()

    @initialize()
    def begin(self) -> None:
        async def begin() -> None:
            self.workers = HandWorkers()
            self.service = Service(SETTINGS, self.workers)
            await self.service.listen()
            await self.service.load()
            self.probe = await self._connected()
            await self.probe.say("stream:init", init())
            (ready,) = await self.probe.expect(StreamReady)
            self.session_id = ready.session_id

        self.runner.run(begin())

    @precondition(lambda self: self.probe is not None)
    @rule(skipped=st.sampled_from([0, 0, 0, 0, 1, 3]))
    def send_the_next(self, skipped: int) -> None:
        self.runner.run(self._send_next(skipped))

    @precondition(lambda self: self.probe is not None and self.accepted)
    @rule(which=st.integers(0, 100))
    def send_one_again(self, which: int) -> None:
        self.runner.run(self._send_again(which))

    @precondition(lambda self: self.workers.hands)
    @rule(which=st.integers(0, 1))
    def finish_one(self, which: int) -> None:
        async def finish() -> None:
            self.workers.finish(which)

        self.runner.run(finish())

    @precondition(lambda self: self.probe is not None)
    @rule()
    def say_what_was_received(self) -> None:
        async def acknowledge(probe: Probe) -> None:
            for result in probe.of(FragmentProcessed):
                await probe.acknowledge(result.fragment_id)

        assert self.probe is not None
        self.runner.run(acknowledge(self.probe))

    @precondition(lambda self: self.probe is not None)
    @rule()
    def pause_or_resume(self) -> None:
        self.paused = not self.paused
        self.runner.run(self._pause_or_resume())

    @precondition(lambda self: self.probe is not None)
    @rule()
    def break_the_connection(self) -> None:
        self.runner.run(self._broken())

    @precondition(lambda self: self.probe is None)
    @rule()
    def come_back(self) -> None:
        self.runner.run(self._back())

    @invariant()
    def results_are_learnt_in_order_and_are_their_fragments_own(self) -> None:
        self._learn()
        assert self.learnt == sorted(set(self.learnt))

    @invariant()
    def nothing_is_answered_more_often_than_it_was_asked_for(self) -> None:
        if self.probe is not None:
            results = self.probe.of(FragmentProcessed)
            answered = Counter(result.fragment_id for result in results)
            assert answered <= self.asked

    @invariant()
    def nothing_is_processed_twice(self) -> None:
        if hasattr(self, "workers"):
            assert len(self.workers.numbers) == len(set(self.workers.numbers))

    @invariant()
    def advice_only_tells_changes(self) -> None:
        if self.probe is not None:
            advice = ["none", *(event.action for event in self.probe.of(Backpressure))]
            assert all(old != new for old, new in pairwise(advice))

    def teardown(self) -> None:
        if hasattr(self, "service"):
            try:
                self.runner.run(self._to_the_end())
            finally:
                self.runner.run(self.service.stop())
        self.runner.close()

    async def _say(self, data: FragmentData) -> None:
        assert self.probe is not None
        self.asked[data.fragment_id] += 1
        await self.probe.say("fragment:data", data)

    async def _connected(self) -> Probe:
        self.asked.clear()
        return await Probe(f"http://127.0.0.1:{self.service.port}").connect()

    async def _answer_to(self, fragment_id: UUID, said: int) -> Any:
        """Return the first thing said about a fragment since ``said`` things were."""
        assert self.probe is not None
        probe = self.probe

        def about() -> list[Any]:
            kinds = (FragmentAck, FragmentProcessed, ErrorEvent)
            events = [heard.event for heard in probe.heard[said:]]
            return [
                event
                for event in events
                if isinstance(event, kinds) and str(event.fragment_id) == str(fragment_id)
            ]

        await until(lambda: bool(about()))
        return about()[0]

    async def _pause_or_resume(self) -> None:
        assert self.probe is not None
        event = "stream:pause" if self.paused else "stream:resume"
        await self.probe.say(event, StreamControl(stream_id="s"))
        # It has no answer, and must not get lost in a break that comes right after it.
        stream = self.service._streams._streams["s"]
        await until(lambda: stream._paused == self.paused)

    async def _send_next(self, skipped: int) -> None:
        assert self.probe is not None
        number = self.next_number + skipped
        data = fragment(number, struct.pack("<i", number) * 240)
        said = len(self.probe.heard)
        full = metric(self.service, "sts_queue_depth") == CAPACITY
        await self._say(data)
        answer = await self._answer_to(data.fragment_id, said)
        if self.paused:
            assert answer.code is ErrorCode.STREAM_PAUSED
            return
        if isinstance(answer, ErrorEvent):
            assert (answer.code, full) == (ErrorCode.QUEUE_FULL, True)
            return
        self.accepted[number] = data
        self.next_number = number + 1
        if skipped:
            (warning,) = [
                heard.event
                for heard in self.probe.heard[said:]
                if isinstance(heard.event, ErrorEvent)
            ]
            assert warning.code is ErrorCode.INVALID_SEQUENCE
            assert warning.metadata == {"missing_from": number - skipped, "missing_to": number - 1}
        if metric(self.service, "sts_queue_depth") >= PAUSE_AT:
            await self.probe.expect(Backpressure, where=lambda event: event.action == "pause")

    async def _send_again(self, which: int) -> None:
        assert self.probe is not None
        numbers = sorted(self.accepted)
        data = self.accepted[numbers[which % len(numbers)]]
        said = len(self.probe.heard)
        await self._say(data)
        answer = await self._answer_to(data.fragment_id, said)
        if isinstance(answer, ErrorEvent):
            # Only what the client has said that it has, a good while ago, may be forgotten.
            assert answer.code is ErrorCode.INVALID_SEQUENCE
            assert data.sequence_number in self.learnt

    async def _broken(self) -> None:
        assert self.probe is not None
        self._learn()
        self.probe.vanish()
        await until(lambda: metric(self.service, "sts_connections") == 0)
        self._learn()
        self.probe = None

    async def _back(self) -> None:
        self.probe = await self._connected()
        await self.probe.say("stream:init", init(session_id=self.session_id))
        (ready,) = await self.probe.expect(StreamReady)
        assert ready.resumed
        assert ready.next_sequence == max(self.accepted, default=-1) + 1
        for number, data in sorted(self.accepted.items()):
            if number not in self.learnt:
                await self._say(data)

    def _learn(self) -> None:
        if self.probe is None:
            return
        for result in self.probe.of(FragmentProcessed):
            assert result.transcript == str(result.sequence_number)
            assert result.fragment_id == self.accepted[result.sequence_number].fragment_id
            if result.sequence_number not in self.learnt:
                self.learnt.append(result.sequence_number)

    async def _to_the_end(self) -> None:
        if self.probe is None:
            await self._back()
        assert self.probe is not None
        await self.probe.say("stream:end", StreamControl(stream_id="s"))
        async with asyncio.timeout(10):
            while not self.probe.of(StreamComplete):
                while self.workers.hands:
                    self.workers.finish(0)
                await asyncio.sleep(0.005)
        self._learn()
        (complete,) = self.probe.of(StreamComplete)
        assert self.learnt == sorted(self.accepted)
        assert sorted(self.workers.numbers) == sorted(self.accepted)
        assert complete.total_fragments == complete.statistics.success_count == len(self.accepted)
        advice = self.probe.of(Backpressure)
        assert not advice or advice[-1].action == "none"
        await self.probe.client.disconnect()


TestConversation = pytest.mark.timeout(300)(Conversation.TestCase)
TestConversation.settings = hypothesis_settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
