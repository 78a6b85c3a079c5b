"""A stream whose publisher is gone: what the proofs accept, and what must not become of its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.media import AudioTrack
from environment.measuring.sound import Samples
from environment.proofs.partial_proofs import prove_dubbed_to_the_end, prove_ended_in_order
from environment.runs.run import PipelineRun
from tests.measuring.making import RATE_HZ, Output, Placement, Sound, place

WHOLE_S = 4.0
SHORT_S = 2.4
LENGTH_S = WHOLE_S + SHORT_S
LIMIT_MS = 40

Record = Callable[..., PipelineRun]


def cut(samples: Samples, start_s: float, length_s: float) -> Samples:
    return samples[round(start_s * RATE_HZ) : round((start_s + length_s) * RATE_HZ)]


@pytest.fixture(scope="module")
def spoken(spanish: Samples) -> list[Samples]:
    """The dub of a whole segment, and of one that was cut short."""
    return [cut(spanish, 1, WHOLE_S), cut(spanish, 8, SHORT_S)]


@pytest.fixture(scope="module")
def sent(source: Path, said: AudioTrack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded source: the committed clip, broken off."""
    # The encoder begins with a frame of nothing, which has to have a time as well.
    first_s = 1024 / RATE_HZ
    sound = Sound(said.cut(first_s, LENGTH_S - first_s), first_s)
    made = Output(sound, offset_s=0.0, until_s=LENGTH_S)
    return made.write(source, tmp_path_factory.mktemp("sent") / "source.flv")


@pytest.fixture
def record(
    source: Path, sent: Path, said: AudioTrack, spoken: list[Samples], tmp_path: Path
) -> Record:
    """Write an output, and return the run that brought it forth."""

    def make(made: Output | None = None, last: dict[str, Any] | None = None, **changes: Any) -> Any:
        own = [(0, said.cut(0, WHOLE_S)), (WHOLE_S, said.cut(WHOLE_S, SHORT_S))]
        fragments = [
            {
                "sequence_number": number,
                "rate_hz": RATE_HZ,
                "source_start_s": float(start_s),
                "source_audio": original,
                "dubbed_audio": dub,
            }
            for number, ((start_s, original), dub) in enumerate(zip(own, spoken, strict=True))
        ]
        fragments[-1] |= last or {}
        made = made or Output(dubbed(spoken))
        facts: dict[str, Any] = {
            "source": sent,
            "clip": source,
            "output": replace(made, until_s=LENGTH_S).write(source, tmp_path / "output.flv"),
            "folder": tmp_path,
            "fragments": tuple(SimpleNamespace(**facts) for facts in fragments),
            "result_order": (0, 1),
            "report": {"error": None},
        }
        return cast("PipelineRun", SimpleNamespace(**facts | changes))

    return make


def dubbed(dubs: list[Samples], *, last_at_s: float = WHOLE_S) -> Sound:
    return place(zip((0, last_at_s), dubs, strict=False), LENGTH_S)


def test_what_there_was_is_accepted(record: Record) -> None:
    run = record()

    # A second of silence lies on either side of the sound.
    prove_ended_in_order(run, LENGTH_S + 1, 1.1)
    prove_dubbed_to_the_end(run, 2, LIMIT_MS)


def test_a_stream_that_failed_or_is_too_short_did_not_end_in_order(record: Record) -> None:
    ill = record(report={"error": "no such thing"})
    for failed, seconds in ((record(), 2 * LENGTH_S), (ill, LENGTH_S + 1)):
        with pytest.raises(ExpectationFailed, match="no error"):
            prove_ended_in_order(failed, seconds, 1.1)


def test_fewer_segments_than_were_sent_are_refused(record: Record, said: AudioTrack) -> None:
    run = record()
    lost = SimpleNamespace(**vars(run) | {"fragments": run.fragments[:1], "result_order": (0,)})
    half = {"source_audio": said.cut(WHOLE_S, SHORT_S / 2)}
    elsewhere = {"source_audio": said.cut(WHOLE_S + 6, SHORT_S)}
    for wrong in (
        cast("PipelineRun", lost),
        record(result_order=(0,)),
        record(result_order=(1, 0)),
        record(last={"dubbed_audio": None}),
        record(last=half),
        record(last=elsewhere),
    ):
        with pytest.raises(ExpectationFailed, match="2 fragments or more"):
            prove_dubbed_to_the_end(wrong, 2, LIMIT_MS)
    with pytest.raises(ExpectationFailed, match=r"6\.40 s in all, answered"):
        prove_dubbed_to_the_end(cast("PipelineRun", lost), 1, LIMIT_MS)


def silenced(spoken: list[Samples], said: AudioTrack) -> Sound:
    return dubbed(spoken[:1])


def original(spoken: list[Samples], said: AudioTrack) -> Sound:
    return dubbed([spoken[0], said.cut(WHOLE_S, SHORT_S)])


def late(spoken: list[Samples], said: AudioTrack) -> Sound:
    return dubbed(spoken, last_at_s=WHOLE_S + 0.2)


def half_of_it(spoken: list[Samples], said: AudioTrack) -> Sound:
    half = len(spoken[1]) // 2
    return dubbed([spoken[0], cut(spoken[1], 0, half / RATE_HZ)])


@pytest.mark.parametrize("harm", [silenced, original, late, half_of_it])
def test_a_last_segment_that_is_not_its_dub_is_refused(
    harm: Callable[[list[Samples], AudioTrack], Sound],
    record: Record,
    spoken: list[Samples],
    said: AudioTrack,
) -> None:
    run = record(Output(harm(spoken, said)))

    with pytest.raises(ExpectationFailed, match=r"the dub of every segment|nothing else"):
        prove_dubbed_to_the_end(run, 2, LIMIT_MS)


PICTURE_HARMS: dict[str, Placement] = {
    "no picture in the short segment": lambda at: () if at >= WHOLE_S else (at,),
    "its end is lost": lambda at: () if at > LENGTH_S - 0.2 else (at,),
    "one is lost in it": lambda at: () if 5.0 <= at < 5.02 else (at,),
    "it stands still": lambda at: () if at > WHOLE_S + 0.5 else (at,),
    "it is late": lambda at: (at + (0.1 if at > WHOLE_S else 0.0),),
    "it is shown twice": lambda at: (at, at + 0.01) if 5.0 <= at < 5.02 else (at,),
}


@pytest.mark.parametrize("harm", PICTURE_HARMS)
def test_pictures_that_are_not_the_source_s_to_its_end_are_refused(
    harm: str, record: Record, spoken: list[Samples]
) -> None:
    run = record(Output(dubbed(spoken), placement=PICTURE_HARMS[harm]))

    with pytest.raises(ExpectationFailed, match=r"the pictures of source\.flv, from its first"):
        prove_dubbed_to_the_end(run, 2, LIMIT_MS)


def test_a_hole_in_the_sound_is_refused(record: Record, spoken: list[Samples]) -> None:
    run = record(Output(dubbed(spoken), audio_jumps={5.0: 0.03}))

    with pytest.raises(ExpectationFailed, match="without gaps"):
        prove_dubbed_to_the_end(run, 2, LIMIT_MS)
