"""Shares of the memory: whoever holds what it can, the next one finds as much again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.contracts import ErrorCode, ErrorEvent, FragmentAck, FragmentProcessed, StreamReady
from sts_service.budget import Budget
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import fragment, init
from tests.sts_service.served import SETTINGS, Connect
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
