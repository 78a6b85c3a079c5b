"""What the proofs of spec 021's output validation accept, and each kind of harm they refuse."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.media import AudioTrack
from environment.measuring.sound import Samples
from environment.proofs.dual_proofs import prove_dubbed_to_its_end
from environment.proofs.validation_proofs import (
    fingerprints,
    prove_active,
    prove_complete,
    prove_dubs_received,
    prove_fingerprint_differs,
    prove_lasts,
    prove_recorded_codecs,
)
from environment.runs.run import PipelineRun
from tests.measuring.making import RATE_HZ, Output, Sound, place, silence

LENGTH_S = 8
SEGMENT_S = 4


def run_of(**facts: Any) -> PipelineRun:
    return cast("PipelineRun", SimpleNamespace(folder=Path("run"), **facts))


@pytest.fixture(scope="module")
def clip(source: Path, said: AudioTrack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first eight seconds of the committed clip."""
    made = Output(Sound(said.cut(0, LENGTH_S)), offset_s=0.0, until_s=LENGTH_S)
    return made.write(source, tmp_path_factory.mktemp("clip") / "clip.flv")


@pytest.fixture
def run(clip: Path, source: Path, spanish: Samples, tmp_path: Path) -> PipelineRun:
    dub = place([(0.0, spanish[: LENGTH_S * RATE_HZ])], LENGTH_S)
    output = Output(dub, until_s=LENGTH_S).write(source, tmp_path / "output.flv")
    return run_of(clip=clip, source=clip, output=output)


def test_a_dub_differs_from_the_original(run: PipelineRun) -> None:
    found = fingerprints(run)
    assert len(found.output) == len(found.control) == 2
    prove_fingerprint_differs(run, found)


def test_the_original_late_or_not_is_refused(
    run: PipelineRun, source: Path, said: AudioTrack, tmp_path: Path
) -> None:
    for late_s in (0.0, 0.25):
        sound = place([(late_s, said.cut(0, LENGTH_S))], LENGTH_S)
        output = Output(sound, until_s=LENGTH_S).write(source, tmp_path / "original.flv")
        passed = run_of(clip=run.clip, source=run.source, output=output)
        with pytest.raises(ExpectationFailed, match=r"similarity of 0\.75 at most.*\n.*original"):
            prove_fingerprint_differs(passed, fingerprints(passed))


def test_one_window_of_original_is_refused(
    run: PipelineRun, source: Path, said: AudioTrack, spanish: Samples, tmp_path: Path
) -> None:
    sound = place([(0.0, spanish[: 6 * RATE_HZ]), (6.0, said.cut(6, LENGTH_S - 6))], LENGTH_S)
    output = Output(sound, until_s=LENGTH_S).write(source, tmp_path / "tail.flv")
    passed = run_of(clip=run.clip, source=run.source, output=output)
    with pytest.raises(ExpectationFailed, match=r"6\.0 s: original"):
        prove_fingerprint_differs(passed, fingerprints(passed))


def test_silence_is_no_dub(run: PipelineRun, source: Path, tmp_path: Path) -> None:
    made = Output(Sound(silence(LENGTH_S)), until_s=LENGTH_S)
    mute = run_of(
        clip=run.clip, source=run.source, output=made.write(source, tmp_path / "mute.flv")
    )
    with pytest.raises(ExpectationFailed, match="silent"):
        prove_fingerprint_differs(mute, fingerprints(mute))


def test_an_input_that_is_not_the_clip_is_no_control(run: PipelineRun) -> None:
    strange = run_of(clip=run.clip, source=run.output, output=run.output)
    with pytest.raises(ExpectationFailed, match="a measure that can hear it"):
        prove_fingerprint_differs(strange, fingerprints(strange))


TAIL = ("original", "tail")
DUBBED: tuple[str, str | None] = ("dubbed", None)


def reported(*ended: tuple[str, str | None]) -> dict[str, Any]:
    named = enumerate(ended)
    return {"segments": [{"number": n, "outcome": o, "reason": r} for n, (o, r) in named]}


@pytest.fixture
def whole(run: PipelineRun, source: Path, spanish: Samples, tmp_path: Path) -> PipelineRun:
    """As `run`, its sound as long as its picture."""
    made = Output(Sound(spanish[: LENGTH_S * RATE_HZ]), until_s=LENGTH_S)
    output = made.write(source, tmp_path / "whole.flv")
    return run_of(clip=run.clip, source=run.source, output=output)


def test_a_pair_s_output_that_is_dubbed_to_its_end(whole: PipelineRun) -> None:
    prove_dubbed_to_its_end(reported(DUBBED, DUBBED, TAIL), whole, 2)


@pytest.mark.parametrize(
    "ended",
    [(), (TAIL,), (DUBBED,), (DUBBED, TAIL), (DUBBED, ("original", "timeout")), (DUBBED,) * 3],
)
def test_a_pair_s_report_of_other_segments(whole: PipelineRun, ended: tuple[Any, ...]) -> None:
    with pytest.raises(ExpectationFailed, match="2 segments, every one dubbed"):
        prove_dubbed_to_its_end(reported(*ended), whole, 2)


