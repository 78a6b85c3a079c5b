"""A real server and a real client; only the engines are fast ones."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import requests
import socketio
from prometheus_client.parser import text_string_to_metric_families
from socketio.exceptions import ConnectionError as Rejected

from services.contracts import (
    OBSERVE_NAMESPACE,
    Backpressure,
    ErrorCode,
    ErrorEvent,
    FragmentAck,
    FragmentProcessed,
    StreamComplete,
    StreamControl,
    StreamReady,
)
from sts_service.app import Service
from sts_service.engines.registry import Engines
from sts_service.events import MAX_FRAGMENT_BYTES
from sts_service.job import Outcome
from sts_service.settings import Settings
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.sounds import level

Connect = Callable[..., Awaitable[Probe]]

SETTINGS = {"host": "127.0.0.1", "port": 0, "shutdown_grace": 5.0, "max_streams": 3}


@pytest.fixture
def workers(fakes: Engines) -> FakeWorkers:
    return FakeWorkers(fakes)


@pytest.fixture
def settings() -> Settings:
    return Settings.model_validate(SETTINGS)


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


async def get(service: Service, path: str) -> requests.Response:
    url = f"http://127.0.0.1:{service.port}{path}"
    return await asyncio.to_thread(requests.get, url, timeout=5)


def metric(service: Service, name: str, **labels: str) -> float:
    text = service.metrics.exposition().decode()
    samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
    return next(s.value for s in samples if s.name == name and s.labels == labels)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the service's gauges send no events
            await asyncio.sleep(0.01)


class TestStream:
    async def test_ready_says_what_serves_the_stream(self, connect: Connect) -> None:
        probe = await connect()
        await probe.say("stream:init", init(max_inflight=9, next_sequence=4))
        (ready,) = await probe.expect(StreamReady)
        assert ready.stream_id == "s"
        assert ready.next_sequence == 4
        assert ready.max_inflight == 3
        assert not ready.resumed
        assert ready.capabilities.asr == "fake-asr"
        assert ready.capabilities.source_languages == ["en"]

    async def test_a_fragment_comes_back_dubbed(self, opened: Probe) -> None:
        sent = fragment(0, level(0.3))
        await opened.say("fragment:data", sent)
        (result,) = await opened.expect(FragmentProcessed)
        assert result.fragment_id == sent.fragment_id
        assert result.status == "success"
        assert (result.transcript, result.translated_text) == ("three", "tres")
        assert result.dubbed_audio is not None
        assert len(result.dubbed_audio.pcm()) == len(sent.audio.pcm())
        assert result.metadata is not None
        assert result.metadata.asr_model == "fake-asr:level"
        assert [ack.status for ack in opened.of(FragmentAck)] == ["queued", "processing"]

    async def test_results_keep_their_order_whatever_order_they_finish_in(
        self, opened: Probe, workers: FakeWorkers
    ) -> None:
        workers.shuffle = True
        for sequence in range(12):
            await opened.say("fragment:data", fragment(sequence, level(0.1 * (sequence % 7 + 1))))
        results = await opened.expect(FragmentProcessed, 12)
        assert [result.sequence_number for result in results] == list(range(12))

    async def test_a_failed_fragment_holds_up_nobody(self, opened: Probe) -> None:
        for sequence, peak in enumerate((0.2, 0.95, 0.8, 0.4)):
            await opened.say("fragment:data", fragment(sequence, level(peak)))
        results = await opened.expect(FragmentProcessed, 4)
        assert [r.status for r in results] == ["success", "failed", "partial", "success"]
        assert [r.error.code if r.error else None for r in results[1:3]] == [
            ErrorCode.MODEL_ERROR,
            ErrorCode.MODEL_ERROR,
        ]
        assert results[2].transcript == "eight"

    async def test_a_crash_is_a_failed_fragment(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        def crash() -> None:
            workers.crash = None
            raise ZeroDivisionError("bug")

        workers.crash = crash
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.say("fragment:data", fragment(1, level(0.2)))
        results = await opened.expect(FragmentProcessed, 2)
        assert sorted(result.status for result in results) == ["failed", "success"]
        assert metric(service, "sts_inflight") == 0

    async def test_an_outcome_that_breaks_the_contract_is_a_failed_fragment(
        self, opened: Probe, workers: FakeWorkers
    ) -> None:
        # More often than there are consumers, so that none can have been lost.
        for sequence in range(4):
            workers.outcome = Outcome(transcript="", translated_text="")
            await opened.say("fragment:data", fragment(sequence, level(0.1)))
            result = (await opened.expect(FragmentProcessed, sequence + 1))[-1]
            assert (result.sequence_number, result.status) == (sequence, "failed")
        await opened.say("fragment:data", fragment(4, level(0.1)))
        assert (await opened.expect(FragmentProcessed, 5))[-1].status == "success"

    async def test_what_takes_too_long_times_out(
        self, connect: Connect, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        probe = await connect()
        await probe.say("stream:init", init(timeout_ms=1000))
        await probe.say("fragment:data", fragment(0, level(0.1)))
        (result,) = await probe.expect(FragmentProcessed)
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code is ErrorCode.TIMEOUT
        assert result.error.retryable

    async def test_end_is_answered_after_the_last_result(
        self, opened: Probe, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        for sequence, peak in enumerate((0.1, 0.95, 0.3)):
            await opened.say("fragment:data", fragment(sequence, level(peak, 0.25)))
        await opened.say("stream:end", StreamControl(stream_id="s", reason="over"))
        await opened.expect(FragmentAck, 3, where=lambda ack: ack.status == "processing")
        assert opened.of(StreamComplete) == []
        workers.gate.set()
        (complete,) = await opened.expect(StreamComplete)
        assert opened.heard[-1].name == "stream:complete"
        assert complete.total_fragments == 3
        assert complete.total_duration_ms == 750
        assert complete.statistics.success_count == 2
        assert complete.statistics.failed_count == 1
        times = [result.processing_time_ms for result in opened.of(FragmentProcessed)]
        assert complete.statistics.avg_processing_time_ms == pytest.approx(sum(times) / 3)
        assert complete.statistics.p95_processing_time_ms == max(times)

    async def test_an_ended_stream_is_gone(self, opened: Probe, service: Service) -> None:
        await opened.say("stream:end", StreamControl(stream_id="s"))
        await opened.expect(StreamComplete)
        await until(lambda: metric(service, "sts_streams_active") == 0)
        await opened.say("fragment:data", fragment(0, level(0.1)))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.STREAM_NOT_FOUND

    async def test_pause_and_resume(self, opened: Probe) -> None:
        await opened.say("stream:pause", StreamControl(stream_id="s"))
        await opened.say("fragment:data", fragment(0, level(0.1)))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.STREAM_PAUSED
        assert error.retryable
        await opened.say("stream:resume", StreamControl(stream_id="s"))
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)

    async def test_a_stream_opened_again_starts_again(self, opened: Probe) -> None:
        await opened.say("stream:init", init(next_sequence=7))
        ready = (await opened.expect(StreamReady, 2))[1]
        assert ready.next_sequence == 7
        await opened.say("fragment:data", fragment(7, level(0.1)))
        await opened.expect(FragmentProcessed)

    async def test_init_waits_for_the_models(
        self, workers: FakeWorkers, settings: Settings
    ) -> None:
        workers.loaded.clear()
        service = Service(settings, workers)
        await service.listen()
        loading = asyncio.create_task(service.load())
        health = await get(service, "/health")
        assert (health.status_code, health.json()) == (503, {"status": "loading"})
        probe = await Probe(f"http://127.0.0.1:{service.port}").connect()
        await probe.say("stream:init", init())
        workers.loaded.set()
        await probe.expect(StreamReady)
        await loading
        await probe.client.disconnect()
        await service.stop()


class TestRepeats:
    async def test_an_answered_fragment_gets_the_first_answer(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        sent = fragment(0, level(0.1))
        await opened.say("fragment:data", sent)
        await opened.expect(FragmentProcessed)
        await opened.say("fragment:data", sent)
        first, repeat = await opened.expect(FragmentProcessed, 2)
        assert repeat == first
        assert workers.processed == 1
        assert metric(service, "sts_fragments_received_total") == 1
        assert metric(service, "sts_fragments_duplicate_total") == 1

    async def test_another_fragment_with_a_used_number_gets_no_answer_of_the_first(
        self, opened: Probe, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        await opened.say("fragment:data", fragment(0, level(0.1)))
        in_work = fragment(0, level(0.5))
        await opened.say("fragment:data", in_work)
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_SEQUENCE
        assert error.fragment_id == str(in_work.fragment_id)
        workers.gate.set()
        await opened.expect(FragmentProcessed)
        answered = fragment(0, level(0.5))
        await opened.say("fragment:data", answered)
        error = (await opened.expect(ErrorEvent, 2))[1]
        assert error.code is ErrorCode.INVALID_SEQUENCE
        assert error.fragment_id == str(answered.fragment_id)
        assert len(opened.of(FragmentProcessed)) == 1

    async def test_a_fragment_in_work_is_only_acknowledged_again(
        self, opened: Probe, workers: FakeWorkers
    ) -> None:
        workers.gate.clear()
        sent = fragment(0, level(0.1))
        await opened.say("fragment:data", sent)
        await opened.expect(FragmentAck, 2)
        await opened.say("fragment:data", sent)
        assert (await opened.expect(FragmentAck, 3))[2].status == "processing"
        workers.gate.set()
        await opened.say("stream:end", StreamControl(stream_id="s"))
        (complete,) = await opened.expect(StreamComplete)
        assert complete.total_fragments == 1
        assert len(opened.of(FragmentProcessed)) == 1

    async def test_only_the_latest_answers_are_kept(self, opened: Probe) -> None:
        sent = [fragment(sequence, level(0.1, 0.1)) for sequence in range(8)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.expect(FragmentProcessed, 8)
        await opened.say("fragment:data", sent[0])
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_SEQUENCE
        assert error.fragment_id == str(sent[0].fragment_id)


class TestRefusals:
    async def test_unknown_language(self, connect: Connect) -> None:
        probe = await connect()
        await probe.say("stream:init", init(target="tlh"))
        (error,) = await probe.expect(ErrorEvent)
        assert error.code is ErrorCode.UNSUPPORTED_LANGUAGE
        assert error.stream_id == "s"
        assert "en to es" in error.message

    async def test_too_many_streams(self, connect: Connect) -> None:
        probe = await connect()
        for number in range(4):
            await probe.say("stream:init", init(f"s{number}"))
        (error,) = await probe.expect(ErrorEvent)
        assert error.code is ErrorCode.RATE_LIMIT
        assert len(await probe.expect(StreamReady, 3)) == 3

    async def test_another_connections_stream(self, opened: Probe, connect: Connect) -> None:
        stranger = await connect()
        await stranger.say("fragment:data", fragment(0, level(0.1)))
        (error,) = await stranger.expect(ErrorEvent)
        assert error.code is ErrorCode.STREAM_NOT_FOUND
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)

    async def test_full_queue(self, opened: Probe, workers: FakeWorkers, service: Service) -> None:
        workers.gate.clear()
        for sequence in range(24):
            await opened.say("fragment:data", fragment(sequence, level(0.1, 0.05)))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.QUEUE_FULL
        assert error.retryable
        assert metric(service, "sts_queue_depth") == 20
        advice = await opened.expect(Backpressure, 2)
        assert [event.action for event in advice] == ["slow_down", "pause"]
        workers.gate.set()
        results = await opened.expect(FragmentProcessed, 23)
        assert [result.sequence_number for result in results] == list(range(23))
        relieved = await opened.expect(Backpressure, where=lambda event: event.action == "none")
        assert relieved[0].severity == "low"
        assert metric(service, "sts_queue_depth") == 0

    async def test_a_fragment_in_another_format(self, opened: Probe) -> None:
        await opened.say("fragment:data", fragment(0, level(0.1), rate_hz=44_100))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_AUDIO_FORMAT
        assert "48000" in error.message

    async def test_an_empty_fragment(self, opened: Probe) -> None:
        await opened.say("fragment:data", fragment(0, b""))
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_AUDIO_FORMAT

    async def test_a_fragment_beyond_the_limit(self, opened: Probe) -> None:
        wire = fragment(0, level(0.1)).wire()
        wire["audio"]["data_base64"] = "A" * (MAX_FRAGMENT_BYTES // 3 * 4 + 8)
        await opened.say("fragment:data", wire)
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.FRAGMENT_TOO_LARGE
        await opened.say("fragment:data", fragment(0, level(0.1)))
        await opened.expect(FragmentProcessed)

    async def test_an_old_sequence_number(self, connect: Connect) -> None:
        probe = await connect()
        await probe.say("stream:init", init(next_sequence=5))
        await probe.say("fragment:data", fragment(4, level(0.1)))
        (error,) = await probe.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_SEQUENCE

    @pytest.mark.parametrize(
        ("event", "payload", "code"),
        [
            ("stream:init", None, ErrorCode.INVALID_CONFIG),
            ("stream:init", {"stream_id": "x"}, ErrorCode.INVALID_CONFIG),
            ("stream:init", {**init().wire(), "next_sequence": -1}, ErrorCode.INVALID_SEQUENCE),
            ("stream:init", {**init().wire(), "extra": 1}, ErrorCode.INVALID_CONFIG),
            ("fragment:data", "text", ErrorCode.INVALID_CONFIG),
            ("fragment:data", b"\xff\x00", ErrorCode.INVALID_CONFIG),
            ("fragment:data", ({}, {}), ErrorCode.INVALID_CONFIG),
            (
                "fragment:data",
                {**fragment(0, b"ab").wire(), "sequence_number": "zero"},
                ErrorCode.INVALID_SEQUENCE,
            ),
            (
                "fragment:data",
                {**fragment(0, b"ab").wire(), "fragment_id": "not-a-uuid"},
                ErrorCode.INVALID_CONFIG,
            ),
            (
                "fragment:data",
                {**fragment(0, b"ab").wire(), "audio": {"format": "mp3"}},
                ErrorCode.INVALID_AUDIO_FORMAT,
            ),
            ("stream:end", {"stream_id": 5}, ErrorCode.INVALID_CONFIG),
            ("stream:end", {"stream_id": "other"}, ErrorCode.STREAM_NOT_FOUND),
            (
                "fragment:ack",
                {"fragment_id": "x", "status": "queued", "timestamp": 1},
                ErrorCode.INVALID_CONFIG,
            ),
            ("fragment:processed", {}, ErrorCode.INVALID_CONFIG),
            ("no:such:event", {"stream_id": "s"}, ErrorCode.INVALID_CONFIG),
        ],
    )
    async def test_malformed_events(
        self, opened: Probe, service: Service, event: str, payload: Any, code: ErrorCode
    ) -> None:
        await opened.say(event, payload)
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is code
        assert metric(service, "sts_errors_total", code=code.value) == 1
        await opened.say("fragment:data", fragment(0, level(0.2)))
        (result,) = await opened.expect(FragmentProcessed)
        assert result.transcript == "two"


class TestConnections:
    async def test_disconnecting_leaves_nothing_behind(
        self, opened: Probe, workers: FakeWorkers, service: Service
    ) -> None:
        workers.gate.clear()
        for sequence in range(8):
            await opened.say("fragment:data", fragment(sequence, level(0.1, 0.1)))
        await opened.expect(FragmentAck, 11)
        await opened.client.disconnect()
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

    async def test_who_leaves_while_a_stream_opens_keeps_none(
        self, opened: Probe, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        closing, closed = asyncio.Event(), asyncio.Event()
        (earlier,) = service._streams._streams.values()

        async def close_slowly() -> None:
            closing.set()
            await closed.wait()

        monkeypatch.setattr(earlier, "close", close_slowly)
        await opened.say("stream:init", init())
        await asyncio.wait_for(closing.wait(), 5)
        leaving = asyncio.create_task(service._events.left(earlier.connection))
        await asyncio.sleep(0)
        closed.set()
        await leaving
        await until(lambda: metric(service, "sts_streams_active") == 0)

    async def test_two_who_open_the_same_stream_leave_one_open(
        self, opened: Probe, connect: Connect, service: Service
    ) -> None:
        rivals = [await connect() for _ in range(3)]
        await asyncio.gather(*(rival.say("stream:init", init()) for rival in rivals))
        for rival in rivals:
            await rival.expect(StreamReady)
        await until(lambda: metric(service, "sts_streams_active") == 1)
        assert len(service._streams._closers) == 1
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
    @pytest.mark.parametrize("token", [None, "wrong", ""])
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
        (backlog,) = service._observers._backlogs.values()
        # A transport whose queue never empties is what a reader that stopped looks like.
        (eio_socket,) = service._server.eio.sockets.values()
        monkeypatch.setattr(eio_socket.queue, "join", asyncio.Event().wait)
        probe = await connect()
        await probe.say("stream:init", init())
        for sequence in range(4):
            await probe.say("fragment:data", fragment(sequence, level(0.1, 0.1)))
        await probe.expect(FragmentProcessed, 4)
        await until(lambda: metric(service, "sts_observers") == 0)
        assert backlog.full()


class TestHttp:
    async def test_health_names_the_engines(self, service: Service) -> None:
        response = await get(service, "/health")
        body = response.json()
        assert response.status_code == 200
        assert body["status"] == "healthy"
        assert body["profile"] == "fake"
        assert body["models"] == {"asr": "level", "translation": "words", "tts": "hum"}
        assert (await get(service, "/ready")).status_code == 200

    async def test_metrics_count_what_happened(self, opened: Probe, service: Service) -> None:
        for sequence, peak in enumerate((0.1, 0.95)):
            await opened.say("fragment:data", fragment(sequence, level(peak)))
        await opened.expect(FragmentProcessed, 2)
        response = await get(service, "/metrics")
        assert "text/plain" in response.headers["Content-Type"]
        assert metric(service, "sts_fragments_received_total") == 2
        assert metric(service, "sts_fragments_processed_total", status="success") == 1
        assert metric(service, "sts_fragments_processed_total", status="failed") == 1
        assert metric(service, "sts_fragment_processing_seconds_count") == 2
        assert metric(service, "sts_stage_seconds_count", stage="tts") == 1
        assert metric(service, "sts_errors_total", code="MODEL_ERROR") == 1
        assert metric(service, "sts_streams_active") == 1
        assert metric(service, "sts_connections") == 1


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
