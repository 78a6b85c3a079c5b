"""What several modules of these tests need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from media_service.metrics import Metrics
from media_service.settings import Settings
from media_service.sts_client import StsClient
from tests.media_service.clips import make_clip
from tests.media_service.dialogue import Connect, until
from tests.media_service.fake_sts import FakeSts
from tests.media_service.link import Link


@pytest.fixture(autouse=True)
def segment_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service keeps what is in flight: nowhere that outlives the test."""
    folder = tmp_path / "segments"
    monkeypatch.setenv("SEGMENT_DIR", str(folder))
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of 3.5 s."""
    return make_clip(tmp_path / "clip.flv", seconds=3.5)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest_asyncio.fixture
async def sts() -> AsyncIterator[FakeSts]:
    """An STS that answers; a module may have another one in its place."""
    fake = FakeSts()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
def sts_port(sts: FakeSts) -> int:
    """The port that STS itself listens on."""
    return sts.port


@pytest_asyncio.fixture
async def link(sts_port: int) -> AsyncIterator[Link]:
    """A way to STS that can break."""
    way = Link(sts_port)
    await way.start()
    yield way
    await way.stop()


@pytest.fixture
def port(sts_port: int) -> int:
    """The port at which clients look for STS: its own, or that of a way that can break."""
    return sts_port


@pytest_asyncio.fixture
async def connect(port: int, metrics: Metrics) -> AsyncIterator[Connect]:
    running: list[asyncio.Task[None]] = []

    async def connected(**changes: Any) -> StsClient:
        settings = Settings(
            sts_service_url=f"http://127.0.0.1:{port}",
            **{"sts_reconnect_base_s": 0.05, **changes},
        )
        client = StsClient(settings, metrics)
        running.append(asyncio.create_task(client.run()))
        await until(lambda: client.connected)
        return client

    yield connected
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
