"""What the proofs of an output's quality accept, and each kind of harm that they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import av
import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.sound import AudioTrack, Samples
from environment.proofs.quality_proofs import (
    LOUDNESS_WITHIN_LU,
    prove_audible,
    prove_loudness,
    prove_no_clicks,
    prove_no_drift,
    prove_picture_moves,
)
from environment.runs.run import PipelineRun
from tests.measuring.making import RATE_HZ, Output, Sound, place, silence, tone

Record = Callable[..., PipelineRun]

LENGTH_S = 8
SEGMENT_S = 4
_GAIN = 1.5


@pytest.fixture(scope="module")
def clip(source: Path, said: AudioTrack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first eight seconds of the committed clip."""
    made = Output(Sound(said.cut(0, LENGTH_S)), offset_s=0.0, until_s=LENGTH_S)
    return made.write(source, tmp_path_factory.mktemp("clip") / "clip.flv")


@pytest.fixture(scope="module")
def spoken(spanish: Samples) -> list[Samples]:
    """Two dubs that speak across their joint, about as loud as the clip."""
    parts = [spanish[round(at * RATE_HZ) :][: SEGMENT_S * RATE_HZ] for at in (0.5, 4.5)]
    return [np.asarray(_GAIN * part, np.float32) for part in parts]


@pytest.fixture
def record(
    source: Path, tmp_path: Path, clip: Path, said: AudioTrack, spoken: list[Samples]
) -> Record:
    """Write an output, and return the run that brought it forth."""

    def make(made: Output, dubs: list[Samples] | None = None) -> PipelineRun:
        output = replace(made, until_s=LENGTH_S).write(source, tmp_path / "output.flv")
        fragments = tuple(
            SimpleNamespace(
                sequence_number=number,
                rate_hz=RATE_HZ,
                source_start_s=float(number * SEGMENT_S),
                source_audio=said.cut(number * SEGMENT_S, SEGMENT_S),
                dubbed_audio=dub,
            )
            for number, dub in enumerate(dubs or spoken)
        )
        facts: dict[str, Any] = {"source": clip, "clip": source, "output": output}
        return cast("PipelineRun", SimpleNamespace(**facts, folder=tmp_path, fragments=fragments))

    return make


def dubbed(spoken: list[Samples], stretch: float = 1.0) -> Sound:
    return place(((n * SEGMENT_S * stretch, dub) for n, dub in enumerate(spoken)), LENGTH_S)


def late_join(source_s: float) -> Iterable[float]:
    """The second keyframe, held every half second from time zero on; then all that follows."""
    if source_s < 2:
        return ()
    return (0.0, 0.5, 1.0, 1.5, 2.0) if source_s < 2.01 else (source_s,)


def test_a_good_output_is_accepted_with_its_figures(record: Record, spoken: list[Samples]) -> None:
    run = record(Output(dubbed(spoken), placement=late_join, channels=2))

    drift, picture = prove_no_drift(run), prove_picture_moves(run)

    assert drift.sound_ms_per_minute == pytest.approx(0, abs=2)
    assert drift.picture_ms_per_minute == pytest.approx(0, abs=0.1)
    assert picture.held_head_s == pytest.approx(2, abs=0.01)
    assert picture.worst_difference == 0
    joints, courses = prove_no_clicks(run)
    assert (len(joints), len(courses)) == (2, 4)
    assert abs(prove_loudness(run)) < LOUDNESS_WITHIN_LU
    assert -30 < prove_audible(run) < -10


@pytest.mark.parametrize(
    ("stretch", "placement"),
    [
        (1.001, lambda at: (at,)),
        (1.0, lambda at: (at * 0.999,)),
        (1.001, lambda at: (at * 1.001,)),
    ],
    ids=["the sound", "the picture", "both"],
)
def test_what_runs_away_by_a_thousandth_is_refused(
    stretch: float,
    placement: Callable[[float], Iterable[float]],
    record: Record,
    spoken: list[Samples],
) -> None:
    run = record(Output(dubbed(spoken, stretch), placement=placement))

    with pytest.raises(ExpectationFailed, match="no drift of sound"):
        prove_no_drift(run)


PICTURE_HARMS: dict[str, Callable[[float], Iterable[float]]] = {
    "half a second without pictures": lambda at: () if 5.0 <= at < 5.5 else (at,),
    "the end is missing": lambda at: (at,) if at < 6.0 or at > 7.9 else (),
    "a head held for two keyframe intervals": lambda at: (
        (0.0, 4.0) if 3.99 < at < 4.01 else ((at,) if at > 4 else ())
    ),
}


