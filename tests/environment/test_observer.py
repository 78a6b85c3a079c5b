"""The observer, against a real Socket.IO server in this process."""

import asyncio
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import socketio
from aiohttp import web

from environment.errors import WaitTimeout
from environment.runs.observer import Observer
from services.contracts import OBSERVE_NAMESPACE, OBSERVED_EVENT, AudioPayload


class Server:
    """sts-service's `/observe`, as far as the observer sees it."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.sio = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=2**24)
        self.sio.on("connect", self._connected, namespace=OBSERVE_NAMESPACE)
        self.auth: list[Any] = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        assert self.ready.wait(5)

    async def _connected(self, sid: str, environ: object, auth: object = None) -> None:
        self.auth.append(auth)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self.ready.set()
        self.loop.run_forever()

    async def _start(self) -> None:
        app = web.Application()
        self.sio.attach(app)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self.runner.addresses[0][1]

    def emit(self, data: object) -> None:
        coroutine = self.sio.emit(OBSERVED_EVENT, data, namespace=OBSERVE_NAMESPACE)
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(5)

    def stop(self) -> None:
        async def end() -> None:
            await self.sio.shutdown()
            await self.runner.cleanup()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def observed(event: str, payload: object, *, sender: str = "media", stream: str = "s1") -> Any:
    return {
        "sender": sender,
        "event": event,
        "connection": "c1",
        "stream_id": stream,
        "timestamp": int(time.time() * 1000),
        "payload": payload,
    }


def fragment(number: int = 0, seconds: float = 0.1) -> dict[str, Any]:
    pcm = bytes(int(seconds * 48_000) * 4)
    return {
        "fragment_id": str(uuid4()),
        "stream_id": "s1",
        "sequence_number": number,
        "timestamp": int(time.time() * 1000),
        "audio": AudioPayload.from_pcm(pcm, sample_rate_hz=48_000, channels=2).wire(),
    }


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def observer(server: Server) -> Iterator[Observer]:
    observer = Observer(server.url)
    observer.start(5)
    yield observer
    observer.close()


def test_a_fragment_of_six_seconds_arrives_whole(server: Server, observer: Observer) -> None:
    sent = fragment(seconds=6.0)
    server.emit(observed("fragment:data", sent))
    (seen,) = observer.wait_for_event("s1", "fragment:data", timeout_s=5)
    assert seen.payload == sent
    assert seen.violation is None
    assert seen.audio_chars > 1_000_000


def test_events_are_kept_in_order_and_filtered(server: Server, observer: Observer) -> None:
    for number in range(3):
        server.emit(observed("fragment:data", fragment(number)))
    server.emit(observed("stream:end", {"stream_id": "s2"}, stream="s2"))
    observer.wait_for_event("s2", "stream:end", timeout_s=5)
    numbers = [seen.payload["sequence_number"] for seen in observer.events("s1")]
    assert numbers == [0, 1, 2]
    assert observer.events("s1", "fragment:data", "sts") == []
    assert len(observer.events(sender="media")) == 4


@pytest.mark.parametrize(
    ("event", "sender", "change", "told"),
    [
        ("fragment:data", "media", {"sequence_number": "0"}, "sequence_number"),
        ("fragment:data", "media", {"surprise": 1}, "surprise"),
        ("fragment:data", "sts", {}, "sts never sends fragment:data"),
    ],
)
def test_a_broken_contract_is_told(  # noqa: PLR0917
    server: Server,
    observer: Observer,
    event: str,
    sender: str,
    change: dict[str, object],
    told: str,
) -> None:
    server.emit(observed(event, fragment() | change, sender=sender))
    observer.wait_for_event("s1", event, timeout_s=5)
    (violation,) = observer.violations("s1")
    assert told in violation
    assert len(violation) < 300


def test_what_is_no_observed_event_is_a_violation_too(server: Server, observer: Observer) -> None:
    server.emit({"event": "nonsense"})
    server.emit(observed("stream:end", {"stream_id": "s1"}))
    observer.wait_for_event("s1", "stream:end", timeout_s=5)
    assert len(observer.violations()) == 1


def test_the_wait_says_what_was_seen_instead(server: Server, observer: Observer) -> None:
    server.emit(observed("fragment:data", fragment()))
    observer.wait_for_event("s1", "fragment:data", timeout_s=5)
    with pytest.raises(WaitTimeout, match=r"1 of them; events of that stream: fragment:data"):
        observer.wait_for_event("s1", "fragment:data", count=2, timeout_s=0.2)


def test_the_bounds_hold(server: Server) -> None:
    observer = Observer(server.url, keep_events=3, keep_bytes=10**9)
    observer.start(5)
    try:
        for number in range(5):
            server.emit(observed("fragment:data", fragment(number)))
        server.emit(observed("stream:end", {"stream_id": "s1"}))
        observer.wait_for_event("s1", "stream:end", timeout_s=5)
        assert len(observer.events()) == 3
        assert observer.dropped == 3
    finally:
        observer.close()


def test_it_sees_again_after_the_server_was_away(server: Server, observer: Observer) -> None:
    port = server.port
    server.stop()
    second = Server(port)
    try:
        observer.wait_connected(8)
        second.emit(observed("stream:end", {"stream_id": "s1"}))
        observer.wait_for_event("s1", "stream:end", timeout_s=5)
        ((blind_from, seeing_from),) = observer.outages
        assert seeing_from is not None
        assert seeing_from > blind_from
    finally:
        second.stop()
        server.__init__()  # type: ignore[misc]


def test_the_key_is_handed_over(server: Server) -> None:
    observer = Observer(server.url, api_key="secret")
    observer.start(5)
    observer.close()
    assert server.auth == [{"token": "secret"}]
    assert not observer.connected


def test_nobody_there_is_an_error_that_names_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    observer = Observer("http://127.0.0.1:9")
    try:
        with pytest.raises(WaitTimeout, match=r"127\.0\.0\.1:9/observe"):
            observer.start(0.5)
    finally:
        observer.close()
    gc.collect()
    assert "Unclosed" not in caplog.text
