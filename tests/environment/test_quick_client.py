"""The bench's client, held against a server whose delay is known."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import socketio
from aiohttp import web

from environment.bench.acknowledgement import report_of
from environment.bench.quick_client import NotAcknowledged, Plan, measure
from environment.errors import HarnessError

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


SOUNDS = [np.zeros(4800, np.float32)]


def plan_for(url: str, timeout_s: float = 10.0) -> Plan:
    return Plan(url=url, token=None, streams=["a", "b"], fragments_each=3, timeout_s=timeout_s)


def test_a_known_delay_is_read() -> None:
    with _server("queued") as url:
        took_ms = measure(plan_for(url), SOUNDS)
    assert len(took_ms) == 6
    assert all(80 <= ms < 1000 for ms in took_ms)
    assert min(took_ms) < 200


def test_what_is_only_in_work_is_not_taken_for_queued() -> None:
    with _server("processing") as url, pytest.raises(NotAcknowledged, match="did not answer"):
        measure(plan_for(url, timeout_s=0.3), SOUNDS)


def test_a_refusal_is_quoted() -> None:
    with _server("error") as url, pytest.raises(NotAcknowledged, match="QUEUE_FULL"):
        measure(plan_for(url), SOUNDS)


def test_a_service_that_is_not_there_is_said_so() -> None:
    with pytest.raises(NotAcknowledged, match="lets nobody in"):
        measure(plan_for("http://127.0.0.1:9", timeout_s=2), SOUNDS)


def test_it_reports_from_a_process_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "sounds.npy", np.stack(SOUNDS))
    with _server("queued") as url:
        (tmp_path / "plan.json").write_text(plan_for(url).model_dump_json())
        report = report_of(tmp_path, 30)
    assert len(report.took_ms) == 6


def test_what_it_cannot_do_is_told_in_its_words(tmp_path: Path) -> None:
    np.save(tmp_path / "sounds.npy", np.stack(SOUNDS))
    (tmp_path / "plan.json").write_text(plan_for("http://127.0.0.1:9").model_dump_json())
    with pytest.raises(HarnessError, match="cannot be measured: sts-service at http"):
        report_of(tmp_path, 30)
