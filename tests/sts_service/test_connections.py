"""Clients that come, go, and say what is no Socket.IO; the end of the service."""

import asyncio
from typing import Any

import pytest
import socketio
from socketio.exceptions import ConnectionError as Rejected

from services.contracts import (
    OBSERVE_NAMESPACE,
    ErrorCode,
    ErrorEvent,
    FragmentAck,
    FragmentProcessed,
    StreamReady,
)
from sts_service.app import Service
from sts_service.settings import Settings
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import SETTINGS, Connect, get, metric, until
from tests.sts_service.sounds import level


class TestConnections:
    async def test_taking_leave_leaves_nothing_behind(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        for sequence in range(8):
            await opened.say("fragment:data", fragment(sequence, level(0.1, 0.1)))
        await opened.expect(FragmentAck, 11)
        await opened.leave()
        await until(lambda: metric(service, "sts_connections") == 0)
        workers.gate.set()
        names = ("sts_streams_active", "sts_queue_depth", "sts_inflight")
        await until(lambda: all(metric(service, name) == 0 for name in names))
        assert metric(service, "sts_fragments_received_total") == 8
        assert metric(service, "sts_fragments_dropped_total") == 8

    async def test_who_leaves_while_the_models_load_opens_nothing(
        self, workers: FakeWorkers, settings: Settings
    ) -> None:
        workers.loaded.clear()
        service = Service(settings, workers)
        await service.listen()
        loading = asyncio.create_task(service.load())
        stays, leaves = (Probe(f"http://127.0.0.1:{service.port}") for _ in range(2))
        await stays.connect()
        await leaves.connect()
        await leaves.say("stream:init", init("left"))
        await stays.say("stream:init", init("stayed"))
        await until(lambda: len(service._events._deferred) == 2)
        await leaves.client.disconnect()
        await until(lambda: len(service._events._deferred) == 1)
        workers.loaded.set()
        await stays.expect(StreamReady)
        await loading
        assert metric(service, "sts_streams_active") == 1
        await stays.client.disconnect()
        await service.stop()

    async def test_only_so_many_streams_wait_for_the_models(
        self, workers: FakeWorkers, settings: Settings
    ) -> None:
        workers.loaded.clear()
        service = Service(settings, workers)
        await service.listen()
        probe = await Probe(f"http://127.0.0.1:{service.port}").connect()
        for number in range(4):
            await probe.say("stream:init", init(f"s{number}"))
        (error,) = await probe.expect(ErrorEvent)
        assert (error.code, error.stream_id) == (ErrorCode.RATE_LIMIT, "s3")
        await probe.client.disconnect()
        await service.stop()

    async def test_two_who_open_the_same_stream_leave_one_open(
        self, opened: Probe, connect: Connect, service: Service
    ) -> None:
        rivals = [await connect() for _ in range(3)]
        await asyncio.gather(*(rival.say("stream:init", init()) for rival in rivals))
        for rival in rivals:
            await rival.expect(StreamReady)
        await until(lambda: metric(service, "sts_streams_active") == 1)
        await asyncio.wait_for(service.stop(), 5)

    async def test_a_stream_moves_to_the_connection_that_opens_it(
        self, opened: Probe, connect: Connect
    ) -> None:
        successor = await connect()
        await successor.say("stream:init", init())
        await successor.expect(StreamReady)
        await opened.client.disconnect()
        await successor.say("fragment:data", fragment(0, level(0.6)))
        (result,) = await successor.expect(FragmentProcessed)
        assert result.transcript == "six"

    async def test_garbage_packets_do_not_end_the_service(
        self, opened: Probe, connect: Connect, service: Service
    ) -> None:
        raw = await connect()
        for garbage in ("4{", "42", "42[]", "42[5]", "42[[1],2]", "49", "451-[", "zzz"):
            await raw.client.eio.ws.send_str(garbage)
        await until(lambda: metric(service, "sts_transport_errors_total") >= 6)
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)
        assert (await get(service, "/health")).status_code == 200


class TestKey:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings.model_validate({**SETTINGS, "sts_api_key": "sesame"})

    @pytest.mark.parametrize("namespace", ["/", OBSERVE_NAMESPACE])
    @pytest.mark.parametrize("token", [None, "wrong", "", "\ud800"])
    async def test_wrong_token(
        self, connect: Connect, service: Service, token: str | None, namespace: str
    ) -> None:
        with pytest.raises(Rejected):
            await connect(token=token, namespace=namespace)
        assert metric(service, "sts_errors_total", code="AUTH_FAILED") == 1

    async def test_the_refusal_names_its_code(self, service: Service) -> None:
        client = socketio.AsyncClient(reconnection=False)
        said: list[Any] = []
        client.on("connect_error", said.append)
        with pytest.raises(Rejected):
            await client.connect(f"http://127.0.0.1:{service.port}", transports=["websocket"])
        assert said[0]["data"]["code"] == "AUTH_FAILED"

    async def test_right_token(self, connect: Connect) -> None:
        probe = await connect(token="sesame")
        await probe.say("stream:init", init())
        await probe.expect(StreamReady)


async def test_stopping_answers_what_is_in_hand(
    opened: Probe, workers: FakeWorkers, service: Service
) -> None:
    workers.gate.clear()
    for sequence in range(5):
        await opened.say("fragment:data", fragment(sequence, level(0.1)))
    await opened.expect(FragmentAck, 5)
    stopping = asyncio.create_task(service.stop())
    await opened.say("fragment:data", fragment(5, level(0.1)))
    (error,) = await opened.expect(ErrorEvent)
    assert error.code is ErrorCode.QUEUE_FULL
    assert (await get(service, "/health")).status_code == 503
    workers.gate.set()
    await opened.expect(FragmentProcessed, 5)
    await stopping
    assert workers.stopped
