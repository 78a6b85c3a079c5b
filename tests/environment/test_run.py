"""A pipeline run against a scripted system: what is put together, and what is kept of a failure."""

import json
import os
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from environment.errors import HarnessError
from environment.expectations import ExpectationFailed
from environment.runs.live_probe import LiveProbe
from environment.runs.output_watch import OutputWatch
from environment.runs.pipeline import run_pipeline
from environment.runs.program import Program
from environment.runs.recorder import fetch_recording, recordings_in
from environment.runs.run import (
    PipelineFailed,
    PipelineRun,
    Standstill,
    longest_standstill,
    longest_standstill_s,
)
from environment.runs.stream_log import milestones
from environment.session import Session
from environment.settings import Settings
from environment.shared import SharedFailure
from environment.stack.topology import Topology
from environment.waiting import NotYet, wait_for
from tests.environment.fake_system import (
    STREAM_ID,
    FakeStack,
    bring_up,
    fake_tools,
    report,
    say_fragment,
    tar,
)

WORDS = [("one two", "uno dos"), ("three four", "tres cuatro")]


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{fake_tools(tmp_path / 'bin')}:{os.environ['PATH']}")
    monkeypatch.setattr("environment.runs.recorder._SETTLE_S", 0.02)
    monkeypatch.setattr("environment.runs.pipeline.POLL_S", 0.05)
    clip = tmp_path / "clip.mp4"
    clip.touch()
    return clip


@pytest.fixture
def stacks() -> list[FakeStack]:
    return []


@pytest.fixture
def session(tmp_path: Path, stacks: list[FakeStack]) -> Iterator[Session]:
    session = Session(Settings(), root=tmp_path / "artifacts", bring_up=bring_up(stacks))
    yield session
    session.close()


def script(stack: FakeStack, path_in: str, *, end: str = "finished") -> None:
    """Have the stack dub a stream of two segments."""
    path_out = path_in.removesuffix("in") + "out"
    stack.containers[stack.sts_service.name] = stack.sts_service
    stack.media_server.published = {path_in}
    stack.media_server.files = {path_in: b"FLV source", path_out: b"FLV output"}

    def processing() -> list[dict[str, object]]:
        stack.media_server.published.add(path_out)
        for number, words in enumerate(WORDS):
            say_fragment(stack.speech, number, words)
        stack.media_service.sent_total = stack.sts_service.sent_total = 2.0
        return [report(path_in, "processing", segments=1)]

    def ended() -> list[dict[str, object]]:
        # The output goes a moment after the stream is said to have finished.
        stack.media_service.looks = [gone]
        stack.media_server.published -= {path_in} if end == "finished" else {path_in, path_out}
        statistics = {
            "success_count": 2,
            "partial_count": 0,
            "failed_count": 0,
            "avg_processing_time_ms": 12.0,
            "p95_processing_time_ms": 12.0,
        }
        complete = {
            "stream_id": STREAM_ID,
            "total_fragments": 2,
            "total_duration_ms": 1000,
            "statistics": statistics,
        }
        stack.speech.say("sts", "stream:complete", complete)
        the_last["output"]["last_packet_at"] = time.time()
        return [the_last]

    def gone() -> list[dict[str, object]]:
        stack.media_server.published = set()
        return [the_last]

    the_last = report(path_in, end, segments=2)
    draining = [lambda: [report(path_in, "draining", segments=2)]] * 2
    stack.media_service.looks = [list, processing, *draining, ended]


@pytest.fixture
def run(session: Session, stacks: list[FakeStack], clip: Path) -> PipelineRun:
    session.stack()
    script(stacks[0], "live/shared-run-1/in")
    return run_pipeline(session, clip, name="shared run")


def test_a_run_holds_what_went_over_the_wire(run: PipelineRun) -> None:
    assert (run.transcript, run.translation) == ("one two three four", "uno dos tres cuatro")
    assert run.result_order == (0, 1)
    assert run.violations == ()
    second = run.fragments[1]
    assert (second.source_start_s, second.source_duration_s) == (6.0, 6.0)
    assert second.dubbed_audio is not None
    np.testing.assert_allclose(second.dubbed_audio, -2000 / 32768, atol=1e-6)
    assert second.rate_hz == 48_000
    assert second.round_trip_s is not None
    assert 0 <= second.round_trip_s < 2
    assert second.round_trip_s == (second.processed_seen_at or 0) - second.sent_seen_at
    assert run.metric_increase("media_service_fragments_sent_total") == 2.0
    assert run.ffprobe_live is not None
    assert [s["codec_name"] for s in run.ffprobe_live["streams"]] == ["h264", "aac"]


