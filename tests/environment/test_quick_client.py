"""The bench's client, held against a server whose delay is known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import socketio
from aiohttp import web

from environment.bench.quick_client import NotAcknowledged, Sending, acknowledged_in_ms

_DELAY_S = 0.08


@contextmanager
def _server(answer: str | None) -> Iterator[str]:
    """A server that says ``answer`` of each fragment after a while; its address."""
    server = socketio.AsyncServer(async_mode="aiohttp")

    async def opened(sid: str, said: dict[str, Any]) -> None:
        await server.emit("stream:ready", {"stream_id": said["stream_id"]}, to=sid)

    async def sent(sid: str, said: dict[str, Any]) -> None:
        await asyncio.sleep(_DELAY_S)
        if answer == "error":
            await server.emit("error", {"code": "QUEUE_FULL"}, to=sid)
        elif answer is not None:
            news = {"fragment_id": said["fragment_id"], "status": answer}
            await server.emit("fragment:ack", news, to=sid)

    server.on("stream:init", opened)
    server.on("fragment:data", sent)
    application = web.Application()
    server.attach(application)
    loop = asyncio.new_event_loop()
    listening: list[int] = []

    async def listen() -> web.AppRunner:
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        listening.append(runner.addresses[0][1])
        return runner

    runner = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening[0]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _sending(url: str, timeout_s: float = 10.0) -> Sending:
    fragments = [{"fragment_id": f"f{number}"} for number in range(3)]
    return Sending(url, None, {"stream_id": "s"}, fragments, timeout_s)


def test_a_known_delay_is_read() -> None:
    with _server("queued") as url:
        took_ms = acknowledged_in_ms(_sending(url))
    assert len(took_ms) == 3
    assert all(80 <= ms < 500 for ms in took_ms)
    assert min(took_ms) < 110


def test_what_is_only_in_work_is_not_taken_for_queued() -> None:
    with _server("processing") as url, pytest.raises(NotAcknowledged, match="did not answer"):
        acknowledged_in_ms(_sending(url, timeout_s=0.3))


def test_a_refusal_is_quoted() -> None:
    with _server("error") as url, pytest.raises(NotAcknowledged, match="QUEUE_FULL"):
        acknowledged_in_ms(_sending(url))
