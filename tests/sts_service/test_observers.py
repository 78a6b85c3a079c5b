"""Those who watch: they see everything and disturb nobody."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.contracts import (
    OBSERVE_NAMESPACE,
    ErrorCode,
    ErrorEvent,
    FragmentProcessed,
    StreamReady,
)
from sts_service.app import Service
from tests.sts_service.probe import fragment, init
from tests.sts_service.served import Connect, metric, until
from tests.sts_service.sounds import level


class TestObservers:
    async def test_they_see_every_event_of_both_sides(
        self, connect: Connect, service: Service
    ) -> None:
        observer = await connect(namespace=OBSERVE_NAMESPACE)
        probe = await connect()
        await until(lambda: metric(service, "sts_observers") == 1)
        sent = fragment(0, level(0.1))
        await probe.say("stream:init", init())
        await probe.say("fragment:data", sent)
        (result,) = await probe.expect(FragmentProcessed)
        ack = {"fragment_id": str(sent.fragment_id), "status": "applied", "timestamp": 1}
        await probe.say("fragment:ack", ack)
        await probe.say("bad", b"\xff")
        seen = await observer.expect_observed(8)
        assert [(event.sender, event.event) for event in seen] == [
            ("media", "stream:init"),
            ("sts", "stream:ready"),
            ("media", "fragment:data"),
            ("sts", "fragment:ack"),
            ("sts", "fragment:ack"),
            ("sts", "fragment:processed"),
            ("media", "fragment:ack"),
            ("media", "bad"),
        ]
        assert {event.stream_id for event in seen[:7]} == {"s"}
        assert seen[5].payload == result.wire()
        assert seen[2].payload == sent.wire()

    async def test_they_can_say_nothing(self, connect: Connect, service: Service) -> None:
        observer = await connect(namespace=OBSERVE_NAMESPACE)
        await observer.client.emit("stream:init", init().wire(), namespace=OBSERVE_NAMESPACE)
        probe = await connect()
        await probe.say("stream:init", init("other"))
        await probe.expect(StreamReady)
        assert metric(service, "sts_streams_active") == 1
        assert metric(service, "sts_connections") == 1

    async def test_one_that_does_not_read_is_let_go_and_holds_up_nobody(
        self, connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sts_service.observe.BACKLOG_EVENTS", 4)
        await connect(namespace=OBSERVE_NAMESPACE)
        await until(lambda: metric(service, "sts_observers") == 1)
        # A transport whose queue never empties is what a reader that stopped looks like.
        (eio_socket,) = service._server.eio.sockets.values()
        monkeypatch.setattr(eio_socket.queue, "join", asyncio.Event().wait)
        probe = await connect()
        await probe.say("stream:init", init())
        for sequence in range(4):
            await probe.say("fragment:data", fragment(sequence, level(0.1, 0.1)))
        await probe.expect(FragmentProcessed, 4)
        await until(lambda: metric(service, "sts_observers") == 0)

    async def test_one_that_is_behind_by_many_bytes_is_let_go(
        self, connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sts_service.observe.BACKLOG_BYTES", 100_000)
        await connect(namespace=OBSERVE_NAMESPACE)
        await until(lambda: metric(service, "sts_observers") == 1)
        (eio_socket,) = service._server.eio.sockets.values()
        monkeypatch.setattr(eio_socket.queue, "join", asyncio.Event().wait)
        probe = await connect()
        for _ in range(4):
            await probe.say("unknown", "x" * 60_000)
        await probe.expect(ErrorEvent, 4)
        await until(lambda: metric(service, "sts_observers") == 0)

    async def test_what_is_nested_deep_is_answered_and_seen(
        self, connect: Connect, service: Service
    ) -> None:
        observer = await connect(namespace=OBSERVE_NAMESPACE)
        probe = await connect()
        await until(lambda: metric(service, "sts_observers") == 1)
        # By hand: the client's own library fails over it.
        nested = '{"in":' * 300 + "1" + "}" * 300
        await probe.client.eio.ws.send_str(f'42["stream:init",{nested}]')
        (error,) = await probe.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_CONFIG
        seen = await observer.expect_observed(2)
        assert "nested deeper than 32" in str(seen[0].payload)
        assert seen[1].event == "error"

    async def test_what_cannot_be_observed_is_still_answered(
        self, connect: Connect, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await connect(namespace=OBSERVE_NAMESPACE)
        await until(lambda: metric(service, "sts_observers") == 1)
        probe = await connect()

        def fail(_: Any) -> int:
            raise RecursionError

        monkeypatch.setattr("sts_service.observe.size_bytes", fail)
        with capture_logs() as lines:
            await probe.say("stream:init", init())
            await probe.expect(StreamReady)
        assert "observe_failed" in {line["event"] for line in lines}
