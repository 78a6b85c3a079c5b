"""Shares of the memory: whoever holds what it can, the next one finds as much again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import (
    ErrorCode,
    ErrorEvent,
    FragmentAck,
    FragmentData,
    FragmentProcessed,
    StreamReady,
)
from sts_service.app import Service
from sts_service.budget import Budget
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import SETTINGS, Connect, metric
from tests.sts_service.sounds import level


def filled(budget: Budget, piece_bytes: int = 1) -> int:
    """Hold as much as one may; return how much that was."""
    share = budget.share()
    while share.take(piece_bytes):
        pass
    return share.held_bytes


def test_one_alone_gets_its_part_and_half_of_what_is_common() -> None:
    budget = Budget(1200, places=6)
    assert filled(budget) == 100 + 300
    assert filled(budget) == 100 + 150


def test_those_who_take_side_by_side_hold_the_same() -> None:
    budget = Budget(1200, places=3)
    shares = [budget.share() for _ in range(3)]
    for _ in range(1200):
        for share in shares:
            share.take(1)
    assert [share.held_bytes for share in shares] == [200 + 150] * 3


@pytest.mark.parametrize("piece_bytes", [1, 333, 1000, 5_000])
def test_the_last_one_finds_room_whatever_the_others_hold(piece_bytes: int) -> None:
    budget = Budget(1_000_000, places=50)
    for _ in range(49):
        filled(budget, piece_bytes)
    assert budget.share().left_bytes >= 10_000
    assert filled(budget, piece_bytes) >= 10_000 - piece_bytes
    assert budget.held_bytes <= 1_000_000


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), max_size=80))
def test_never_more_is_held_than_there_is_and_never_less_than_nothing(
    changes: list[tuple[int, int]],
) -> None:
    budget = Budget(1000, places=5)
    shares = [budget.share() for _ in range(5)]
    for which, hundreds in changes:
        share = shares[which]
        if hundreds >= 0:
            share.take(60 * hundreds)
        else:
            share.give_back(min(share.held_bytes, -60 * hundreds))
        assert budget.held_bytes == sum(each.held_bytes for each in shares) <= 1000
        assert all(each.left_bytes >= 100 - each.held_bytes for each in shares)
    for share in shares:
        share.give_back(share.held_bytes)
    assert (budget.held_bytes, budget.common_held_bytes) == (0, 0)


@pytest.mark.parametrize(
    "settings", [SETTINGS | {"max_held_mb": 3, "max_streams": 2}], indirect=True
)
async def test_a_client_that_reads_nothing_leaves_room_for_the_others(
    connect: Connect, workers: FakeWorkers
) -> None:
    workers.gate.clear()
    hoarding, modest = await connect(), await connect()
    await hoarding.say("stream:init", init("hoard"))
    await modest.say("stream:init", init("modest"))
    await hoarding.expect(StreamReady)
    await modest.expect(StreamReady)
    # Two fill the part that is its own, and of what is common as much as one gets alone.
    for sequence in range(3):
        sent = fragment(sequence, level(0.1, 2.5), stream_id="hoard")
        await hoarding.say("fragment:data", sent)
    for error in await hoarding.expect(ErrorEvent):
        assert (error.code, error.retryable) == (ErrorCode.QUEUE_FULL, True)
        assert "acknowledge results" in error.message
    await modest.say("fragment:data", fragment(0, level(0.2, 2.5), stream_id="modest"))
    await modest.expect(FragmentAck)
    workers.gate.set()
    (result,) = await modest.expect(FragmentProcessed)
    assert result.transcript == "two"


ONE_MB = SETTINGS | {"max_held_mb": 1}
"""A 512th of what is usual, and so are the fragments: 12 ms are as 6 s of stereo."""


async def dubbed(probe: Probe, data: FragmentData) -> FragmentProcessed:
    """Send one fragment; return its result, which nobody tells the service of."""
    await probe.say("fragment:data", data)
    (result,) = await probe.expect(
        FragmentProcessed, where=lambda each: each.fragment_id == data.fragment_id
    )
    return result


@pytest.mark.parametrize("settings", [ONE_MB | {"max_streams": 50}], indirect=True)
@pytest.mark.parametrize(
    "duration_s", [pytest.param(0.024, id="in its own part"), pytest.param(0.12, id="in no part")]
)
async def test_answers_that_clients_have_make_room(
    duration_s: float, connect: Connect, service: Service, workers: FakeWorkers
) -> None:
    probe = await connect()
    names = [f"s{number}" for number in range(30)]
    for name in names:
        await probe.say("stream:init", init(name))
    await probe.expect(StreamReady, len(names))
    sent = []
    for sequence in range(8):
        for name in names:
            data = fragment(sequence, level(0.1, duration_s), stream_id=name)
            result = await dubbed(probe, data)
            await probe.acknowledge(data.fragment_id)
            sent.append((data, result))
    assert probe.of(ErrorEvent) == []
    assert metric(service, "sts_held_bytes") <= 1024 * 1024
    (first, _), (last, answer) = sent[0], sent[-1]
    await probe.say("fragment:data", first)
    assert (await probe.expect(ErrorEvent))[0].code is ErrorCode.INVALID_SEQUENCE
    await probe.say("fragment:data", last)
    assert (await probe.expect(FragmentProcessed, len(sent) + 1))[-1] == answer
    assert workers.processed == len(sent)


@pytest.mark.parametrize("settings", [ONE_MB | {"max_streams": 2}], indirect=True)
async def test_whoever_holds_most_makes_room_first(connect: Connect) -> None:
    probe = await connect()
    await probe.say("stream:init", init("modest"))
    await probe.say("stream:init", init("hoard"))
    await probe.expect(StreamReady, 2)
    kept = fragment(0, level(0.2), stream_id="modest")
    forgotten, *others = (fragment(n, level(0.1, 0.4), stream_id="hoard") for n in range(6))
    for data in (kept, forgotten, *others):
        await dubbed(probe, data)
        await probe.acknowledge(data.fragment_id)
    await probe.say("fragment:data", kept)
    assert (await probe.expect(FragmentProcessed, 8))[-1].transcript == "two"
    await probe.say("fragment:data", forgotten)
    assert (await probe.expect(ErrorEvent))[0].code is ErrorCode.INVALID_SEQUENCE


async def filled_with_answers(probe: Probe) -> list[FragmentData]:
    """Have as many fragments dubbed as there is room for, and tell the service of none."""
    await probe.say("stream:init", init())
    await probe.expect(StreamReady)
    sent = [fragment(sequence, level(0.1, 0.2)) for sequence in range(15)]
    for data in sent:
        await dubbed(probe, data)
    return sent


@pytest.mark.parametrize(
    "settings", [ONE_MB | {"max_streams": 1, "gap_timeout_s": 60}], indirect=True
)
async def test_answers_that_a_client_may_be_waiting_for_make_none(connect: Connect) -> None:
    probe = await connect()
    sent = await filled_with_answers(probe)
    following = fragment(len(sent), level(0.2, 0.2))
    await probe.say("fragment:data", following)
    (error,) = await probe.expect(ErrorEvent)
    assert error.code is ErrorCode.QUEUE_FULL
    await dubbed(probe, sent[0])
    await probe.expect(FragmentProcessed, len(sent) + 1)
    await probe.acknowledge(sent[0].fragment_id)
    assert (await dubbed(probe, following)).transcript == "two"


@pytest.mark.parametrize(
    "settings", [ONE_MB | {"max_streams": 1, "gap_timeout_s": 0}], indirect=True
)
async def test_a_client_that_never_says_what_it_has_goes_on_all_the_same(connect: Connect) -> None:
    probe = await connect()
    sent = await filled_with_answers(probe)
    following = fragment(len(sent), level(0.2, 0.2))
    assert (await dubbed(probe, following)).transcript == "two"
    await dubbed(probe, sent[1])
    await probe.expect(FragmentProcessed, len(sent) + 2)
    await probe.say("fragment:data", sent[0])
    assert (await probe.expect(ErrorEvent))[0].code is ErrorCode.INVALID_SEQUENCE
