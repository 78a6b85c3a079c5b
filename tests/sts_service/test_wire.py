"""Streams over a real connection: only the engines are fast ones."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.contracts import (
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
from sts_service.events import MAX_FRAGMENT_BYTES
from sts_service.job import Outcome
from sts_service.settings import Settings
from tests.sts_service.fake_workers import FakeWorkers
from tests.sts_service.probe import Probe, fragment, init
from tests.sts_service.served import SETTINGS, Connect, get, metric, until
from tests.sts_service.sounds import level


class TestStream:
    async def test_ready_says_what_serves_the_stream(self, connect: Connect) -> None:
        probe = await connect()
        await probe.say("stream:init", init(max_inflight=9, next_sequence=4))
        (ready,) = await probe.expect(StreamReady)
        assert ready.stream_id == "s"
        assert ready.next_sequence == 4
        assert ready.max_inflight == 3
        assert not ready.resumed
        assert ready.capabilities.asr == "fake-asr:level"
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

    @pytest.mark.parametrize("settings", [SETTINGS | {"processing_timeout": 0.1}], indirect=True)
    async def test_what_takes_too_long_times_out(self, opened: Probe, workers: FakeWorkers) -> None:
        workers.gate.clear()
        await opened.say("fragment:data", fragment(0, level(0.1)))
        (result,) = await opened.expect(FragmentProcessed)
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code is ErrorCode.TIMEOUT
        assert result.error.retryable

    @pytest.mark.parametrize("settings", [SETTINGS | {"debug_delay_s": "5,0,7.5"}], indirect=True)
    async def test_debug_delays_take_turns(self, opened: Probe, workers: FakeWorkers) -> None:
        for sequence in range(4):
            await opened.say("fragment:data", fragment(sequence, level(0.1)))
            await opened.expect(FragmentProcessed, sequence + 1)
        assert workers.delays_s == [5.0, 0.0, 7.5, 5.0]

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

    async def test_a_crash_of_a_handler_names_what_it_was_about(
        self, opened: Probe, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def crash(*_: Any, **__: Any) -> None:
            raise ZeroDivisionError("bug")

        monkeypatch.setattr(service._streams, "of", crash)
        sent = fragment(0, level(0.1))
        await opened.say("fragment:data", sent)
        (error,) = await opened.expect(ErrorEvent)
        assert (error.code, error.message) == (ErrorCode.MODEL_ERROR, "internal error")
        assert (error.stream_id, error.fragment_id) == ("s", str(sent.fragment_id))


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

    async def test_of_the_answers_that_the_client_has_the_latest_are_kept(
        self, opened: Probe
    ) -> None:
        sent = [fragment(sequence, level(0.1, 0.1)) for sequence in range(8)]
        for data in sent:
            await opened.say("fragment:data", data)
        await opened.expect(FragmentProcessed, 8)
        for data in sent:
            await opened.acknowledge(data.fragment_id)
        await opened.say("fragment:data", sent[0])
        (error,) = await opened.expect(ErrorEvent)
        assert error.code is ErrorCode.INVALID_SEQUENCE
        assert error.fragment_id == str(sent[0].fragment_id)
        await opened.say("fragment:data", sent[2])
        assert (await opened.expect(FragmentProcessed, 9))[8].sequence_number == 2

    async def test_more_are_kept_of_those_that_it_may_not_have(
        self, opened: Probe, service: Service
    ) -> None:
        sent = [fragment(sequence, level(0.1, 0.1)) for sequence in range(25)]
        for number, data in enumerate(sent):
            await opened.say("fragment:data", data)
            await opened.expect(FragmentProcessed, number + 1)
        held = metric(service, "sts_held_bytes")
        assert held == 23 * 2 * len(sent[0].audio.data_base64)
        await opened.say("fragment:data", sent[2])
        await opened.expect(FragmentProcessed, 26)
        await opened.say("fragment:data", sent[1])
        assert (await opened.expect(ErrorEvent))[0].code is ErrorCode.INVALID_SEQUENCE


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
        assert all((event.recommended_delay_ms or 0) > 0 for event in advice)
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

    async def test_what_a_stranger_says_at_length_is_not_repeated_at_length(
        self, opened: Probe
    ) -> None:
        long = "\ud800" + "x" * 1_000_000
        with capture_logs() as lines:
            await opened.say("stream:init", {"stream_id": long, long: 1})
            await opened.say("fragment:data", {"stream_id": long, "fragment_id": long})
            await opened.say(long, {"stream_id": long})
            errors = await opened.expect(ErrorEvent, 3)
        assert {error.code for error in errors} == {ErrorCode.INVALID_CONFIG}
        assert all(len(error.message) <= 500 for error in errors)
        assert all(len(error.stream_id or "") == 200 for error in errors)
        assert all(len(str(line)) < 1_500 for line in lines)
