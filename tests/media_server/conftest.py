"""A media server on ports of the operating system's choice, and what looks at it from outside."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from media_server.config import Address, Config, PathConfig, Permission, User
from media_server.log import LOGGER
from media_server.server import MediaServer

ANYONE = User("any", "", (Permission("publish"), Permission("read"), Permission("api")))
DEADLINE_S = 8.0


@dataclass(frozen=True)
class Running:
    """A started server with its recordings' folder and its log so far."""

    server: MediaServer
    recordings: Path
    log: list[str]
    http: aiohttp.ClientSession

    @property
    def rtmp(self) -> Address:
        assert self.server.rtmp_address is not None
        return self.server.rtmp_address

    @property
    def rtsp(self) -> Address:
        assert self.server.rtsp_address is not None
        return self.server.rtsp_address

    def url(self, path: str, protocol: str = "rtmp") -> str:
        address = self.rtmp if protocol == "rtmp" else self.rtsp
        return f"{protocol}://{address}/{path}"

    async def get(self, call: str, **options: Any) -> tuple[int, Any]:
        url = f"http://{self.server.api_address}{call}"
        async with self.http.get(url, **options) as response:
            assert response.headers["Server"] == "dubspec-mediamtx-stand-in"
            return response.status, await response.json()

    async def path(self, name: str) -> Any:
        status, body = await self.get(f"/v3/paths/get/{name}")
        return body if status == 200 else None

    async def until(self, what: str, probe: Callable[[], Awaitable[Any]]) -> Any:
        """The probe's first true answer, asked for every 10 ms."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not (answer := await probe()):  # noqa: ASYNC110 - other processes are asked
                    await asyncio.sleep(0.01)
        except TimeoutError:
            pytest.fail(f"not seen: {what}; log:\n" + "\n".join(self.log))
        return answer

    async def until_ready(self, name: str) -> Any:
        async def ready() -> Any:
            item = await self.path(name)
            return item if item and item["ready"] else None

        return await self.until(f"{name} ready", ready)

    async def until_gone(self, name: str) -> None:
        async def gone() -> bool:
            return await self.path(name) is None

        await self.until(f"{name} gone", gone)

    async def until_logged(self, text: str) -> None:
        async def logged() -> bool:
            return any(text in line for line in self.log)

        await self.until(f"log line {text!r}", logged)

    def recorded(self, name: str) -> list[Path]:
        return sorted((self.recordings / name).glob("*.flv"))


@pytest.fixture
def server_log() -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    handler = Keep()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)
    yield lines
    LOGGER.removeHandler(handler)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    template = str(tmp_path / "recordings" / "%path" / "%Y-%m-%d_%H-%M-%S-%f")
    return Config(
        users=(ANYONE,),
        api=True,
        api_address=Address("127.0.0.1", 0),
        rtmp_address=Address("127.0.0.1", 0),
        rtsp_address=Address("127.0.0.1", 0),
        paths=(
            PathConfig("~^live/.+/(in|out)$", record=True, record_path=template),
            PathConfig("fixed/path", override_publisher=False),
            PathConfig("all_others"),
        ),
    )


@pytest_asyncio.fixture
async def start(
    config: Config, tmp_path: Path, server_log: list[str]
) -> AsyncIterator[Callable[..., Awaitable[Running]]]:
    """Starts a server with the given fields of the configuration changed."""
    servers: list[MediaServer] = []
    async with aiohttp.ClientSession() as http:

        async def started(**changes: Any) -> Running:
            server = MediaServer(replace(config, **changes))
            servers.append(server)
            await server.start()
            return Running(server, tmp_path / "recordings", server_log, http)

        yield started
        for server in servers:
            await server.stop()


@pytest_asyncio.fixture
async def running(start: Callable[..., Awaitable[Running]]) -> Running:
    return await start()
