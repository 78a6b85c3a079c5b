"""A broken connection, at every step of the exchange: nothing lost, nothing twice, in order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.contracts import (
    Backpressure,
    ErrorCode,
    ErrorEvent,
    FragmentAck,
    FragmentProcessed,
    StreamComplete,
    StreamControl,
    StreamReady,
)
from sts_service.app import Service
from sts_service.settings import Settings
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import SETTINGS, Connect, metric, until
from tests.sts_service.sounds import level

Broken = Callable[[Probe], Awaitable[Probe]]


@pytest.fixture
async def reconnected(connect: Connect, service: Service) -> Broken:
    """Break a client's connection; return another one, without its stream yet."""

    async def reconnected(probe: Probe) -> Probe:
        there = metric(service, "sts_connections")
        probe.vanish()
        await until(lambda: metric(service, "sts_connections") == there - 1)
        return await connect()

    return reconnected


async def session_of(probe: Probe) -> str:
    (ready,) = await probe.expect(StreamReady)
    return ready.session_id


async def resume(probe: Probe, session_id: str, **changes: Any) -> StreamReady:
    await probe.say("stream:init", init(session_id=session_id, **changes))
    (ready,) = await probe.expect(StreamReady)
    return ready


class TestResuming:
    async def test_what_was_in_work_is_answered_on_the_new_connection(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        sent = [fragment(sequence, level(0.1 + sequence / 10)) for sequence in range(3)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.expect(FragmentAck, 6)
        session = await session_of(opened)
        again = await reconnected(opened)
        assert metric(service, "sts_sessions_detached") == 1
        ready = await resume(again, session)
        assert (ready.resumed, ready.session_id, ready.next_sequence) == (True, session, 3)
        assert metric(service, "sts_sessions_detached") == 0
        for data in sent:
            await again.say("fragment:data", data)
        acks = await again.expect(FragmentAck, 3)
        assert [ack.status for ack in acks] == ["processing"] * 3
        workers.gate.set()
        results = await again.expect(FragmentProcessed, 3)
        assert [result.transcript for result in results] == ["one", "two", "three"]
        assert workers.processed == 3
        assert metric(service, "sts_sessions_resumed_total") == 1

    async def test_what_was_finished_meanwhile_is_there_for_the_asking(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        sent = [fragment(sequence, level(0.1)) for sequence in range(3)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.expect(FragmentAck, 6)
        session = await session_of(opened)
        again = await reconnected(opened)
        workers.gate.set()
        await until(lambda: workers.processed == 3)
        await resume(again, session)
        assert again.of(FragmentProcessed) == []
        for data in sent:
            await again.say("fragment:data", data)
        results = await again.expect(FragmentProcessed, 3)
        assert [result.sequence_number for result in results] == [0, 1, 2]
        assert workers.processed == 3

    async def test_newer_results_wait_for_what_the_client_has_to_ask_for(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers
    ) -> None:
        sent = [fragment(sequence, level(0.1)) for sequence in range(3)]
        await opened.say("fragment:data", sent[0])
        await opened.say("fragment:data", sent[1])
        await opened.expect(FragmentProcessed, 2)
        workers.gate.clear()
        await opened.say("fragment:data", sent[2])
        await opened.expect(FragmentAck, 6)
        session = await session_of(opened)
        again = await reconnected(opened)
        await resume(again, session)
        workers.gate.set()
        await until(lambda: workers.processed == 3)
        await again.say("fragment:data", sent[0])
        await again.acknowledge(sent[1].fragment_id)
        results = await again.expect(FragmentProcessed, 2)
        assert [result.sequence_number for result in results] == [0, 2]

    @pytest.mark.parametrize("settings", [SETTINGS | {"gap_timeout_s": 0.2}], indirect=True)
    async def test_they_do_not_wait_for_ever(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers
    ) -> None:
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)
        workers.gate.clear()
        await opened.say("fragment:data", fragment(1, level(0.1)))
        await opened.expect(FragmentAck, 4)
        session = await session_of(opened)
        again = await reconnected(opened)
        await resume(again, session)
        workers.gate.set()
        (result,) = await again.expect(FragmentProcessed)
        assert result.sequence_number == 1

    async def test_what_ends_before_it_is_asked_for_comes_once(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        sent = fragment(0, level(0.1))
        await opened.hand_over(sent)
        session = await session_of(opened)
        again = await reconnected(opened)
        await resume(again, session)
        workers.gate.set()
        await until(lambda: workers.processed == 1)
        await again.say("fragment:data", sent)
        await again.expect(FragmentProcessed)
        await again.say("stream:end", StreamControl(stream_id="s"))
        await again.expect(StreamComplete)
        assert len(again.of(FragmentProcessed)) == 1

    async def test_something_new_says_that_the_rest_is_there(
        self, opened: Probe, reconnected: Broken
    ) -> None:
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)
        session = await session_of(opened)
        again = await reconnected(opened)
        await resume(again, session)
        async with asyncio.timeout(1):
            await again.say("fragment:data", fragment(1, level(0.1)))
            (result,) = await again.expect(FragmentProcessed)
        assert result.sequence_number == 1

    async def test_what_is_not_asked_for_again_is_kept_no_longer_than_what_was_received(
        self, opened: Probe, reconnected: Broken, service: Service
    ) -> None:
        sent = [fragment(sequence, level(0.1)) for sequence in range(12)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.expect(FragmentProcessed, 12)
        session = await session_of(opened)
        again = await reconnected(opened)
        await resume(again, session)
        await again.say("fragment:data", sent[4])
        await again.say("fragment:data", fragment(12, level(0.1)))
        await again.expect(FragmentProcessed, 2)
        # The one asked for again, the new one, and of the others the last six.
        held_bytes = metric(service, "sts_held_bytes")
        assert held_bytes == 8 * 2 * len(sent[0].audio.data_base64)
        for data in (sent[4], *sent[6:]):
            await again.say("fragment:data", data)
        results = await again.expect(FragmentProcessed, 9)
        assert [result.sequence_number for result in results[2:]] == [4, *range(6, 12)]
        await again.say("fragment:data", sent[5])
        assert (await again.expect(ErrorEvent))[0].code is ErrorCode.INVALID_SEQUENCE

    async def test_a_connection_that_only_seems_alive_is_taken_over(
        self, opened: Probe, connect: Connect, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        sent = fragment(0, level(0.4))
        await opened.hand_over(sent)
        again = await connect()
        assert (await resume(again, await session_of(opened))).resumed
        await again.say("fragment:data", sent)
        workers.gate.set()
        (result,) = await again.expect(FragmentProcessed)
        assert result.transcript == "four"
        assert opened.of(FragmentProcessed) == []
        await opened.say("fragment:data", fragment(1, level(0.1)))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.STREAM_NOT_FOUND

    async def test_the_end_is_said_again(
        self, opened: Probe, reconnected: Broken, service: Service
    ) -> None:
        sent = [fragment(sequence, level(0.1)) for sequence in range(2)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.say("stream:end", StreamControl(stream_id="s"))
        (complete,) = await opened.expect(StreamComplete)
        session = await session_of(opened)
        again = await reconnected(opened)
        assert metric(service, "sts_sessions_detached") == 0
        assert (await resume(again, session)).resumed
        await again.say("fragment:data", sent[1])
        await again.say("stream:end", StreamControl(stream_id="s"))
        assert (await again.expect(FragmentProcessed))[0].sequence_number == 1
        assert await again.expect(StreamComplete) == [complete]
        await again.say("fragment:data", fragment(2, level(0.1)))
        (error,) = await again.expect(ErrorEvent)
        assert error.code is ErrorCode.STREAM_NOT_FOUND

    async def test_an_end_before_the_break_does_not_come_before_the_answers(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        sent = [fragment(sequence, level(0.1)) for sequence in range(2)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.say("stream:end", StreamControl(stream_id="s"))
        await opened.expect(FragmentAck, 4)
        session = await session_of(opened)
        again = await reconnected(opened)
        workers.gate.set()
        await until(lambda: workers.processed == 2)
        await resume(again, session)
        for data in sent:
            await again.say("fragment:data", data)
        await again.say("stream:end", StreamControl(stream_id="s"))
        (complete,) = await again.expect(StreamComplete)
        assert [heard.name for heard in again.heard[1:]] == [
            "fragment:processed",
            "fragment:processed",
            "stream:complete",
        ]
        assert complete.total_fragments == 2

    async def test_advice_is_given_again(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        for sequence in range(12):
            await opened.say("fragment:data", fragment(sequence, level(0.1, 0.05)))
        await opened.expect(Backpressure)
        session = await session_of(opened)
        again = await reconnected(opened)
        await resume(again, session)
        (advice,) = await again.expect(Backpressure)
        assert (advice.action, advice.queue_depth) == ("slow_down", 9)


class TestSessionsThatAreOver:
    @pytest.mark.parametrize("settings", [SETTINGS | {"session_resume_s": 0.3}], indirect=True)
    async def test_nobody_came_in_time(
        self, opened: Probe, reconnected: Broken, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        for sequence in range(6):
            await opened.say("fragment:data", fragment(sequence, level(0.1)))
        await opened.expect(FragmentAck, 9)
        session = await session_of(opened)
        again = await reconnected(opened)
        await until(lambda: metric(service, "sts_sessions_detached") == 0)
        assert metric(service, "sts_sessions_expired_total") == 1
        assert metric(service, "sts_fragments_dropped_total") == 6
        for name in ("sts_held_bytes", "sts_queue_depth", "sts_inflight", "sts_streams_active"):
            assert metric(service, name) == 0
        ready = await resume(again, session, next_sequence=9)
        assert (ready.resumed, ready.next_sequence) == (False, 9)
        assert ready.session_id != session

    async def test_a_wrong_session_is_a_new_one(self, opened: Probe, connect: Connect) -> None:
        other = await connect()
        ready = await resume(other, "guessed")
        assert not ready.resumed
        assert ready.session_id != await session_of(opened)

    async def test_another_format_is_a_new_session(self, opened: Probe, connect: Connect) -> None:
        other = await connect()
        asked = init(session_id=await session_of(opened)).wire()
        asked["config"]["channels"] = 2
        await other.say("stream:init", asked)
        assert not (await other.expect(StreamReady))[0].resumed

    async def test_who_takes_leave_leaves_nothing_to_resume(
        self, opened: Probe, connect: Connect, service: Service
    ) -> None:
        session = await session_of(opened)
        await opened.leave()
        await until(lambda: metric(service, "sts_streams_active") == 0)
        assert not (await resume(await connect(), session)).resumed

    async def test_what_was_left_makes_room_for_what_is_new(
        self, connect: Connect, reconnected: Broken, service: Service
    ) -> None:
        leaving = await connect()
        for number in range(3):
            await leaving.say("stream:init", init(f"left{number}"))
        await leaving.expect(StreamReady, 3)
        again = await reconnected(leaving)
        assert metric(service, "sts_sessions_detached") == 3
        await again.say("stream:init", init("new"))
        await again.expect(StreamReady)
        assert metric(service, "sts_sessions_detached") == 2


class TestGaps:
    async def test_a_gap_is_reported_and_refuses_nothing(
        self, opened: Probe, service: Service
    ) -> None:
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.say("fragment:data", fragment(3, level(0.1)))
        (warning,) = await opened.expect(ErrorEvent)
        assert (warning.code, warning.severity) == (ErrorCode.INVALID_SEQUENCE, "warning")
        assert warning.metadata == {"missing_from": 1, "missing_to": 2}
        assert (warning.stream_id, warning.fragment_id) == ("s", None)
        assert metric(service, "sts_sequence_gaps_total") == 1

    @pytest.mark.parametrize("settings", [SETTINGS | {"gap_timeout_s": 0.3}], indirect=True)
    async def test_what_follows_waits_for_it_until_its_time_is_over(
        self, opened: Probe, workers: FakeWorkers
    ) -> None:
        loop = asyncio.get_running_loop()
        await opened.say("fragment:data", fragment(1, level(0.1)))
        await until(lambda: workers.processed == 1)
        finished_at = loop.time()
        (result,) = await opened.expect(FragmentProcessed)
        assert result.sequence_number == 1
        assert loop.time() - finished_at > 0.15
        await opened.say("fragment:data", fragment(0, level(0.1)))
        error = (await opened.expect(ErrorEvent, 2))[1]
        assert (error.code, error.severity) == (ErrorCode.INVALID_SEQUENCE, "error")

    async def test_what_comes_late_comes_first(self, opened: Probe, workers: FakeWorkers) -> None:
        await opened.say("fragment:data", fragment(1, level(0.1)))
        await until(lambda: workers.processed == 1)
        await opened.say("fragment:data", fragment(0, level(0.2)))
        results = await opened.expect(FragmentProcessed, 2)
        assert [result.sequence_number for result in results] == [0, 1]

    async def test_the_end_waits_for_what_waits_for_a_gap(self, opened: Probe) -> None:
        await opened.say("fragment:data", fragment(1, level(0.1)))
        await opened.say("stream:end", StreamControl(stream_id="s"))
        (complete,) = await opened.expect(StreamComplete)
        assert complete.total_fragments == 1
        assert len(opened.of(FragmentProcessed)) == 1


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """Gaps have to be waited for longer than a busy machine takes to say the next thing."""
    return Settings.model_validate(getattr(request, "param", SETTINGS | {"gap_timeout_s": 1.5}))
