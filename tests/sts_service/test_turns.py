import asyncio

import pytest

from sts_service.turns import Turns


async def waiting(turns: Turns[str], *shares: str) -> list[asyncio.Task[str]]:
    tasks = [asyncio.create_task(turns.take(share), name=share) for share in shares]
    await asyncio.sleep(0)
    return tasks


async def served(turns: Turns[str], tasks: list[asyncio.Task[str]]) -> list[str]:
    """Give as often as is waited for; return whose turn it was each time."""
    order = []
    left = set(tasks)
    while left:
        turns.give("thing")
        done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        order += [task.get_name() for task in done]
    return order


async def test_what_is_free_is_handed_out_at_once() -> None:
    turns: Turns[str] = Turns()
    turns.give("thing")
    assert turns.any_free
    assert await turns.take("a") == "thing"
    assert not turns.any_free


async def test_who_floods_delays_another_by_one_turn() -> None:
    turns: Turns[str] = Turns()
    tasks = await waiting(turns, *["flood"] * 6, "modest", "other")
    assert await served(turns, tasks) == ["flood", "modest", "other", *["flood"] * 5]


async def test_who_went_away_has_no_turn_and_takes_nothing_along() -> None:
    turns: Turns[str] = Turns()
    first, second, third = await waiting(turns, "a", "a", "b")
    first.cancel()
    await asyncio.sleep(0)
    turns.give("thing")
    third.cancel()
    assert await second == "thing"
    # Handed over in the moment of leaving: it is given back.
    (leaving,) = await waiting(turns, "c")
    turns.give("other thing")
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await turns.take("d") == "other thing"


async def test_all_who_wait_are_refused() -> None:
    turns: Turns[str] = Turns()
    tasks = await waiting(turns, "a", "b")
    turns.refuse(RuntimeError("none will come"))
    for task in tasks:
        with pytest.raises(RuntimeError, match="none will come"):
            await task
