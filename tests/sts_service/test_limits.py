"""Abuse: too many, too much, too fast, too slow, or silent for too long."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
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
    WireModel,
)
from sts_service.app import Service
from sts_service.token_bucket import TokenBucket
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import SETTINGS, Connect, get, metric, until
from tests.sts_service.sounds import level

REFUSED = "sts_connections_refused_total"


def limited(**changes: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("settings", [SETTINGS | changes], indirect=True)


async def closed(probe: Probe) -> None:
    await until(lambda: not probe.client.connected)


class TestConnections:
    @limited(max_connections=2)
    async def test_only_so_many(self, connect: Connect, service: Service) -> None:
        first = await connect()
        await connect()
        with pytest.raises(Rejected):
            await connect()
        assert metric(service, REFUSED, reason="limit") == 1
        assert metric(service, "sts_errors_total", code="RATE_LIMIT") == 1
        await first.leave()
        await until(lambda: metric(service, "sts_connections") == 1)
        await connect()

    @limited(max_connections=1)
    async def test_the_refusal_says_that_it_may_be_tried_again(
        self, connect: Connect, service: Service
    ) -> None:
        await connect()
        client = socketio.AsyncClient(reconnection=False)
        said: list[Any] = []
        client.on("connect_error", said.append)
        with pytest.raises(Rejected):
            await client.connect(f"http://127.0.0.1:{service.port}", transports=["websocket"])
        assert said[0]["data"] == {"code": "RATE_LIMIT", "retryable": True}

    @limited(max_observers=1)
    async def test_only_so_many_observers(self, connect: Connect) -> None:
        await connect(namespace=OBSERVE_NAMESPACE)
        with pytest.raises(Rejected):
            await connect(namespace=OBSERVE_NAMESPACE)
        await connect()

    @limited(max_connections=2, idle_timeout_s=0.2)
    async def test_who_has_no_stream_makes_room_for_another(
        self, connect: Connect, service: Service
    ) -> None:
        busy, idle = await connect(), await connect()
        await busy.say("stream:init", init())
        await busy.expect(StreamReady)
        silent_since = time.monotonic()
        await until(lambda: time.monotonic() - silent_since > 0.3)
        await busy.say("stream:init", init())
        await busy.expect(StreamReady, 2)
        await connect()
        await closed(idle)
        assert busy.client.connected
        assert metric(service, REFUSED, reason="idle") == 1

    @limited(connection_idle_timeout_s=0.3)
    async def test_who_has_no_stream_for_long_is_dismissed(
        self, connect: Connect, service: Service
    ) -> None:
        busy, idle = await connect(), await connect()
        await busy.say("stream:init", init())
        await busy.expect(StreamReady)
        await closed(idle)
        assert busy.client.connected
        await until(lambda: metric(service, "sts_connections") == 1)

    @limited(half_open_timeout_s=0.3)
    async def test_who_joins_no_namespace_is_cut_off(self, service: Service) -> None:
        url = f"ws://127.0.0.1:{service.port}/socket.io/?EIO=4&transport=websocket"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as line:
            assert (await line.receive()).data.startswith("0{")
            ended = await line.receive(timeout=5)
        assert ended.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSE}
        assert metric(service, REFUSED, reason="half_open") == 1
        await until(lambda: not service._server.eio.sockets)

    async def test_one_that_says_no_http_or_half_a_request_is_closed(
        self, short_keepalive: Service
    ) -> None:
        for said in (b"", b"GET /health HTTP/1.1\r\nHos"):
            with socket.create_connection(("127.0.0.1", short_keepalive.port)) as line:
                line.settimeout(5)
                line.sendall(said)
                assert await asyncio.to_thread(line.recv, 1) == b""

    @pytest.fixture
    async def short_keepalive(
        self, workers: FakeWorkers, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> AsyncIterator[Service]:
        monkeypatch.setattr("sts_service.app.KEEPALIVE_S", 0.3)
        service = Service(settings, workers)
        await service.listen()
        yield service
        await service.stop()

    async def test_a_connection_that_moved_to_a_websocket_can_be_cut_off(
        self, service: Service
    ) -> None:
        client = socketio.AsyncClient(reconnection=False)
        await client.connect(f"http://127.0.0.1:{service.port}")
        assert client.transport() == "websocket"
        service._connections.cut(client.get_sid())
        await until(lambda: not client.connected)
        await until(lambda: metric(service, "sts_connections") == 0)

    @limited(idle_timeout_s=0.3)
    async def test_a_stream_of_which_nothing_is_heard_is_closed(
        self, opened: Probe, service: Service
    ) -> None:
        (error,) = await opened.expect(ErrorEvent)
        assert (error.code, error.severity) == (ErrorCode.TIMEOUT, "fatal")
        assert (error.stream_id, error.retryable) == ("s", True)
        assert metric(service, "sts_streams_active") == 0
        assert opened.client.connected

    @limited(idle_timeout_s=1.0)
    async def test_a_stream_with_work_is_not_idle(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        await opened.say("fragment:data", fragment(0, level(0.1)))
        began_at = time.monotonic()
        await until(lambda: time.monotonic() - began_at > 1.8)
        workers.gate.set()
        await opened.expect(FragmentProcessed)


class TestRates:
    def test_a_bucket_fills_up_again(self) -> None:
        bucket = TokenBucket(rate_per_s=10, burst=5)
        assert [bucket.charge(1, now=0) for _ in range(6)] == [0, 0, 0, 0, 0, 0.1]
        assert bucket.charge(2, now=0.1) == 0.2
        assert bucket.charge(1, now=0.1) == 0
        assert bucket.charge(100, now=0.2) == 0.5
        assert bucket.charge(100, now=100) == 0

    @limited(rate_limit_per_s=5, rate_limit_burst=5)
    async def test_who_floods_is_refused_and_read_slowly(
        self, connect: Connect, service: Service
    ) -> None:
        flooding, modest = await connect(), await connect()
        began_at = time.monotonic()
        for _ in range(15):
            await flooding.say("nonsense", {"stream_id": "s"})
        await modest.say("stream:init", init())
        await modest.expect(StreamReady)
        assert metric(service, "sts_errors_total", code="RATE_LIMIT") < 4
        errors = await flooding.expect(ErrorEvent, 15)
        refused = [error for error in errors if error.code is ErrorCode.RATE_LIMIT]
        assert time.monotonic() - began_at > len(refused) / 5
        assert len(refused) >= 2
        assert {(error.stream_id, error.retryable) for error in refused} == {("s", True)}
        assert {error.code for error in errors[:5]} == {ErrorCode.INVALID_CONFIG}

    @limited(rate_limit_per_s=0.01, rate_limit_burst=20)
    async def test_large_events_count_for_several(
        self, opened: Probe, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        held_s: list[float] = []
        charge = service._connections.charge

        def charge_without_waiting(sid: str, size_bytes: int) -> float:
            held_s.append(charge(sid, size_bytes))
            return min(held_s[-1], 0.01)

        monkeypatch.setattr(service._connections, "charge", charge_without_waiting)
        sent = fragment(0, level(0.1, 8.0))
        await opened.say("fragment:data", sent)
        await opened.expect(FragmentAck)
        await opened.say("fragment:data", fragment(1, level(0.1, 8.0)))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.RATE_LIMIT
        assert error.fragment_id != str(sent.fragment_id)
        assert held_s[0] == 0
        assert held_s[1] > 1500


class TestMemory:
    @limited(max_held_mb=2)
    async def test_sound_is_held_up_to_a_limit(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        first, second = (fragment(sequence, level(0.1, 3.0)) for sequence in range(2))
        await opened.say("fragment:data", first)
        await opened.say("fragment:data", second)
        (error,) = await opened.expect(ErrorEvent)
        assert (error.code, error.fragment_id) == (ErrorCode.QUEUE_FULL, str(second.fragment_id))
        assert metric(service, "sts_held_bytes") == 2 * len(first.audio.data_base64)
        workers.gate.set()
        await opened.expect(FragmentProcessed)
        await opened.leave()
        await until(lambda: metric(service, "sts_held_bytes") == 0)

    async def test_a_client_that_does_not_read_is_cut_off_and_its_stream_kept(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sts_service.emitter.BACKLOG_BYTES", 3_000_000)
        url = f"ws://127.0.0.1:{service.port}/socket.io/?EIO=4&transport=websocket"
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as line:

            async def say(event: str, payload: WireModel) -> None:
                await line.send_str("42" + json.dumps([event, payload.wire()]))

            await line.send_str("40")
            await say("stream:init", init())
            # Each answer is a megabyte; the systems' own buffers take several, and then no more.
            sent = fragment(0, level(0.1, 8.0))
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await asyncio.gather(*(say("fragment:data", sent) for _ in range(100)))
            await until(lambda: metric(service, "sts_clients_slow_total") == 1)
            await until(lambda: metric(service, "sts_connections") == 0)
            await until(lambda: not service._server.eio.sockets)
        assert metric(service, "sts_sessions_detached") == 1

    async def test_whoever_is_furthest_behind_goes_where_all_are_too_far(
        self, connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sts_service.emitter.BACKLOG_BYTES_IN_ALL", 3_000)
        behind, modest = await connect(), await connect()
        released = asyncio.Event()

        async def read_nothing(*_: Any, **__: Any) -> None:
            await released.wait()

        monkeypatch.setattr(service._server, "emit", read_nothing)
        await modest.say("nonsense", {})
        while behind.client.connected:
            await behind.say("nonsense", {})
            await asyncio.sleep(0.005)
        assert modest.client.connected
        assert metric(service, "sts_clients_slow_total") == 1
        released.set()

    async def test_a_transport_that_fails_ends_its_connection_only(
        self, opened: Probe, connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = await connect()
        sending = service._server.emit

        async def fail_for_one(*said: Any, to: str, **options: Any) -> None:
            if to == opened.client.get_sid():
                raise OSError("no route")
            await sending(*said, to=to, **options)

        monkeypatch.setattr(service._server, "emit", fail_for_one)
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await closed(opened)
        await until(lambda: metric(service, "sts_sessions_detached") == 1)
        await other.say("stream:init", init("other"))
        await other.expect(StreamReady)


class TestWhatIsNoEvent:
    async def test_words_of_the_library_are_no_events(
        self, opened: Probe, service: Service
    ) -> None:
        for said in (
            '42["disconnect","bye"]',
            '42["connect",{},null]',
            '42["connect_error",1]',
            '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        ):
            await opened.client.eio.ws.send_str(said)
        await until(lambda: metric(service, "sts_transport_errors_total") == 4)
        assert metric(service, "sts_connections") == 1
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)


class TestObserveKey:
    @limited(sts_api_key="clients", sts_observe_key="observers")
    async def test_observers_have_a_token_of_their_own(self, connect: Connect) -> None:
        with pytest.raises(Rejected):
            await connect(namespace=OBSERVE_NAMESPACE, token="clients")
        with pytest.raises(Rejected):
            await connect(token="observers")
        await connect(namespace=OBSERVE_NAMESPACE, token="observers")
        await connect(token="clients")

    @limited(sts_observe_key="observers")
    async def test_it_holds_where_clients_need_none(self, connect: Connect) -> None:
        with pytest.raises(Rejected):
            await connect(namespace=OBSERVE_NAMESPACE)
        await connect()

    async def test_what_observers_say_is_counted_and_not_logged_for_ever(
        self, connect: Connect, service: Service
    ) -> None:
        observer = await connect(namespace=OBSERVE_NAMESPACE)
        for _ in range(3):
            await observer.client.emit("stream:init", {}, namespace=OBSERVE_NAMESPACE)
        await until(lambda: metric(service, "sts_observer_events_ignored_total") == 3)
        assert (await get(service, "/health")).status_code == 200