def test_a_pair_s_output_that_says_otherwise_than_its_report(
    run: PipelineRun, source: Path, spanish: Samples, tmp_path: Path
) -> None:
    report = reported(DUBBED, DUBBED)
    made = Output(Sound(spanish[: 6 * RATE_HZ]), until_s=6)
    short = made.write(source, tmp_path / "short.flv")
    with pytest.raises(ExpectationFailed, match="of picture and of sound, within 500 ms"):
        prove_dubbed_to_its_end(report, run_of(clip=run.clip, source=run.source, output=short), 2)
    original = run_of(clip=run.clip, source=run.source, output=run.clip)
    with pytest.raises(ExpectationFailed, match=r"similarity of 0\.75 at most"):
        prove_dubbed_to_its_end(report, original, 2)


def test_half_a_second_more_or_less_is_allowed(run: PipelineRun) -> None:
    assert prove_lasts(run.clip, LENGTH_S, 500) == pytest.approx(LENGTH_S, abs=0.1)
    for seconds in (LENGTH_S - 0.6, LENGTH_S + 0.6, 30.0):
        with pytest.raises(ExpectationFailed, match="FR-037"):
            prove_lasts(run.clip, seconds, 500)


def test_codecs_of_the_recording(run: PipelineRun) -> None:
    prove_recorded_codecs(run)
    sound = Path(__file__).parent / "data/spanish_1_to_18.mp4"
    with pytest.raises(ExpectationFailed, match=r"H\.264 and one AAC"):
        prove_recorded_codecs(run_of(output=sound))


def received(number: int, **changes: Any) -> Any:
    """What the wire had of a segment: two seconds of noise, answered by noise."""
    noise = np.random.default_rng(number).normal(0, 0.1, 2 * RATE_HZ).astype(np.float32)
    facts = {
        "sequence_number": number,
        "fragment_id": f"id-{number}",
        "result_count": 1,
        "status": "success",
        "error": None,
        "source_audio": noise,
        "dubbed_audio": noise[::-1],
    }
    return SimpleNamespace(**facts | changes)


def segment(number: int, reason: str | None = None) -> dict[str, Any]:
    key = None if reason == "tail" else f"id-{number}"
    return {"number": number, "fragment_id": key, "reason": reason, "outcome": "dubbed"}


SEGMENTS = [segment(0), segment(1), segment(2, "tail")]


def test_a_dub_for_every_segment_but_the_tail_is_accepted() -> None:
    prove_dubs_received(run_of(segments=SEGMENTS, fragments=(received(0), received(1))))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (None, "segment 1: never sent"),
        ({"dubbed_audio": None}, "segment 1: no dubbed_audio"),
        ({"dubbed_audio": silence(2)}, "segment 1: a dub of -120 dBFS"),
        ({"dubbed_audio": np.ones(9, np.float32)}, "segment 1: 9 samples of dub for 96000"),
        ({"result_count": 2}, "segment 1: 2 results"),
        ({"result_count": 0, "status": None}, "segment 1: 0 results"),
        ({"status": "partial"}, "segment 1: 1 results, status partial"),
        ({"fragment_id": "id-9"}, "segment 1: never sent.*no segment: .1"),
    ],
)
def test_a_segment_without_its_dub_is_refused(second: dict[str, Any] | None, message: str) -> None:
    fragments = (received(0), *(() if second is None else (received(1, **second),)))
    with pytest.raises(ExpectationFailed, match=message):
        prove_dubs_received(run_of(segments=SEGMENTS, fragments=fragments))


def test_no_segment_at_all_is_refused() -> None:
    with pytest.raises(ExpectationFailed, match="all 0 segments"):
        prove_dubs_received(run_of(segments=[], fragments=()))


COMPLETE = {"report": {"state": "finished"}, "segments": SEGMENTS, "output_gone_at": 9.0}


def test_a_finished_stream_is_complete() -> None:
    prove_complete(run_of(**COMPLETE))


@pytest.mark.parametrize(
    "harm",
    [
        {"report": {"state": "processing"}},
        {"segments": []},
        {"segments": [segment(0) | {"outcome": "pending"}]},
        {"output_gone_at": None},
    ],
)
def test_an_unfinished_stream_is_not(harm: dict[str, Any]) -> None:
    with pytest.raises(ExpectationFailed, match="finished, its segments out"):
        prove_complete(run_of(**COMPLETE | harm))


ACTIVE: dict[str, Any] = {
    "path_out": "live/a/out",
    "output_bytes": ((1.0, 100), (2.0, 200), (3.0, 300)),
    "ffprobe_live": {"streams": []},
    "ffprobe_live_error": None,
}


def test_a_growing_output_is_active() -> None:
    prove_active(run_of(**ACTIVE))


@pytest.mark.parametrize(
    "harm",
    [
        {"output_bytes": ()},
        {"output_bytes": ((1.0, 100), (2.0, 100), (3.0, 100))},
        {"output_bytes": ((1.0, 300), (2.0, 200), (3.0, 100))},
        {"ffprobe_live": None, "ffprobe_live_error": "nobody there"},
    ],
)
def test_an_output_that_stands_still_is_not(harm: dict[str, Any]) -> None:
    with pytest.raises(ExpectationFailed, match="growing on the media server"):
        prove_active(run_of(**ACTIVE | harm))
