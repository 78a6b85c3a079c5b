"""STS gone, silent, slow or asking for less: what is seen, when, and what waits for it."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from media_service.metrics import Metrics
from media_service.settings import Settings
from media_service.sts_client import StsClient
from media_service.sts_errors import (
    StsCircuitOpenError,
    StsError,
    StsTimeoutError,
    StsUnavailableError,
)
from tests.media_service.dialogue import Connect, fragment, until, value
from tests.media_service.fake_sts import FakeSts, succeed
from tests.media_service.link import Link


@pytest.fixture
def port(link: Link) -> int:
    return link.port


async def hold(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
    await fake.acknowledge(connection, data)


async def lose_and_regain(link: Link, client: StsClient) -> None:
    before = link.connections
    link.cut()
    await until(lambda: link.connections > before and client.connected)


async def test_it_comes_back_after_doubling_waits_each_logged_and_counted_then_probes(
    connect: Connect, link: Link, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_client.SLOW_PROBE_FACTOR", 2)
    client = await connect(sts_reconnect_base_s=0.02)
    with capture_logs() as lines:
        began_at = time.monotonic()
        await link.stop()
        await until(client.given_up.is_set)
        took_s = time.monotonic() - began_at
        await until(lambda: value(metrics, "sts_reconnect_attempts_total", kind="probe") >= 2)
        await link.start()
        await until(lambda: client.connected)
    waits = [line for line in lines if line["event"] == "sts_reconnecting"]
    assert [line["attempt"] for line in waits] == [1, 2, 3, 4, 5]
    assert [line["delay_s"] for line in waits] == [0.02, 0.04, 0.08, 0.16, 0.32]
    assert took_s >= 0.62
    assert value(metrics, "sts_reconnect_attempts_total", kind="backoff") == 5
    assert {line["delay_s"] for line in lines if line["event"] == "sts_probing"} == {0.04}
    assert [line["event"] for line in lines].count("sts_given_up") == 1
    assert value(metrics, "sts_reconnects_total") == 1


async def test_the_waits_of_the_specification_are_the_defaults() -> None:
    settings = Settings()
    waits = [settings.sts_reconnect_base_s * 2**n for n in range(settings.sts_reconnect_attempts)]
    assert waits == [2, 4, 8, 16, 32]


@pytest.mark.parametrize("sending", [False, True])
async def test_a_silent_cut_is_seen_in_time_also_with_a_fragment_half_sent(
    sending: bool, connect: Connect, link: Link, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_connection.HEARTBEAT_S", 0.4)
    monkeypatch.setattr("media_service.sts_client.RETURN_TIMEOUT_S", 0.2)
    monkeypatch.setattr("media_service.sts_client.STABLE_S", 0.0)
    client = await connect()
    stream = await client.open_stream("s")
    sts.answer = hold
    await until(lambda: stream.report.state == "ready")
    if not sending:
        held = asyncio.create_task(stream.dub(fragment(0), within_s=30))
        await sts.wait_for("fragment:data")
    link.freeze()
    cut_at = time.monotonic()
    if sending:
        # More than the buffers on the way take, so that the sender stands still.
        held = asyncio.create_task(stream.dub(fragment(0, seconds=50), within_s=30))
    with capture_logs() as lines, pytest.raises(StsUnavailableError):
        await held
    told = [line["error"] for line in lines if line["event"] == "sts_unreachable"]
    assert told == ["no answer within 0.2 s"]
    # 0.6 s for the silence and 0.2 s for the attempt at once, where nobody else computes.
    assert 0.3 < time.monotonic() - cut_at < 10.0
    assert client.away
    assert stream.report.state == "away"
    assert not client.connected
    link.thaw()
    sts.answer = succeed
    await until(lambda: client.connected)
    assert (await stream.dub(fragment(1), within_s=20)).status == "success"


async def test_a_silent_cut_is_seen_within_ten_seconds_by_default() -> None:
    from media_service import sts_client, sts_connection  # noqa: PLC0415 - as they come

    assert 1.5 * sts_connection.HEARTBEAT_S + sts_client.RETURN_TIMEOUT_S < 10
    # Above it aiohttp would round up.
    assert sts_connection.HEARTBEAT_S <= 5


async def test_a_stream_that_begins_while_sts_is_away_does_not_wait(
    connect: Connect, link: Link
) -> None:
    client = await connect(sts_reconnect_base_s=5.0)
    await link.stop()
    await until(lambda: client.away)
    stream = await client.open_stream("s")
    began_at = time.monotonic()
    with pytest.raises(StsUnavailableError):
        await stream.dub(fragment(0), within_s=30)
    assert time.monotonic() - began_at < 1.0
    assert stream.report.state == "away"


async def test_what_comes_before_the_first_connection_waits_for_it(
    link: Link, metrics: Metrics
) -> None:
    settings = Settings(sts_service_url=f"http://127.0.0.1:{link.port}")
    client = StsClient(settings, metrics)
    stream = await client.open_stream("s")
    dubbing = asyncio.create_task(stream.dub(fragment(0), within_s=20))
    await asyncio.sleep(0)
    running = asyncio.create_task(client.run())
    assert (await dubbing).status == "success"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_an_sts_that_is_back_and_still_loads_is_not_waited_for(
    connect: Connect, link: Link, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_client.STABLE_S", 0.0)
    monkeypatch.setattr("media_service.sts_stream.REOPEN_PATIENCE_S", 0.3)
    client = await connect()
    stream = await client.open_stream("s")
    await stream.dub(fragment(0), within_s=20)
    sts.loaded.clear()
    sts.remembers, sts.answer = False, hold
    held = asyncio.create_task(stream.dub(fragment(1), within_s=30))
    await sts.wait_for("fragment:data", 2)
    await lose_and_regain(link, client)
    began_at = time.monotonic()
    with pytest.raises(StsUnavailableError):
        await held
    for number in (2, 3):
        with pytest.raises(StsUnavailableError):
            await stream.dub(fragment(number), within_s=30)
    assert time.monotonic() - began_at < 5
    sts.answer = succeed
    sts.loaded.set()
    await until(lambda: stream.report.state == "ready")
    assert (await stream.dub(fragment(4), within_s=5)).status == "success"
    # It is not to wait for those that went out meanwhile.
    assert sts.of("stream:init")[-1]["next_sequence"] == 4


async def test_an_sts_that_stays_silent_is_asked_again_while_nothing_waits_for_it(
    connect: Connect, link: Link, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_client.STABLE_S", 0.0)
    monkeypatch.setattr("media_service.sts_stream.REOPEN_PATIENCE_S", 0.1)
    monkeypatch.setattr("media_service.sts_session.READY_TIMEOUT_S", 0.2)
    client = await connect()
    stream = await client.open_stream("s")
    await stream.dub(fragment(0), within_s=20)
    sts.loaded.clear()
    await lose_and_regain(link, client)
    for number in range(1, 4):
        await asyncio.sleep(0.25)
        with pytest.raises(StsUnavailableError):
            await stream.dub(fragment(number), within_s=30)
    assert len(sts.of("stream:init")) >= 4


async def test_an_sts_that_loads_when_a_stream_begins_is_waited_for(
    connect: Connect, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_stream.REOPEN_PATIENCE_S", 0.1)
    sts.loaded.clear()
    client = await connect()
    stream = await client.open_stream("s")
    dubbing = asyncio.create_task(stream.dub(fragment(0), within_s=20))
    await asyncio.sleep(0.5)
    assert not dubbing.done()
    sts.loaded.set()
    assert (await dubbing).status == "success"


async def test_twenty_losses_leave_nothing_behind(
    connect: Connect, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_client.STABLE_S", 0.0)
    client = await connect(sts_reconnect_base_s=0.01)
    stream = await client.open_stream("s")

    async def lose(number: int) -> None:
        await lose_and_regain(link, client)
        await stream.dub(fragment(number, seconds=0.1), within_s=20)

    def held() -> tuple[int, int]:
        gc.collect()
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        # The server of this test sleeps out its pings.
        ours = [name for name in names if name != "AsyncSocket._send_ping"]
        return len(os.listdir("/proc/self/fd")), len(ours)  # noqa: PTH208

    for number in range(3):
        await lose(number)
    files, tasks = held()
    for number in range(3, 23):
        await lose(number)
    await until(lambda: held()[0] <= files + 2 and held()[1] <= tasks + 2)


async def test_too_many_time_outs_in_a_row_open_the_circuit_and_one_answer_closes_it(
    connect: Connect, sts: FakeSts, metrics: Metrics
) -> None:
    client = await connect(sts_circuit_timeouts=2, sts_circuit_open_s=0.5)
    stream = await client.open_stream("s")
    sts.answer = hold
    for number in range(2):
        with pytest.raises(StsTimeoutError):
            await stream.dub(fragment(number, seconds=0.1), within_s=0.3)
    assert stream.report.model_dump()["circuit"] == "open"
    assert value(metrics, "circuit_state", stream_id="s") == 2
    began_at = time.monotonic()
    with pytest.raises(StsCircuitOpenError):
        await stream.dub(fragment(2), within_s=30)
    assert time.monotonic() - began_at < 1.0
    assert [data["sequence_number"] for data in sts.of("fragment:data")] == [0, 1]
    sts.answer = succeed
    await asyncio.sleep(0.5)
    assert (await stream.dub(fragment(3), within_s=20)).status == "success"
    assert stream.report.circuit == "closed"
    assert stream.report.circuit_opened == value(metrics, "circuit_opened_total") == 1
    assert value(metrics, "circuit_state", stream_id="s") == 0


async def test_when_the_circuit_opens_those_that_wait_go_at_once_and_those_sent_may_be_answered(
    connect: Connect, sts: FakeSts
) -> None:
    client = await connect(sts_circuit_timeouts=1, sts_circuit_open_s=60)
    stream = await client.open_stream("s")
    sts.max_inflight = 2
    kept: list[tuple[str, dict[str, Any]]] = []

    async def keep(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        kept.append((connection, data))

    sts.answer = keep
    first = asyncio.create_task(stream.dub(fragment(0, seconds=0.1), within_s=0.5))
    others = [
        asyncio.create_task(stream.dub(fragment(number, seconds=0.1), within_s=30))
        for number in (1, 2, 3)
    ]
    outcomes = await asyncio.gather(first, *others[1:], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        StsTimeoutError,
        StsCircuitOpenError,
        StsCircuitOpenError,
    ]
    await sts.process(*kept[1])
    assert (await others[0]).sequence_number == 1
    assert stream.report.circuit == "closed"


async def test_a_time_out_that_sts_reports_itself_counts(connect: Connect, sts: FakeSts) -> None:
    client = await connect(sts_circuit_timeouts=1)
    stream = await client.open_stream("s")

    async def give_up(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        error = {"code": "TIMEOUT", "message": "too slow", "retryable": True}
        changes = {"status": "failed", "error": error, "dubbed_audio": None}
        await fake.process(connection, data, **changes)

    sts.answer = give_up
    assert (await stream.dub(fragment(0), within_s=20)).status == "failed"
    assert stream.report.circuit == "open"


async def test_another_connection_finds_the_circuit_closed(
    connect: Connect, link: Link, sts: FakeSts
) -> None:
    client = await connect(sts_circuit_timeouts=1, sts_circuit_open_s=60)
    stream = await client.open_stream("s")
    sts.answer = hold
    with pytest.raises(StsTimeoutError):
        await stream.dub(fragment(0, seconds=0.1), within_s=0.2)
    assert stream.report.circuit == "open"
    sts.answer = succeed
    link.cut()
    await until(lambda: link.connections == 2 and client.connected)
    assert (await stream.dub(fragment(1), within_s=20)).status == "success"


async def press(sts: FakeSts, connection: str, action: str, delay_ms: int | None = None) -> None:
    await sts.emit(
        connection,
        "backpressure",
        stream_id="s",
        severity={"none": "low", "slow_down": "medium", "pause": "high"}[action],
        current_inflight=1,
        queue_depth=9,
        action=action,
        **({} if delay_ms is None else {"recommended_delay_ms": delay_ms}),
    )


async def test_a_pause_stops_until_it_is_cleared(
    connect: Connect, sts: FakeSts, metrics: Metrics
) -> None:
    client = await connect()
    stream = await client.open_stream("s")
    connections: list[str] = []

    async def pause(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        fake.answer = succeed
        connections.append(connection)
        await press(fake, connection, "pause", 50)
        await succeed(fake, connection, data)

    sts.answer = pause
    await stream.dub(fragment(0), within_s=20)
    waiting = asyncio.create_task(stream.dub(fragment(1), within_s=20))
    await asyncio.sleep(0.6)
    assert [data["sequence_number"] for data in sts.of("fragment:data")] == [0]
    assert stream.report.model_dump()["backpressure"] == "pause"
    await press(sts, connections[0], "none")
    assert (await waiting).status == "success"
    assert stream.report.backpressure == "none"
    assert value(metrics, "backpressure_total", action="pause") == 1
    assert value(metrics, "backpressure_total", action="none") == 1
    assert value(metrics, "backpressure_held_seconds_total") > 0.4


async def test_slowing_down_delays_every_fragment_until_it_is_lifted(
    connect: Connect, sts: FakeSts
) -> None:
    client = await connect()
    stream = await client.open_stream("s")
    connections: list[str] = []
    came_at: list[float] = []

    async def note(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        connections.append(connection)
        came_at.append(time.monotonic())
        if len(came_at) == 1:
            await press(fake, connection, "slow_down", 600)
        await succeed(fake, connection, data)

    sts.answer = note
    for number in range(3):
        await stream.dub(fragment(number, seconds=0.1), within_s=20)
    assert min(came_at[1] - came_at[0], came_at[2] - came_at[1]) >= 0.59
    await press(sts, connections[0], "none")
    await until(lambda: stream.report.backpressure == "none")
    await stream.dub(fragment(3, seconds=0.1), within_s=20)
    lifted_at = time.monotonic()
    await stream.dub(fragment(4, seconds=0.1), within_s=20)
    assert came_at[4] - lifted_at < 0.55


async def test_a_paused_stream_gives_each_fragment_back_in_its_time_and_the_circuit_stays_closed(
    connect: Connect, sts: FakeSts
) -> None:
    client = await connect(sts_circuit_timeouts=1)
    stream = await client.open_stream("s")

    async def pause(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await press(fake, connection, "pause")
        await succeed(fake, connection, data)

    sts.answer = pause
    await stream.dub(fragment(0), within_s=20)
    with pytest.raises(StsTimeoutError):
        await stream.dub(fragment(1), within_s=0.3)
    assert stream.report.circuit == "closed"


async def test_a_warning_ends_nothing(connect: Connect, sts: FakeSts) -> None:
    client = await connect()
    stream = await client.open_stream("s")

    async def warn(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.emit(
            connection,
            "error",
            code="INVALID_SEQUENCE",
            message="0 to 2 are missing",
            severity="warning",
            retryable=False,
            stream_id="s",
            fragment_id=data["fragment_id"],
        )
        await succeed(fake, connection, data)

    sts.answer = warn
    assert (await stream.dub(fragment(3), within_s=20)).status == "success"


async def test_a_session_that_sts_ends_is_opened_again(connect: Connect, sts: FakeSts) -> None:
    client = await connect()
    stream = await client.open_stream("s")

    async def end(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        fake.answer = succeed
        await fake.emit(
            connection,
            "error",
            code="STREAM_NOT_FOUND",
            message="closed while it was idle",
            severity="error",
            retryable=False,
            stream_id="s",
        )

    sts.answer = end
    result = await stream.dub(fragment(0), within_s=20)
    assert result.sequence_number == 0
    assert len(sts.of("stream:init")) == 2


async def test_nothing_waits_for_a_stream_that_was_refused_for_good(
    connect: Connect, sts: FakeSts
) -> None:
    client = await connect()
    sts.refuse_init = {
        "code": "INVALID_CONFIG",
        "message": "no",
        "severity": "error",
        "retryable": False,
    }
    stream = await client.open_stream("s")
    await until(lambda: stream.report.state == "refused")
    began_at = time.monotonic()
    with pytest.raises(StsError, match="INVALID_CONFIG"):
        await stream.dub(fragment(0), within_s=30)
    assert time.monotonic() - began_at < 1.0
