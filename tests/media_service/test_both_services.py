"""media-service's client against sts-service itself, over a way that breaks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from media_service.metrics import Metrics
from media_service.sts_client import StsClient
from media_service.sts_errors import StsError, StsUnavailableError
from media_service.sts_stream import StsStream
from services.contracts import FragmentProcessed
from sts_service.app import Service
from sts_service.engines.registry import Engines, load
from sts_service.settings import Settings as StsSettings
from tests.media_service.dialogue import Connect, fragment, until, value
from tests.media_service.link import Link
from tests.sts_service.fake_workers import FAKES, FakeWorkers
from tests.sts_service.served import metric

FRAGMENTS = 8
SECONDS = 0.5
ENCODED_BYTES = round(SECONDS * 48_000 * 4 * 4 / 3)


@pytest.fixture(scope="module")
def engines() -> Iterator[Engines]:
    loaded = load(FAKES)
    yield loaded
    loaded.close()


@pytest.fixture
def workers(engines: Engines) -> FakeWorkers:
    made = FakeWorkers(engines, size=2)
    made.shuffle = True
    return made


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the attempt at once more time, on a machine that has better to do."""
    monkeypatch.setattr("media_service.sts_client.RETURN_TIMEOUT_S", 30.0)


@pytest_asyncio.fixture
async def service(workers: FakeWorkers, request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    given = {"host": "127.0.0.1", "port": 0, **getattr(request, "param", {})}
    served = Service(StsSettings.model_validate(given), workers)
    await served.listen()
    await served.load()
    yield served
    workers.gate.set()
    await served.stop()


@pytest.fixture
def sts_port(service: Service) -> int:
    return service.port


@pytest.fixture
def port(link: Link) -> int:
    return link.port


@pytest_asyncio.fixture
async def client(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> StsClient:
    monkeypatch.setattr("media_service.sts_client.STABLE_S", 0.0)
    # A storm makes many late; here each is tried all the same.
    return await connect(sts_reconnect_base_s=0.1, sts_circuit_timeouts=100)


async def dub(stream: StsStream, number: int, within_s: float = 40) -> FragmentProcessed:
    given = fragment(number, seconds=SECONDS)
    result = await stream.dub(given, within_s=within_s)
    assert (result.fragment_id, result.sequence_number) == (given.fragment_id, number)
    await stream.applied(result.fragment_id)
    return result


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("seed", range(10))
async def test_breaks_at_any_byte_lose_nothing_and_have_nothing_processed_twice(
    seed: int, client: StsClient, link: Link, service: Service, workers: FakeWorkers
) -> None:
    chance = random.Random(seed)
    stream = await client.open_stream("s")
    dubs = [asyncio.create_task(dub(stream, number)) for number in range(FRAGMENTS)]
    for breaks in range(2):
        # The next break comes over a connection that stands: one that breaks while it is being
        # made is an STS that is away.
        await until(lambda due=breaks: link.connections > due and client.connected)  # type: ignore[misc]
        link.cut_after_bytes = chance.randrange(FRAGMENTS * ENCODED_BYTES)
        await until(lambda: link.cut_after_bytes is None or all(each.done() for each in dubs))
    results = await asyncio.gather(*dubs)
    assert [result.status for result in results] == ["success"] * FRAGMENTS
    assert workers.processed == FRAGMENTS
    await stream.close()
    await until(lambda: metric(service, "sts_streams_active") == 0)


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_breaks_every_fragment_has_one_outcome_in_its_time(
    seed: int, client: StsClient, link: Link, workers: FakeWorkers, metrics: Metrics
) -> None:
    chance = random.Random(seed)
    stream = await client.open_stream("s")
    actions = (
        *(link.cut, link.cut, link.freeze, link.thaw),
        *(workers.gate.clear, workers.gate.set, workers.gate.set),
    )
    began_at = time.monotonic()
    dubs = []
    for number in range(12):
        dubs.append(asyncio.create_task(dub(stream, number, within_s=2)))
        await asyncio.sleep(0.05)
        chance.choice(actions)()
    link.thaw()
    workers.gate.set()
    outcomes = await asyncio.gather(*dubs, return_exceptions=True)
    assert time.monotonic() - began_at < 30
    unexpected = [
        outcome for outcome in outcomes if not isinstance(outcome, FragmentProcessed | StsError)
    ]
    assert unexpected == []
    assert workers.processed <= len(outcomes)
    dubbed = sum(isinstance(outcome, FragmentProcessed) for outcome in outcomes)
    assert value(metrics, "fragments_processed_total", status="success") == dubbed
    assert value(metrics, "fragments_inflight") == 0
    # And it goes on: what comes next is dubbed.
    await until(lambda: client.connected and stream.report.state == "ready")
    assert (await dub(stream, 12)).status == "success"


LOW = {"backpressure_slow_down_at": 1, "backpressure_pause_at": 2, "backpressure_relieved_at": 0}


@pytest.mark.parametrize("service", [LOW], indirect=True)
async def test_pressure_is_obeyed_and_nothing_is_refused(
    client: StsClient, workers: FakeWorkers, metrics: Metrics, service: Service
) -> None:
    workers.gate.clear()
    one, other = await client.open_stream("one"), await client.open_stream("other")
    # Both workers have their hands full, so that the third fragment waits.
    dubs = [asyncio.create_task(dub(stream, 0)) for stream in (one, other)]
    await until(lambda: value(metrics, "fragments_sent_total") == 2)
    dubs += [asyncio.create_task(dub(one, number)) for number in range(1, 6)]
    await until(lambda: one.report.backpressure != "none")
    workers.gate.set()
    await asyncio.gather(*dubs)
    await until(lambda: one.report.backpressure == "none")
    assert value(metrics, "fragments_resent_total") == 0
    assert value(metrics, "backpressure_total", action="none") >= 1
    assert value(metrics, "backpressure_held_seconds_total") > 0
    assert workers.processed == 7


async def test_a_service_that_stops_finishes_what_it_has_and_nothing_waits_for_it_then(
    client: StsClient, workers: FakeWorkers, service: Service
) -> None:
    stream = await client.open_stream("s")
    workers.gate.clear()
    in_hand = asyncio.create_task(dub(stream, 0))
    await until(lambda: metric(service, "sts_inflight") == 1)
    stopping = asyncio.create_task(service.stop())
    workers.gate.set()
    assert (await in_hand).status == "success"
    await stopping
    await until(lambda: client.away)
    with pytest.raises(StsUnavailableError):
        await dub(stream, 1)
