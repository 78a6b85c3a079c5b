"""Ten thousand events that break the contract: each is answered, none does harm."""

import asyncio
import gc
import logging
import random
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from services.contracts import ErrorCode, ErrorEvent, FragmentProcessed, StreamReady
from sts_service.app import Service
from sts_service.settings import Settings
from tests.sts_service.malformed import RAW, malformed, packet, real_events
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import SETTINGS, Connect, get, metric, until
from tests.sts_service.sounds import level

COUNT = 10_000
GROWTH_BYTES = 30_000_000
GROWTH_OBJECTS = 2_000
CODES = {
    ErrorCode.INVALID_CONFIG,
    ErrorCode.INVALID_AUDIO_FORMAT,
    ErrorCode.INVALID_SEQUENCE,
    ErrorCode.STREAM_NOT_FOUND,
}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def settings() -> Settings:
    """Without a rate limit: it would answer in place of what is tried here."""
    return Settings.model_validate(
        SETTINGS | {"rate_limit_per_s": 1e9, "rate_limit_burst": 1e9, "log_level": "ERROR"}
    )


@pytest.fixture
def unlogged() -> Iterator[None]:
    """Without a log: what pytest keeps of it would be taken for growth of the service."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Held(NamedTuple):
    """What this process, which is the server's as well, has of the machine's memory."""

    objects: int
    resident_bytes: int


def held() -> Held:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(len(gc.get_objects()), pages * resource.getpagesize())


async def say_badly(probe: Probe, rng: random.Random, count: int) -> None:
    """Say so many malformed events, and wait for the answer to each."""
    good = real_events()
    for _ in range(count // 100):
        for _ in range(100):
            event, payload = malformed(rng, good)
            await probe.client.eio.ws.send_str(packet(event, payload))
        await probe.expect(ErrorEvent, 100)
        answers = probe.of(ErrorEvent)
        assert len(answers) == 100
        assert {answer.code for answer in answers} <= CODES
        probe.heard.clear()


async def test_each_is_answered_and_nothing_grows(
    opened: Probe, service: Service, unlogged: None
) -> None:
    rng = random.Random(6)
    opened.heard.clear()
    await say_badly(opened, rng, 1000)
    before = held()
    await say_badly(opened, rng, COUNT - 1000)
    after = held()
    assert after.objects - before.objects < GROWTH_OBJECTS
    assert after.resident_bytes - before.resident_bytes < GROWTH_BYTES
    counted = sum(metric(service, "sts_errors_total", code=code.value) for code in ErrorCode)
    assert counted == COUNT
    for name in ("sts_streams_active", "sts_connections"):
        assert metric(service, name) == 1
    for name in ("sts_fragments_received_total", "sts_transport_errors_total", "sts_held_bytes"):
        assert metric(service, name) == 0
    await opened.say("fragment:data", fragment(0, level(0.2)))
    assert (await opened.expect(FragmentProcessed))[0].transcript == "two"


@pytest.mark.parametrize("raw", RAW, ids=lambda raw: raw[:24])
async def test_what_is_no_event_is_ignored(
    connect: Connect, opened: Probe, service: Service, raw: str
) -> None:
    stranger = await connect()
    await stranger.client.eio.ws.send_str(raw)
    await asyncio.sleep(0)
    await opened.say("fragment:data", fragment(0, level(0.2)))
    assert (await opened.expect(FragmentProcessed))[0].transcript == "two"
    assert (await get(service, "/health")).status_code == 200
    # Whoever said it may go on, or may have been cut off; the place is not lost either way.
    again = await connect()
    await again.say("stream:init", init("other"))
    await again.expect(StreamReady)


def server_tasks() -> list[str]:
    """What runs on the server's side; the clients are of the same process."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    servers = (
        "AsyncSocket.",
        "AsyncServer.",
        "Lane.",
        "Outbox.",
        "Connections.",
        "RequestHandler.",
    )
    # The one that looks after all connections starts with the first, and a ping that was about
    # to be sent finds nobody within seconds.
    lasting = ("AsyncServer._service_task", "AsyncSocket._send_ping")
    return [name for name in names if name.startswith(servers) and name not in lasting]


async def test_fifty_that_open_flood_and_vanish_leave_nothing(
    service: Service,
) -> None:
    url = f"http://127.0.0.1:{service.port}"
    tasks_before = server_tasks()

    async def visit(number: int) -> None:
        probe = await Probe(url).connect()
        await probe.say("stream:init", init(f"s{number}"))
        for sequence in range(30):
            await probe.say("fragment:data", fragment(sequence, level(0.1), stream_id=f"s{number}"))
        probe.vanish()

    for start in range(0, 50, 10):
        await asyncio.gather(*(visit(number) for number in range(start, start + 10)))
    await until(lambda: metric(service, "sts_connections") == 0)
    # As if their minute were over.
    object.__setattr__(service._settings, "session_resume_s", 0.0)
    gauges = (
        "sts_streams_active",
        "sts_sessions_detached",
        "sts_queue_depth",
        "sts_inflight",
        "sts_held_bytes",
    )
    await until(lambda: all(metric(service, name) == 0 for name in gauges))
    await until(lambda: not service._server.eio.sockets)
    received = metric(service, "sts_fragments_received_total")
    answered = sum(
        metric(service, "sts_fragments_processed_total", status=status)
        for status in ("success", "partial", "failed")
    )
    assert received == answered + metric(service, "sts_fragments_dropped_total")
    await until(lambda: server_tasks() == tasks_before)
