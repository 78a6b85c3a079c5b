"""The proxy of a slow link: what it carries, how long that takes, and what it keeps to itself."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import requests

from environment.faults.link_program import Control, Link, Shape

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[Link, Ends]]:
    """A link to a server that repeats what it is told, and a client at its near end."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()

    far = await asyncio.start_server(echo, "127.0.0.1", 0)
    link = Link("127.0.0.1", far.sockets[0].getsockname()[1], dice=random.Random(1))
    near = await asyncio.start_server(link.carry, "127.0.0.1", 0)
    ends = await asyncio.open_connection(*near.sockets[0].getsockname())
    try:
        yield link, ends
    finally:
        ends[1].transport.abort()
        near.close()
        far.close()


async def round_trip_s(ends: Ends, data: bytes = b"x") -> float:
    begun_at = time.monotonic()
    ends[1].write(data)
    assert await asyncio.wait_for(ends[0].readexactly(len(data)), 10) == data
    return time.monotonic() - begun_at


def run(body: Callable[[Link, Ends], Awaitable[None]]) -> None:
    async def inside() -> None:
        async with linked() as (link, ends):
            await body(link, ends)

    asyncio.run(inside())


def test_what_goes_in_comes_out_whole_and_in_order() -> None:
    async def body(link: Link, ends: Ends) -> None:
        link.reshape(Shape(latency_ms=5, jitter_ms=5, loss_percent=0.5))
        data = random.Random(2).randbytes(300_000)
        await round_trip_s(ends, data)
        assert link.carried_bytes == 2 * len(data)
        assert link.connections == 1

    run(body)


def test_latency_counts_in_each_direction_and_can_be_changed_meanwhile() -> None:
    async def body(link: Link, ends: Ends) -> None:
        link.reshape(Shape(latency_ms=150))
        assert await round_trip_s(ends) >= 0.3
        link.reshape(Shape())
        assert await round_trip_s(ends) < 0.25

    run(body)


def test_a_silent_link_tells_nobody_and_loses_nothing() -> None:
    async def body(link: Link, ends: Ends) -> None:
        await round_trip_s(ends)
        link.reshape(Shape(silent=True))
        ends[1].write(b"hello")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ends[0].read(1), 0.3)
        link.reshape(Shape())
        assert await asyncio.wait_for(ends[0].readexactly(5), 5) == b"hello"

    run(body)


def test_an_end_is_carried_through_and_a_target_that_is_gone_ends_the_connection() -> None:
    async def body(_link: Link, ends: Ends) -> None:
        ends[1].write_eof()
        assert await asyncio.wait_for(ends[0].read(), 5) == b""

    run(body)

    async def nobody_there() -> None:
        link = Link("127.0.0.1", 1)
        near = await asyncio.start_server(link.carry, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*near.sockets[0].getsockname())
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.transport.abort()
        near.close()

    asyncio.run(nobody_there())


def test_a_rate_holds() -> None:
    async def body(link: Link, ends: Ends) -> None:
        link.reshape(Shape(rate_bytes_s=200_000))
        assert await round_trip_s(ends, bytes(80_000)) >= 0.3

    run(body)


def test_loss_costs_a_resending() -> None:
    lossy, dice = Shape(latency_ms=10, loss_percent=20), random.Random(3)
    delays_s = [lossy.delay_s(100, dice) for _ in range(1000)]
    resent = [delay_s for delay_s in delays_s if delay_s > 0.2]
    assert 150 < len(resent) < 250
    assert min(delays_s) == pytest.approx(0.01)


@pytest.mark.parametrize(
    "broken", [{"latency_ms": -1}, {"loss_percent": 100}, {"jitter_ms": float("nan")}]
)
def test_impossible_shapes_are_refused(broken: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"below zero|silent"):
        Shape(**broken)  # type: ignore[arg-type]


def test_the_control_tells_and_changes_the_shape() -> None:
    async def body(link: Link, ends: Ends) -> None:
        with Control(link, asyncio.get_running_loop(), 0) as control:
            url = f"http://127.0.0.1:{control.port}"
            wanted = {"latency_ms": 5, "silent": False}
            put = await asyncio.to_thread(requests.put, f"{url}/shape", json=wanted, timeout=5)
            assert put.status_code == 200
            assert link.shape == Shape(latency_ms=5)
            await round_trip_s(ends)
            told = (await asyncio.to_thread(requests.get, f"{url}/health", timeout=5)).json()
            assert told["shape"]["latency_ms"] == 5
            assert told["carried_bytes"] == 2
            bad = await asyncio.to_thread(requests.put, f"{url}/shape", json={"x": 1}, timeout=5)
            assert bad.status_code == 400
            assert "x" in bad.json()["error"]

    run(body)