def test_a_run_ends_when_its_output_is_gone(run: PipelineRun, stacks: list[FakeStack]) -> None:
    assert stacks[0].media_service.waited_idle == 1
    assert run.output_gone_at is not None
    assert run.output_gone_at > run.last_packet_at
    assert run.elapsed_s == run.output_gone_at - run.published_at
    times, counts = zip(*run.output_bytes, strict=True)
    assert list(times) == sorted(times)
    assert list(counts) == sorted(counts)
    assert len(counts) >= 3
    assert times[-1] < run.output_gone_at


def test_the_later_end_counts_and_an_unknown_one_is_an_error(run: PipelineRun) -> None:
    output = {"last_packet_at": run.published_at + 100.0}
    assert replace(run, report={"output": output}).elapsed_s == pytest.approx(100.0)
    silent = replace(run, report={"output": None})
    assert silent.last_packet_at == run.output_gone_at
    with pytest.raises(HarnessError, match="Nobody knows when"):
        _ = replace(silent, output_gone_at=None).elapsed_s


@pytest.mark.parametrize(
    ("counts", "silence_s"),
    [
        ([], 0.0),
        ([0, 0, 0], 0.0),
        ([5, 5, 5], 0.0),
        ([1, 2, 3, 4], 0.0),
        ([0, 1, 1, 1, 2, 3, 3, 4], 2.0),
        ([1, 2, 2, 2, 2, 2], 0.0),
        # Published anew, the count begins anew: that is growth, and so is what follows.
        ([7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.0),
        ([7, 8, 9, 9, 0, 0, 2, 3, 3, 4], 3.0),
    ],
)
def test_silence_is_counted_between_two_growths(counts: list[int], silence_s: float) -> None:
    samples = [(float(second), count) for second, count in enumerate(counts)]
    assert longest_standstill_s(samples) == silence_s


def test_a_silence_is_over_when_the_count_grows() -> None:
    still = longest_standstill([(0.0, 1), (1.0, 2), (2.0, 2), (3.0, 2), (4.0, 5), (5.0, 6)])
    assert still == Standstill(since=1.0, until=3.0, over_at=4.0)
    assert still.duration_s == 2.0


def test_an_output_that_was_never_there_is_no_end() -> None:
    watch = OutputWatch("live/a/out", lambda _path: None)
    watch.look()
    with pytest.raises(HarnessError, match="live/a/out was never seen"):
        watch.check_gone()


def test_an_output_that_comes_back_is_not_gone() -> None:
    states: list[dict[str, object] | None] = [{"available": True, "inboundBytes": 7}, None]
    watch = OutputWatch("live/a/out", lambda _path: states[0])
    watch.look()
    with pytest.raises(NotYet, match="still there"):
        watch.check_gone()
    states.reverse()
    watch.look()
    assert watch.check_gone() <= time.time()
    states.reverse()
    watch.look()
    with pytest.raises(NotYet):
        watch.check_gone()
    assert [count for _, count in watch.samples] == [7, 7]


def test_a_run_is_written_down(run: PipelineRun, session: Session) -> None:
    document = json.loads((run.folder / "run.json").read_text())
    assert document["fragments"][0]["transcript"] == "one two"
    assert "stand-in" in document["media_server"]
    assert document["metrics"]["after"] == {"media_service_fragments_sent_total": 2.0}
    assert document["metrics"]["sts_after"] == {"sts_fragments_received_total": 2.0}
    events = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    assert len(events) == 7
    assert events[0]["payload"]["audio"]["data_base64"]["bytes"] == 96_000
    with wave.open(str(run.folder / "dubbed/fragment-01.wav")) as dubbed:
        assert (dubbed.getnframes(), dubbed.getnchannels()) == (24_000, 1)
    assert run.output.read_bytes() == b"FLV output"
    assert (run.folder / "e2e-media-service.log").read_text() == "log of e2e-media-service\n"
    assert document["output_gone_at"] == run.output_gone_at
    assert len(document["output_bytes"]) == len(run.output_bytes)
    assert run.source.read_bytes() == b"FLV source"
    log = (session.artifacts / "run.log").read_text()
    for event in ("publish_active", "stream_detected", "segment_sent", "output_last_packet"):
        assert log.count(f" {event} ") >= 1, event
    assert log.count(" stream_detected ") == 1


def test_a_stream_given_up_keeps_its_evidence(
    session: Session, stacks: list[FakeStack], clip: Path
) -> None:
    session.stack()
    script(stacks[0], "live/run-1/in", end="failed")
    with pytest.raises(PipelineFailed, match=r"audio track required.*evidence lies in") as failed:
        run_pipeline(session, clip)
    folder = failed.value.folder
    assert {"run.json", "events.jsonl", "source.flv", "output.flv"} <= {
        entry.name for entry in folder.iterdir()
    }
    assert (folder / "e2e-media-service.log").exists()
    assert json.loads((folder / "run.json").read_text())["report"]["state"] == "failed"


def test_a_report_without_a_field_keeps_the_evidence_too(
    session: Session, stacks: list[FakeStack], clip: Path
) -> None:
    session.stack()
    script(stacks[0], "live/run-1/in")
    script_of_the_end = stacks[0].media_service.looks.pop()

    def without_segments() -> list[dict[str, object]]:
        (ended,) = script_of_the_end()
        del ended["segments"]
        stacks[0].media_service.looks = [lambda: [ended]]
        stacks[0].media_server.published = set()
        return [ended]

    stacks[0].media_service.looks.append(without_segments)
    with pytest.raises(PipelineFailed, match="KeyError: 'segments'") as failed:
        run_pipeline(session, clip)
    assert (failed.value.folder / "e2e-media-service.log").exists()
    assert (failed.value.folder / "run.json").exists()


def test_a_missing_clip_is_told_before_anything_is_started(
    session: Session, stacks: list[FakeStack], tmp_path: Path
) -> None:
    with pytest.raises(FileNotFoundError, match="make fixtures"):
        run_pipeline(session, tmp_path / "absent.mp4")
    assert stacks == []


def test_the_shared_run_fails_once_in_full(
    session: Session, stacks: list[FakeStack], clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.stack()
    script(stacks[0], "live/shared-run-1/in", end="failed")
    first = session.begin("first")
    with pytest.raises(PipelineFailed):
        session.pipeline_run()
    session.begin("second")
    with pytest.raises(SharedFailure, match="already failed in the scenario “first”"):
        session.pipeline_run()
    assert first.pipeline_folder is not None
    first.finish(failed=True)
    assert (first.artifacts / "shared-run" / "run.json").exists()


def test_a_recording_is_taken_when_its_publisher_is_gone(
    session: Session, stacks: list[FakeStack], tmp_path: Path
) -> None:
    stack = session.stack()
    server = stacks[0].media_server
    server.files = {"live/a/out": b"abc"}
    server.published = {"live/a/out"}
    with pytest.raises(HarnessError, match="publisher of live/a/out to be gone"):
        fetch_recording(stack, "live/a/out", tmp_path, timeout_s=0.1)
    assert fetch_recording(stack, "live/a/out", tmp_path, complete=False).read_bytes() == b"abc"
    server.published = set()
    assert fetch_recording(stack, "live/a/out", tmp_path).name == "live-a-out.flv"
    with pytest.raises(HarnessError, match="no folder /recordings/live/b/out"):
        fetch_recording(stack, "live/b/out", tmp_path, timeout_s=0.1)


def test_a_stack_that_does_not_say_what_it_is_leaves_its_logs_and_goes(
    tmp_path: Path,
) -> None:
    stacks: list[FakeStack] = []
    make = bring_up(stacks)

    def mute(session: Session) -> Topology:
        stack = make(session)
        stacks[0].speech.stop()
        stacks[0].down_error = HarnessError("It will not go.")
        return stack

    session = Session(Settings(), root=tmp_path / "artifacts", bring_up=mute)
    with pytest.raises(HarnessError, match="does not say what it is") as failed:
        session.stack()
    assert failed.value.__notes__ == ["taking the stack down: HarnessError: It will not go."]
    assert stacks[0].calls == ["start", "down"]
    assert (session.artifacts / "stack" / "e2e-mediamtx.log").exists()
    session.close()


def test_a_stack_given_up_hides_no_error_and_leaves_its_logs(
    session: Session, stacks: list[FakeStack]
) -> None:
    session.stack()
    stacks[0].heal_error = HarnessError("It stays down.")
    stacks[0].down_error = HarnessError("It will not go.")
    with pytest.raises(HarnessError, match="It stays down") as failed:
        session.heal()
    logs, trouble = failed.value.__notes__
    assert str(session.artifacts / "given-up-1") in logs
    assert trouble == "taking the stack down: HarnessError: It will not go."
    assert (session.artifacts / "given-up-1" / "e2e-mediamtx.log").exists()
    assert session.running_stack is None


def test_a_container_that_died_fails_a_scenario_that_did_not_notice(
    session: Session, stacks: list[FakeStack]
) -> None:
    session.stack()
    scenario = session.begin("All well")
    stacks[0].media_service.ended_by_itself = True
    with pytest.raises(ExpectationFailed, match="no container to end"):
        scenario.finish(failed=False)
    assert stacks[0].calls == ["start", "heal"]
    assert (scenario.artifacts / "e2e-media-service.log").exists()


def test_an_interrupt_while_collecting_skips_neither_clean_up_nor_heal(
    session: Session, stacks: list[FakeStack]
) -> None:
    session.stack()
    scenario = session.begin("Interrupted")

    def interrupt() -> None:
        raise KeyboardInterrupt

    cleaned: list[str] = []
    scenario.on_failure(interrupt)
    scenario.cleanup.callback(cleaned.append, "yes")
    with pytest.raises(KeyboardInterrupt):
        scenario.finish(failed=True)
    assert cleaned == ["yes"]
    assert stacks[0].calls == ["start", "heal"]


def test_a_failing_clean_up_skips_no_heal_and_leaves_the_logs(
    session: Session, stacks: list[FakeStack]
) -> None:
    session.stack()
    scenario = session.begin("Dirty")
    scenario.cleanup.callback(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        scenario.finish(failed=False)
    assert stacks[0].calls == ["start", "heal"]
    assert (scenario.artifacts / "e2e-mediamtx.log").exists()


def test_the_end_of_a_session_ends_every_program(session: Session) -> None:
    program = Program(["sleep", "30"]).start()
    session.close()
    assert not program.running


def test_evidence_takes_the_recordings_there_are(session: Session, stacks: list[FakeStack]) -> None:
    session.stack()
    scenario = session.begin("It fails")
    path = scenario.path("live/test/in")
    stacks[0].media_server.files = {path: b"FLV"}
    scenario.on_failure(lambda: 1 / 0)
    folder = scenario.finish(failed=True)
    assert folder is not None
    assert (folder / "live-it-fails-1-in.flv").read_bytes() == b"FLV"
    assert (folder / "missing.txt").read_text() == (
        "a step's evidence: ZeroDivisionError: division by zero\n"
    )


def test_of_several_recordings_all_are_seen_and_others_are_not() -> None:
    found = recordings_in(tar({"in/1.mp4": b"old", "in/note.txt": b"", "in/2.mp4": b"new"}))
    assert max(found, key=lambda recording: recording.modified_at).content == b"new"
    assert len(found) == 2


def test_the_live_probe_tries_again(tmp_path: Path) -> None:
    flag = tmp_path / "seen"
    code = (
        f"[ -e {flag} ] && echo '{{\"streams\": [1]}}' || {{ touch {flag}; echo no >&2; exit 1; }}"
    )
    with LiveProbe("rtmp://x", argv=lambda _: ["sh", "-c", code]) as probe:
        probe.start()
        wait_for("ffprobe", probe.poll, timeout_s=5, interval_s=0.01)
    assert probe.result == {"streams": [1]}
    assert probe.error is None


def test_the_live_probe_gives_up_and_says_why() -> None:
    with LiveProbe("rtmp://x", argv=lambda _: ["sh", "-c", "echo refused >&2; exit 1"]) as probe:
        probe.start()
        wait_for("it to give up", lambda: probe.poll() or not probe.busy, timeout_s=5)
    assert probe.result is None
    assert "ended with 1: refused" in str(probe.error)


def test_milestones_of_a_failed_stream() -> None:
    events = [key[0] for key, _, _ in milestones(report("live/a/in", "failed"))]
    assert events == ["stream_ready", "stream_detected", "stream_processing", "stream_failed"]
