"""The whole service as a process: its log, its port, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from tests.media_service.clips import make_clip
from tests.media_service.fake_sts import FakeSts

ROOT = Path(__file__).resolve().parents[2]
STOP_LIMIT_S = 8.0
PATIENCE_S = 45.0
"""A service starts three processes, and machines may be busy."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Service:
    """The process, with its log lines parsed as they come."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.lines: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, **environment: str) -> Service:
        port = int(environment.setdefault("PORT", str(free_port())))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "media_service",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'services/media-service'}",
                "HOST": "127.0.0.1",
                "MEDIAMTX_API_URL": "http://user:hidden@127.0.0.1:9",
                "STS_SERVICE_URL": "http://127.0.0.1:9",
                **environment,
            },
        )
        return cls(process, port)

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            # Every single line is JSON, whoever wrote it.
            self.lines.append(json.loads(line))

    def told(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    async def wait_for(self, event: str) -> dict[str, Any]:
        await until(lambda: bool(self.told(event)))
        return self.told(event)[0]

    async def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; return the exit code and the seconds it took."""
        began_at = time.monotonic()
        self.process.send_signal(number)
        async with asyncio.timeout(20):
            code = await self.process.wait()
            await self._reading
        return code, time.monotonic() - began_at

    async def close(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self._reading


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def started() -> AsyncIterator[list[Service]]:
    services: list[Service] = []
    yield services
    for service in services:
        await service.close()


async def test_garbage_on_the_port_is_one_line_and_a_count(started: list[Service]) -> None:
    started.append(service := await Service.start())
    await service.wait_for("service_started")
    for garbage in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\r\nbroken\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(garbage + b"\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()
    await until(lambda: len(service.told("http_refused")) == 2)
    async with aiohttp.ClientSession() as session:
        text = await (await session.get(f"{service.url}/metrics")).text()
    assert "media_service_http_refused_total 2.0" in text
    assert service.told("http_refused")[0]["remote"] == "127.0.0.1"
    await service.wait_for("media_server_lost")
    assert "hidden" not in json.dumps(service.lines)
    code, took_s = await service.end()
    assert (code, took_s < 3) == (0, True), service.lines


async def test_a_taken_port_is_one_clear_line(started: list[Service]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        started.append(service := await Service.start(PORT=str(port)))
        async with asyncio.timeout(15):
            assert await service.process.wait() == 1
    await service.close()
    failures = [line for line in service.lines if line["level"] == "error"]
    assert [(line["event"], line["port"]) for line in failures] == [("port_not_bound", port)]


async def test_a_log_that_nobody_reads_holds_nothing_up() -> None:
    reader, writer = os.pipe()
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "media_service",
        stdout=writer,
        env={
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'services/media-service'}",
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "MEDIAMTX_API_URL": "http://127.0.0.1:9",
            "STS_SERVICE_URL": "http://127.0.0.1:9",
        },
    )
    os.close(writer)
    try:
        async with asyncio.timeout(PATIENCE_S):
            # Each is a line of 200 bytes and more, and a pipe holds 64 KiB.
            for _ in range(600):
                await send_garbage(port)
            async with aiohttp.ClientSession() as session:
                answer = await session.get(f"http://127.0.0.1:{port}/health")
                assert answer.status == 200
            process.terminate()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(reader)


async def send_garbage(port: int) -> None:
    """Say something that is no HTTP, once somebody listens, and wait for the answer."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.write(b"no HTTP at all\r\n\r\n")
        await reader.read()
        writer.close()
        return


class MediaServer:
    """A Control API that lists one path, and a way to the media that needs no RTMP."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.down = False
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        application = web.Application()
        application.router.add_get("/v3/paths/list", self._list)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _list(self, _: web.Request) -> web.Response:
        if self.down:
            raise web.HTTPServiceUnavailable
        return web.json_response({"pageCount": 1, "items": self.items})

    def publish(self) -> None:
        self.items = [
            {"name": "live/a/in", "ready": True, "source": {"id": "1"}, "tracks": ["a", "b"]}
        ]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()


@pytest.mark.parametrize("stalls", [False, True], ids=["live", "stalled"])
async def test_a_stop_finishes_what_is_in_flight(
    started: list[Service], tmp_path: Path, stalls: bool
) -> None:
    """A source that goes on for ever, or says nothing more; both are cut off in mid-segment."""
    clip = make_clip(tmp_path / "clip.flv", seconds=12)
    for folder in ("live/a/in", "live/a/out"):
        (tmp_path / folder).parent.mkdir(parents=True, exist_ok=True)
    # A named pipe is a live source: it gives what it is given, and then nothing.
    os.mkfifo(tmp_path / "live/a/in")
    media_server, sts = MediaServer(), FakeSts()
    await media_server.start()
    await sts.start()
    feeding = asyncio.create_task(feed(clip, tmp_path / "live/a/in", stalls=stalls))
    media_server.publish()
    service = await Service.start(
        MEDIAMTX_API_URL=media_server.url,
        MEDIAMTX_RTMP_URL=f"file:{tmp_path}",
        STS_SERVICE_URL=f"http://127.0.0.1:{sts.port}",
        SEGMENT_DURATION_S="1",
        STS_API_KEY="hidden",
    )
    started.append(service)
    await service.wait_for("segment_released")
    await until(lambda: len(service.told("segment_cut")) >= 2)
    while_stopping = asyncio.create_task(statuses_from(service))
    code, took_s = await service.end()
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    await sts.stop()
    await media_server.stop()
    assert (code, took_s < STOP_LIMIT_S) == (0, True), service.lines
    assert service.told("stream_finished"), service.lines
    cuts = [line["number"] for line in service.told("segment_cut")]
    assert [line["number"] for line in service.told("segment_released")] == cuts
    assert not service.told("segments_lost")
    assert service.told("input_ended")[0]["reason"] == "stopped"
    assert "hidden" not in json.dumps(service.lines)
    assert {503} <= await while_stopping <= {200, 503}


async def statuses_from(service: Service) -> set[int]:
    """Ask whether it is ready until nobody answers; return what was said."""
    seen: set[int] = set()
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                seen.add((await session.get(f"{service.url}/ready")).status)
            except aiohttp.ClientError:
                return seen
            await asyncio.sleep(0.02)


async def opened(pipe: Path) -> int:
    """Open a named pipe once somebody reads it; whoever waits for that can be cancelled."""
    while True:
        try:
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        os.set_blocking(descriptor, True)
        return descriptor


async def feed(clip: Path, pipe: Path, *, stalls: bool) -> None:
    """Write the clip at about its own pace, and hold the pipe open."""
    content = await asyncio.to_thread(clip.read_bytes)
    step = len(content) // 120
    descriptor = await opened(pipe)
    try:
        for offset in range(0, len(content), step):
            if stalls and offset > len(content) // 4:
                break
            await asyncio.to_thread(os.write, descriptor, content[offset : offset + step])
            await asyncio.sleep(0.05)
        await asyncio.Event().wait()
    except BrokenPipeError:
        return
    finally:
        os.close(descriptor)
