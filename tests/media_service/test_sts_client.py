"""The client against a real Socket.IO server in this process."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from media_service.audio_format import BYTES_PER_FRAME
from media_service.metrics import Metrics
from media_service.settings import Settings
from media_service.sts_client import StsClient
from media_service.sts_errors import StsFailedError, StsTimeoutError, StsUnavailableError
from media_service.sts_stream import StsStream
from services.contracts import WireModel
from tests.media_service.dialogue import Connect, fragment, until, value
from tests.media_service.fake_sts import FakeSts, succeed

ERROR = {"message": "no", "severity": "error"}


@pytest_asyncio.fixture
async def stream(connect: Connect) -> StsStream:
    return await (await connect()).open_stream("s")


async def test_a_fragment_of_six_seconds_goes_out_and_comes_back(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    told: list[str] = []
    result = await stream.dub(
        fragment(seconds=6.0),
        within_s=5,
        sent=lambda: told.append("sent"),
        acked=lambda: told.append("acked"),
    )
    assert (result.transcript, result.translated_text) == ("one", "uno")
    assert result.dubbed_audio is not None
    assert len(result.dubbed_audio.pcm()) == 6 * 48_000 * BYTES_PER_FRAME
    assert told == ["sent", "acked"]
    init = sts.of("stream:init")[0]
    assert init["config"]["chunk_duration_ms"] == 6000
    assert (init["config"]["source_language"], init["config"]["target_language"]) == ("en", "es")
    await stream.applied(result.fragment_id)
    assert [ack["status"] for ack in await sts.wait_for("fragment:ack", 2)] == [
        "received",
        "applied",
    ]
    assert value(metrics, "fragments_sent_total") == 1
    assert value(metrics, "fragments_processed_total", status="success") == 1
    assert value(metrics, "fragment_processing_seconds_count") == 1
    assert value(metrics, "fragments_inflight") == 0


async def test_the_way_to_sts_is_part_of_the_processing_time(
    stream: StsStream, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    emit = stream._wire.emit

    async def slowly(event: str, payload: WireModel) -> bool:
        await asyncio.sleep(0.2 if event == "fragment:data" else 0)
        return await emit(event, payload)

    monkeypatch.setattr(stream._wire, "emit", slowly)
    await stream.dub(fragment(), within_s=5)
    assert value(metrics, "fragment_processing_seconds_sum") >= 0.2


async def test_order_and_max_inflight_are_kept(stream: StsStream, sts: FakeSts) -> None:
    open_fragments: list[tuple[str, dict[str, Any]]] = []

    async def hold(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        open_fragments.append((connection, data))

    sts.answer = hold
    waiting = [asyncio.create_task(stream.dub(fragment(n), within_s=5)) for n in range(5)]
    await until(lambda: len(open_fragments) == 3)
    await asyncio.sleep(0.1)
    assert len(open_fragments) == 3
    await sts.process(*open_fragments[0])
    await until(lambda: len(open_fragments) == 4)
    sts.answer = succeed
    for held in open_fragments[1:]:
        await sts.process(*held)
    results = await asyncio.gather(*waiting)
    assert [result.sequence_number for result in results] == [0, 1, 2, 3, 4]
    assert [data["sequence_number"] for data in sts.of("fragment:data")] == [0, 1, 2, 3, 4]


async def test_a_result_that_comes_too_late_is_dropped_and_counted(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    async def dawdle(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        await asyncio.sleep(0.3)
        await fake.process(connection, data)

    sts.answer = dawdle
    with pytest.raises(StsTimeoutError):
        await stream.dub(fragment(), within_s=0.1)
    await until(lambda: value(metrics, "results_late_total") == 1)
    assert value(metrics, "fragments_inflight") == 0


async def test_while_sts_is_away_nothing_waits(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    async def ignore(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)

    sts.answer = ignore
    in_flight = asyncio.create_task(stream.dub(fragment(0), within_s=30))
    await sts.wait_for("fragment:data")
    await sts.stop()
    with pytest.raises(StsUnavailableError):
        async with asyncio.timeout(2):
            await in_flight
    began_at = time.monotonic()
    with pytest.raises(StsUnavailableError):
        await stream.dub(fragment(1), within_s=30)
    assert time.monotonic() - began_at < 0.1

    sts.answer = succeed
    await sts.start()
    await sts.wait_for("stream:init", 2)
    result = await stream.dub(fragment(2), within_s=5)
    assert result.sequence_number == 2
    assert sts.of("stream:init")[1]["session_id"] == "session"
    assert sts.of("stream:init")[1]["next_sequence"] == 2
    assert value(metrics, "sts_reconnects_total") == 1
    assert value(metrics, "sts_connected") == 1


async def test_after_the_last_attempt_it_gives_up_and_still_probes(
    connect: Connect, sts: FakeSts
) -> None:
    client = await connect(sts_reconnect_attempts=2, sts_reconnect_base_s=0.02)
    await sts.stop()
    async with asyncio.timeout(5):
        await client.given_up.wait()
    await sts.start()
    await until(lambda: client.connected)
    assert not client.given_up.is_set()


async def test_an_unknown_language_is_refused_for_that_stream_alone(
    connect: Connect, sts: FakeSts
) -> None:
    client = await connect()
    sts.refuse_init = {**ERROR, "code": "UNSUPPORTED_LANGUAGE", "retryable": False}
    refused = await client.open_stream("refused")
    with pytest.raises(StsFailedError, match="UNSUPPORTED_LANGUAGE"):
        await refused.dub(fragment(), within_s=5)
    sts.refuse_init = None
    accepted = await client.open_stream("accepted")
    assert (await accepted.dub(fragment(), within_s=5)).status == "success"


async def test_a_full_queue_is_tried_again_in_order(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    async def refuse_once(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        fake.answer = succeed
        await fake.emit(
            connection,
            "error",
            **ERROR,
            code="QUEUE_FULL",
            retryable=True,
            fragment_id=data["fragment_id"],
        )

    sts.answer = refuse_once
    results = await asyncio.gather(*(stream.dub(fragment(n), within_s=5) for n in range(2)))
    assert [result.sequence_number for result in results] == [0, 1]
    assert [data["sequence_number"] for data in sts.of("fragment:data")] == [0, 0, 1]
    assert value(metrics, "fragments_sent_total") == 2
    assert value(metrics, "fragments_resent_total") == 1


async def test_a_refused_fragment_fails_at_once(stream: StsStream, sts: FakeSts) -> None:
    async def refuse(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.emit(
            connection,
            "error",
            **ERROR,
            code="INVALID_AUDIO_FORMAT",
            retryable=False,
            stream_id="s",
            fragment_id=data["fragment_id"],
        )

    sts.answer = refuse
    with pytest.raises(StsFailedError, match="INVALID_AUDIO_FORMAT"):
        await stream.dub(fragment(), within_s=5)


async def test_backpressure_holds_the_next_fragment_back(stream: StsStream, sts: FakeSts) -> None:
    async def slow_down(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        fake.answer = succeed
        await fake.emit(
            connection,
            "backpressure",
            stream_id="s",
            severity="medium",
            current_inflight=1,
            queue_depth=9,
            action="slow_down",
            recommended_delay_ms=300,
        )
        await succeed(fake, connection, data)

    sts.answer = slow_down
    await stream.dub(fragment(0), within_s=5)
    began_at = time.monotonic()
    await stream.dub(fragment(1), within_s=5)
    assert 0.2 < time.monotonic() - began_at < 1.5


async def test_an_event_that_breaks_the_contract_is_counted_and_survived(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    async def blunder(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.emit(connection, "fragment:processed", stream_id="s", status="success")
        await fake.emit(connection, "no:such:event")
        await succeed(fake, connection, data)

    sts.answer = blunder
    assert (await stream.dub(fragment(), within_s=5)).status == "success"
    assert value(metrics, "wire_violations_total") == 2


async def test_a_result_that_breaks_the_contract_fails_its_fragment_at_once(
    stream: StsStream, sts: FakeSts
) -> None:
    async def blunder(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        await fake.process(connection, data, processing_time_ms=-1)

    sts.answer = blunder
    with pytest.raises(StsFailedError, match="INVALID_RESULT"):
        await stream.dub(fragment(), within_s=5)


async def test_a_stream_ends_with_its_completion(stream: StsStream, sts: FakeSts) -> None:
    await stream.dub(fragment(), within_s=5)
    async with asyncio.timeout(2):
        await stream.close()
    assert sts.of("stream:end") == [{"stream_id": "s"}]


async def test_the_key_is_shown(connect: Connect, sts: FakeSts) -> None:
    sts.token = "secret"
    assert (await connect(sts_api_key="secret")).connected


async def test_a_stream_that_sts_has_forgotten_is_opened_again(
    stream: StsStream, sts: FakeSts
) -> None:
    async def forget(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        fake.answer = succeed
        await fake.emit(
            connection,
            "error",
            **ERROR,
            code="STREAM_NOT_FOUND",
            retryable=False,
            stream_id="s",
            fragment_id=data["fragment_id"],
        )

    await stream.dub(fragment(0), within_s=5)
    sts.answer = forget
    result = await stream.dub(fragment(1), within_s=5)
    assert result.sequence_number == 1
    # The server expects what it has not had, and nothing of the old session.
    again = sts.of("stream:init")[1]
    assert (again["next_sequence"], again.get("session_id")) == (1, None)
    assert [data["sequence_number"] for data in sts.of("fragment:data")] == [0, 1, 1]


async def test_a_stream_that_is_being_closed_is_not_opened_again(
    stream: StsStream, sts: FakeSts
) -> None:
    await stream.dub(fragment(0), within_s=5)
    closing = asyncio.create_task(stream.close())
    await asyncio.sleep(0)
    await stream.attach()
    await closing
    assert len(sts.of("stream:init")) == 1


async def test_closing_does_not_wait_for_an_answer_that_cannot_come(
    stream: StsStream, sts: FakeSts
) -> None:
    await stream.dub(fragment(0), within_s=5)
    sts.completes = False
    closing = asyncio.create_task(stream.close())
    await sts.wait_for("stream:end")
    stream.detach()
    async with asyncio.timeout(0.5):
        await closing


async def test_a_result_for_another_fragment_is_a_violation(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    async def mix_up(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        await fake.process(connection, data, sequence_number=7)

    sts.answer = mix_up
    with pytest.raises(StsFailedError, match="INVALID_RESULT"):
        await stream.dub(fragment(0), within_s=5)
    assert value(metrics, "wire_violations_total") == 1


async def test_an_acknowledgement_that_never_came_is_not_reported(
    stream: StsStream, sts: FakeSts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_stream.ACK_TIMEOUT_S", 0.05)

    async def answer_only(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await asyncio.sleep(0.2)
        await fake.process(connection, data)

    sts.answer = answer_only
    told: list[str] = []
    with capture_logs() as lines:
        await stream.dub(fragment(0), within_s=5, acked=lambda: told.append("acked"))
    assert told == []
    assert "fragment_unacknowledged" in [line["event"] for line in lines]


async def test_a_result_for_a_stream_that_is_gone_is_counted(
    stream: StsStream, sts: FakeSts, metrics: Metrics
) -> None:
    held: list[tuple[str, dict[str, Any]]] = []

    async def hold(fake: FakeSts, connection: str, data: dict[str, Any]) -> None:
        await fake.acknowledge(connection, data)
        held.append((connection, data))

    sts.answer = hold
    with pytest.raises(StsTimeoutError):
        await stream.dub(fragment(0), within_s=0.3)
    await stream.close()
    await sts.process(*held[0])
    await until(lambda: value(metrics, "results_late_total") == 1)


async def test_a_refused_key_is_one_error_and_no_reconnection(
    sts: FakeSts, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.sts_client.STARTUP_PROBE_S", 0.02)
    sts.token = "secret"
    settings = Settings(sts_service_url=f"http://127.0.0.1:{sts.port}", sts_api_key="wrong")
    client = StsClient(settings, metrics)
    with capture_logs() as lines:
        running = asyncio.create_task(client.run())
        await until(lambda: sts.refused >= 3)
        sts.token = "wrong"
        await until(lambda: client.connected)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    told = [(line["log_level"], line["event"]) for line in lines]
    assert told == [("error", "sts_refused"), ("info", "sts_connected")]
    assert value(metrics, "sts_reconnects_total") == 0


@pytest.mark.parametrize("answer", [b"0{}", b"0[]", b'0{"sid":1}', b"0null", b"garbage", b""])
async def test_a_strange_handshake_is_no_end(answer: bytes, metrics: Metrics) -> None:
    async def greet(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(answer.decode())
        await socket.close()
        return socket

    application = web.Application()
    application.router.add_get("/socket.io/", greet)
    async with TestServer(application) as server:
        settings = Settings(sts_service_url=str(server.make_url("")))
        running = asyncio.create_task(StsClient(settings, metrics).run())
        await asyncio.wait([running], timeout=0.3)
        assert not running.done(), running
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
