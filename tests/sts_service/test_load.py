"""Under load: shares, acknowledgements in time, memory, and the end of the service."""

import asyncio
import time

import pytest

from services.contracts import (
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

ACK_LIMIT_S = 0.5
pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    return Settings.model_validate(SETTINGS | getattr(request, "param", {}))


async def test_who_floods_does_not_keep_another_from_its_share(
    connect: Connect, workers: FakeWorkers
) -> None:
    workers.gate.clear()
    flooding, modest = await connect(), await connect()
    await flooding.say("stream:init", init("flood"))
    await modest.say("stream:init", init("modest"))
    await flooding.expect(StreamReady)
    await modest.expect(StreamReady)
    for _ in range(6):
        # One worker is left of the eight.
        await workers._turns.take("others")
    for sequence in range(20):
        await flooding.say("fragment:data", fragment(sequence, level(0.1), stream_id="flood"))
    await flooding.expect(FragmentAck, 20, where=lambda ack: ack.status == "queued")
    for sequence in range(3):
        await modest.say("fragment:data", fragment(sequence, level(0.2), stream_id="modest"))
    await modest.expect(FragmentAck, 3)
    workers.gate.set()
    await modest.expect(FragmentProcessed, 3)
    # Two were in work before, and then it is one's turn after the other's.
    assert len(flooding.of(FragmentProcessed)) <= 2 + 3 + 2
    await flooding.expect(FragmentProcessed, 20)


async def test_five_hundred_fragments_in_a_row_leave_nothing_behind(
    opened: Probe, service: Service
) -> None:
    wire = fragment(0, level(0.1, 0.5)).wire()
    held = []
    for sequence in range(500):
        sent = fragment(sequence, b"\x01\x02")
        await opened.say(
            "fragment:data", {**sent.wire(), "audio": wire["audio"], "sequence_number": sequence}
        )
        await opened.expect(FragmentProcessed)
        await opened.acknowledge(sent.fragment_id, "applied")
        opened.heard.clear()
        held.append(metric(service, "sts_held_bytes"))
    assert max(held[250:]) <= max(held[:250])
    await opened.say("stream:end", StreamControl(stream_id="s"))
    (complete,) = await opened.expect(StreamComplete)
    assert complete.total_fragments == 500
    assert complete.statistics.success_count == 500
    await until(lambda: metric(service, "sts_held_bytes") == 0)


@pytest.mark.parametrize("settings", [{"max_streams": 20}], indirect=True)
async def test_fragments_are_acknowledged_while_all_workers_are_busy(
    connect: Connect, workers: FakeWorkers
) -> None:
    workers.gate.clear()
    probe = await connect()
    took_s: list[float] = []
    asked = 0
    for number in range(20):
        stream_id = f"s{number}"
        await probe.say("stream:init", init(stream_id))
        await probe.expect(StreamReady, number + 1)
        for sequence in range(5):
            sent = fragment(sequence, level(0.1, 1.0), stream_id=stream_id)
            began_at = time.monotonic()
            await probe.say("fragment:data", sent)
            asked += 1
            await probe.expect(FragmentAck, asked, where=lambda ack: ack.status == "queued")
            took_s.append(time.monotonic() - began_at)
    # `make bench` holds the real bound, 50 ms: here the machine may be busy with other things.
    assert sorted(took_s)[len(took_s) // 2] < ACK_LIMIT_S


class TestTheEnd:
    async def test_open_streams_are_told_and_closed(self, opened: Probe, service: Service) -> None:
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)
        await service.stop()
        (farewell,) = await opened.expect(ErrorEvent)
        assert (farewell.code, farewell.severity) == (ErrorCode.QUEUE_FULL, "fatal")
        assert (farewell.stream_id, farewell.retryable) == ("s", True)
        await until(lambda: not opened.client.connected)

    async def test_what_is_in_hand_is_answered_before_and_repeats_are_too(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        sent = fragment(0, level(0.1))
        await opened.hand_over(sent)
        stopping = asyncio.create_task(service.stop())
        await opened.say("stream:init", init("another"))
        (refusal,) = await opened.expect(ErrorEvent)
        assert (refusal.code, refusal.stream_id) == (ErrorCode.QUEUE_FULL, "another")
        assert refusal.retryable
        await opened.say("fragment:data", sent)
        await opened.expect(FragmentAck, 3)
        workers.gate.set()
        await stopping
        names = [heard.name for heard in opened.heard]
        assert names[-2:] == ["fragment:processed", "error"]

    @pytest.mark.parametrize("settings", [{"shutdown_grace": 0.2}], indirect=True)
    async def test_what_does_not_finish_in_time_is_given_up(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentAck, 2)
        began_at = time.monotonic()
        await service.stop()
        assert time.monotonic() - began_at < 5
        assert opened.of(FragmentProcessed) == []

    async def test_a_session_without_a_connection_does_not_hold_it_up(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentAck, 2)
        opened.vanish()
        await until(lambda: metric(service, "sts_sessions_detached") == 1)
        began_at = time.monotonic()
        await service.stop()
        assert time.monotonic() - began_at < 3
