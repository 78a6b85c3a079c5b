"""Sessions over breaks of the connection: nothing lost, nothing doubled, at whatever moment."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from media_service.metrics import Metrics
from media_service.sts_client import StsClient
from media_service.sts_exchange import Fragment
from media_service.sts_stream import StsStream
from services.contracts import FragmentProcessed
from tests.media_service.dialogue import Connect, fragment, until, value
from tests.media_service.link import Link
from tests.media_service.session_sts import STEPS, SessionSts

FRAGMENTS = 6


@pytest_asyncio.fixture
async def sts() -> AsyncIterator[SessionSts]:
    fake = SessionSts()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def port(link: Link) -> int:
    return link.port


@pytest_asyncio.fixture
async def client(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> StsClient:
    monkeypatch.setattr("media_service.sts_client.STABLE_S", 0.0)
    # What is lost and doubled is looked at here, not how fast a starved machine connects.
    monkeypatch.setattr("media_service.sts_client.RETURN_TIMEOUT_S", 30.0)
    monkeypatch.setattr("media_service.sts_stream.REOPEN_PATIENCE_S", 30.0)
    return await connect()


async def dub_all(stream: StsStream, count: int = FRAGMENTS) -> list[FragmentProcessed]:
    async def dub(given: Fragment) -> FragmentProcessed:
        result = await stream.dub(given, within_s=40)
        assert result.fragment_id == given.fragment_id
        await stream.applied(result.fragment_id)
        return result

    return list(await asyncio.gather(*(dub(fragment(n, seconds=0.5)) for n in range(count))))


def at_the(nth: int, step: str, then: Callable[[], None]) -> Callable[[str], None]:
    seen: Counter[str] = Counter()

    def watch(now: str) -> None:
        seen[now] += 1
        if now == step and seen[now] == nth:
            then()

    return watch


@pytest.mark.parametrize("step", STEPS)
async def test_a_break_at_any_step_loses_and_doubles_nothing(
    step: str, client: StsClient, link: Link, sts: SessionSts, metrics: Metrics
) -> None:
    once = step in ("init_came", "ready_sent")
    sts.at_step = at_the(1 if once else 2, step, link.cut)
    stream = await client.open_stream("s")
    results = await dub_all(stream)
    assert [result.sequence_number for result in results] == list(range(FRAGMENTS))
    assert set(sts.worked_on.values()) == {1}
    assert len(sts.worked_on) == FRAGMENTS
    await until(lambda: link.connections == 2)
    assert value(metrics, "sts_disconnects_total") == 1
    assert value(metrics, "sts_reconnect_attempts_total", kind="at_once") == 1
    assert value(metrics, "sts_reconnect_attempts_total", kind="backoff") == 0
    assert value(metrics, "fragments_sent_total") == FRAGMENTS
    assert value(metrics, "fragments_processed_total", status="success") == FRAGMENTS
    assert value(metrics, "fragments_inflight") == 0
    assert value(metrics, "results_late_total") == 0


@pytest.mark.parametrize("seed", range(12))
async def test_a_break_at_any_byte_loses_and_doubles_nothing(
    seed: int, client: StsClient, link: Link, sts: SessionSts, metrics: Metrics
) -> None:
    stream = await client.open_stream("s")
    # Two breaks, in the middle of whatever passes then, in either direction.
    whole_bytes = FRAGMENTS * 2 * 128 * 1024
    chance = random.Random(seed)
    link.cut_after_bytes = chance.randrange(whole_bytes // 2)
    first = asyncio.create_task(dub_all(stream))
    await until(lambda: link.connections == 2 or first.done())
    link.cut_after_bytes = chance.randrange(whole_bytes // 2)
    results = await first
    assert [result.sequence_number for result in results] == list(range(FRAGMENTS))
    assert set(sts.worked_on.values()) == {1}
    assert value(metrics, "fragments_sent_total") == FRAGMENTS


async def test_what_is_sent_again_goes_first_and_in_order(
    client: StsClient, link: Link, sts: SessionSts, metrics: Metrics
) -> None:
    stream = await client.open_stream("s")
    broken = asyncio.Event()

    def cut() -> None:
        link.cut()
        broken.set()

    sts.at_step = at_the(3, "queued_sent", cut)
    dubbing = asyncio.create_task(dub_all(stream))
    await broken.wait()
    before = len(sts.of("fragment:data"))
    await dubbing
    again = [data["sequence_number"] for data in sts.of("fragment:data")][before:]
    assert again == sorted(again)
    init = sts.of("stream:init")[1]
    assert (init["session_id"], init["next_sequence"]) == ("session", again[0])
    assert value(metrics, "sts_sessions_resumed_total") == 1
    assert stream.report.resumed == 1


async def test_an_answer_that_comes_twice_is_used_once(
    client: StsClient, sts: SessionSts, metrics: Metrics
) -> None:
    stream = await client.open_stream("s")
    given = fragment(0)
    await stream.dub(given, within_s=40)
    acks = len(await sts.wait_for("fragment:ack", 1))
    await sts.process(sts.connection, sts.answers[str(given.fragment_id)])
    await until(lambda: value(metrics, "results_repeated_total") == 1)
    assert value(metrics, "results_late_total") == 0
    # The server may forget it: it is told that it has come.
    assert (await sts.wait_for("fragment:ack", acks + 1))[-1]["status"] == "received"


async def test_numbers_that_were_given_up_are_not_expected_any_more(
    client: StsClient, link: Link, sts: SessionSts
) -> None:
    stream = await client.open_stream("s", next_sequence=7)
    await stream.dub(fragment(7), within_s=40)
    assert sts.of("stream:init")[0]["next_sequence"] == 7
    await link.stop()
    await until(lambda: client.away)
    for number in (8, 9):
        with pytest.raises(Exception, match="not connected"):
            await stream.dub(fragment(number), within_s=40)
    await link.start()
    await sts.wait_for("stream:init", 2)
    assert sts.of("stream:init")[1]["next_sequence"] == 10
    assert (await stream.dub(fragment(10), within_s=40)).sequence_number == 10