@pytest.mark.parametrize("harm", PICTURE_HARMS)
def test_a_picture_that_stands_still_is_refused(
    harm: str, record: Record, spoken: list[Samples]
) -> None:
    run = record(Output(dubbed(spoken), placement=PICTURE_HARMS[harm]))

    with pytest.raises(ExpectationFailed, match="a picture that moves"):
        prove_picture_moves(run)


def test_pictures_that_decode_to_others_are_refused(
    record: Record, spoken: list[Samples], tmp_path: Path
) -> None:
    """The packets are the source's, but their parameter sets are not: only decoding tells."""
    run = record(Output(dubbed(spoken)))
    harm_parameters(run.output)

    with pytest.raises(ExpectationFailed, match="looks the same"):
        prove_picture_moves(run)


def harm_parameters(recording: Path) -> None:
    """Let the decoder begin each slice with another quantiser than the encoder did."""
    data = recording.read_bytes()
    with av.open(str(recording)) as container:
        header = bytes(container.streams.video[0].codec_context.extradata or b"")
    at = data.index(header) + header.index(b"\x68")
    harmed = bytearray(data)
    # Bits of pic_init_qp, in the picture parameter set.
    harmed[at + 2] ^= 0x04
    recording.write_bytes(harmed)


def click(spoken: list[Samples]) -> Sound:
    sound = dubbed(spoken)
    sound.samples[round((SEGMENT_S + 1) * RATE_HZ)] += 0.5
    return sound


def gap(spoken: list[Samples]) -> Sound:
    return place([(0, spoken[0]), (SEGMENT_S + 0.005, spoken[1])], LENGTH_S)


def click_in_a_word(spoken: list[Samples]) -> Sound:
    sound = dubbed(spoken)
    loud = int(np.argmax(np.abs(spoken[1][RATE_HZ:-RATE_HZ])))
    sound.samples[(SEGMENT_S + 2) * RATE_HZ + loud] -= 0.3 * np.sign(spoken[1][RATE_HZ + loud])
    return sound


def dropout(spoken: list[Samples]) -> Sound:
    sound = dubbed(spoken)
    at = round((SEGMENT_S + 1) * RATE_HZ)
    sound.samples[at : at + 240] = 0
    return sound


def lost(spoken: list[Samples]) -> Sound:
    return place([(0, spoken[0])], LENGTH_S)


@pytest.mark.parametrize("harm", [click, click_in_a_word, gap, dropout, lost])
def test_a_joint_that_is_heard_is_refused(
    harm: Callable[[list[Samples]], Sound], record: Record, spoken: list[Samples]
) -> None:
    run = record(Output(harm(spoken)))

    with pytest.raises(ExpectationFailed, match="followed by the next"):
        prove_no_clicks(run)


def test_dubs_that_break_off_click(record: Record) -> None:
    """The output is just what came over the wire: a tone that ends at a crest, then silence."""
    crest = np.roll(tone(SEGMENT_S, 440.0), round(RATE_HZ / 440 / 4))
    crest[:480] *= np.linspace(0, 1, 480, dtype=np.float32)
    later = np.concatenate([silence(1), tone(SEGMENT_S - 1, 700.0)])
    run = record(Output(dubbed([crest, later])), [crest, later])

    with pytest.raises(ExpectationFailed, match="without a click"):
        prove_no_clicks(run)


@pytest.mark.parametrize("gain", [0.3, 3.0])
def test_another_loudness_is_refused(gain: float, record: Record, spoken: list[Samples]) -> None:
    run = record(Output(dubbed([np.float32(gain) * dub for dub in spoken])))

    with pytest.raises(ExpectationFailed, match="loudness of the original"):
        prove_loudness(run)


def whisper(spoken: list[Samples]) -> Output:
    return Output(dubbed([spoken[0], spoken[1] * np.float32(0.05)]))


def deaf_in_one_ear(spoken: list[Samples]) -> Output:
    return Output(dubbed(spoken), channels=2, right_gain=0.0)


@pytest.mark.parametrize("harm", [whisper, deaf_in_one_ear, lambda s: Output(lost(s))])
def test_what_cannot_be_heard_is_refused(
    harm: Callable[[list[Samples]], Output], record: Record, spoken: list[Samples]
) -> None:
    run = record(harm(spoken))

    with pytest.raises(ExpectationFailed, match="on every channel"):
        prove_audible(run)


def test_a_picture_that_was_encoded_again_is_an_unmet_expectation(
    encoded_again: Path, source: Path, record: Record, spoken: list[Samples]
) -> None:
    run = record(Output(dubbed(spoken)))
    again = SimpleNamespace(**vars(run) | {"output": encoded_again})

    for proof in (prove_picture_moves, prove_no_drift):
        with pytest.raises(ExpectationFailed, match="untouched"):
            proof(cast("PipelineRun", again))
