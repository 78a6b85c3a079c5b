"""What several tests of sts-service share: engines, real and fake, and a served service."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import structlog

from services.contracts import StreamReady
from sts_service.app import Service
from sts_service.engines.registry import PROFILES, Engines, load
from sts_service.settings import Settings
from tests.sts_service.fake_workers import FAKES, FakeWorkers
from tests.sts_service.probe import Probe, init
from tests.sts_service.served import SETTINGS, Connect


@pytest.fixture(autouse=True, scope="session")
def _plain_tracebacks() -> None:
    """Tracebacks without every frame's variables, which take seconds to print."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])


@pytest.fixture(scope="session")
def embedded() -> Iterator[Engines]:
    """The engines of the embedded profile, loaded once."""
    engines = load(PROFILES["embedded"])
    yield engines
    engines.close()


@pytest.fixture(scope="session")
def fakes() -> Iterator[Engines]:
    """Fast engines that share the real ones' contract."""
    engines = load(FAKES)
    yield engines
    engines.close()


@pytest.fixture
def workers(fakes: Engines) -> FakeWorkers:
    return FakeWorkers(fakes)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> Settings:
    """The settings of ``service``; a test may parametrize them."""
    return Settings.model_validate(getattr(request, "param", SETTINGS))


@pytest.fixture
async def service(workers: FakeWorkers, settings: Settings) -> AsyncIterator[Service]:
    service = Service(settings, workers)
    await service.listen()
    await service.load()
    yield service
    workers.gate.set()
    await service.stop()


@pytest.fixture
async def connect(service: Service) -> AsyncIterator[Connect]:
    probes: list[Probe] = []

    async def connect(**options: Any) -> Probe:
        namespace = options.pop("namespace", "/")
        probe = Probe(f"http://127.0.0.1:{service.port}", **options)
        probes.append(probe)
        return await probe.connect(namespace=namespace)

    yield connect
    for probe in probes:
        await probe.client.disconnect()


@pytest.fixture
async def opened(connect: Connect) -> Probe:
    """A client with the stream "s" open."""
    probe = await connect()
    await probe.say("stream:init", init())
    await probe.expect(StreamReady)
    return probe
