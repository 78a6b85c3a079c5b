"""What the proofs about a recorded output accept, and each kind of harm that they refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.media import AudioTrack
from environment.measuring.sound import Samples
from environment.proofs.configuration_proofs import prove_dub_heard
from environment.proofs.output_proofs import (
    prove_dubbed,
    prove_in_sync,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.proofs.validation_proofs import fingerprints
from environment.runs.run import PipelineRun
from tests.measuring.making import (
    RATE_HZ,
    Output,
    Placement,
    Sound,
    place,
    silence,
    tone,
)

Record = Callable[..., PipelineRun]

LENGTH_S = 8
SEGMENT_S = 4
# In a dub nobody speaks from here on.
SPOKEN_S = 3


@pytest.fixture(scope="module")
def clip(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first eight seconds of the committed clip's picture."""
    made = Output(Sound(silence(LENGTH_S)), offset_s=0.0, until_s=LENGTH_S)
    return made.write(source, tmp_path_factory.mktemp("clip") / "clip.flv")


@pytest.fixture(scope="module")
def spoken(spanish: Samples) -> list[Samples]:
    """Two dubs: three numbers each, then digital silence."""
    return [
        np.concatenate([spanish[at * RATE_HZ : (at + SPOKEN_S) * RATE_HZ], silence(1)])
        for at in (1, 8)
    ]


@pytest.fixture(scope="module")
def fragments(said: AudioTrack, spoken: list[Samples]) -> tuple[Any, ...]:
    return tuple(
        SimpleNamespace(
            sequence_number=number,
            rate_hz=RATE_HZ,
            source_start_s=float(number * SEGMENT_S),
            source_audio=said.cut(number * SEGMENT_S, SEGMENT_S),
            dubbed_audio=dub,
        )
        for number, dub in enumerate(spoken)
    )


def dubbed(spoken: list[Samples]) -> Sound:
    return place(((at * SEGMENT_S, dub) for at, dub in enumerate(spoken)), LENGTH_S)


@pytest.fixture
def record(source: Path, tmp_path: Path, clip: Path, fragments: tuple[Any, ...]) -> Record:
    """Write an output, and return the run that brought it forth."""

    def make(made: Output, **changes: Any) -> PipelineRun:
        facts = {
            "source": source,
            "clip": clip,
            "output": replace(made, until_s=LENGTH_S).write(source, tmp_path / "output.flv"),
            "folder": tmp_path,
            "fragments": fragments,
        }
        return cast("PipelineRun", SimpleNamespace(**facts | changes))

    return make


def pictures(placement: Placement) -> Output:
    return Output(place([], LENGTH_S), placement=placement)


def late_join(source_s: float) -> Iterable[float]:
    """The second keyframe, held every half second from time zero on; then all that follows."""
    if source_s < 2:
        return ()
    return (0.0, 0.5, 1.0, 1.5, 2.0) if source_s < 2.01 else (source_s,)


def test_dubs_and_nothing_else_are_accepted(record: Record, spoken: list[Samples]) -> None:
    made = Output(dubbed(spoken), placement=late_join, channels=2, bit_rate=96_000)
    run = record(made)

    prove_dubbed(run)
    prove_in_sync(run, 40)
    prove_picture_untouched(run)
    prove_nothing_missing(run)


def original_in_the_pauses(spoken: list[Samples], said: AudioTrack) -> Output:
    sound = dubbed(spoken)
    for number in range(len(spoken)):
        start_s = number * SEGMENT_S + SPOKEN_S
        at = round((start_s - sound.start_s) * RATE_HZ)
        sound.samples[at : at + RATE_HZ] += said.cut(start_s, 1)
    return Output(sound)


def original_under_the_dub(spoken: list[Samples], said: AudioTrack) -> Output:
    sound = dubbed(spoken)
    sound.samples[RATE_HZ : (1 + LENGTH_S) * RATE_HZ] += 0.25 * said.cut(0, LENGTH_S)
    return Output(sound)


def half_of_the_words(spoken: list[Samples], said: AudioTrack) -> Output:
    return Output(
        dubbed([np.concatenate([dub[: 2 * RATE_HZ], silence(SEGMENT_S - 2)]) for dub in spoken])
    )


def dead_channel(spoken: list[Samples], said: AudioTrack) -> Output:
    return Output(dubbed(spoken), channels=2, right_gain=0.0)


def swapped(spoken: list[Samples], said: AudioTrack) -> Output:
    return Output(dubbed(spoken[::-1]))


def late_original(spoken: list[Samples], said: AudioTrack) -> Output:
    return Output(place([(1.2, said.cut(0, LENGTH_S - 1.2))], LENGTH_S))


def noise_alone(spoken: list[Samples], said: AudioTrack) -> Output:
    noise = np.random.default_rng(7).normal(0, 0.1, LENGTH_S * RATE_HZ).astype(np.float32)
    return Output(place([(0, noise)], LENGTH_S))


@pytest.mark.parametrize("harm", [late_original, noise_alone])
def test_what_only_a_fingerprint_takes_for_a_dub_is_refused(
    harm: Callable[[list[Samples], AudioTrack], Output],
    record: Record,
    spoken: list[Samples],
    said: AudioTrack,
    source: Path,
) -> None:
    run = record(harm(spoken, said), clip=source)

    prove_dub_heard(run, fingerprints(run))
    with pytest.raises(ExpectationFailed, match="nothing else"):
        prove_dubbed(run)
    with pytest.raises(ExpectationFailed, match="found, within"):
        prove_in_sync(run, 120)


@pytest.mark.parametrize(
    "harm",
    [
        original_in_the_pauses,
        original_under_the_dub,
        half_of_the_words,
        dead_channel,
        swapped,
    ],
)
def test_what_is_not_the_dub_alone_is_refused(
    harm: Callable[[list[Samples], AudioTrack], Output],
    record: Record,
    spoken: list[Samples],
    said: AudioTrack,
) -> None:
    run = record(harm(spoken, said))

    with pytest.raises(ExpectationFailed, match="nothing else"):
        prove_dubbed(run)


def behind(spoken: list[Samples], sound: Samples, at_s: float = LENGTH_S) -> Output:
    """The dubs, and that sound behind their end."""
    made = dubbed(spoken)
    first = round((at_s - made.start_s) * RATE_HZ)
    made.samples[first : first + len(sound)] += sound
    return Output(made, channels=2)


def test_speech_behind_the_last_dub_is_refused(
    record: Record, spoken: list[Samples], said: AudioTrack
) -> None:
    with pytest.raises(ExpectationFailed, match="behind the end of the last dub"):
        prove_dubbed(record(behind(spoken, said.cut(LENGTH_S + 0.2, 0.5))))


@pytest.mark.parametrize("at_s", [LENGTH_S, LENGTH_S + 0.7])
def test_noise_behind_the_last_dub_is_refused(
    at_s: float, record: Record, spoken: list[Samples]
) -> None:
    noise = np.random.default_rng(7).normal(0, 0.02, RATE_HZ // 5).astype(np.float32)

    with pytest.raises(ExpectationFailed, match="behind the end of the last dub"):
        prove_dubbed(record(behind(spoken, noise, at_s)))


def test_the_end_is_known_though_nothing_is_said_in_the_last_segment(
    record: Record, spoken: list[Samples], said: AudioTrack
) -> None:
    quiet = [spoken[0], silence(SEGMENT_S)]

    prove_dubbed(record(behind(quiet, silence(0))), wordless={1})
    with pytest.raises(ExpectationFailed, match="behind the end of the last dub"):
        prove_dubbed(record(behind(quiet, said.cut(LENGTH_S + 0.2, 0.5))), wordless={1})


def published(tail: Samples, said: AudioTrack, source: Path, folder: Path) -> Path:
    """A source with that sound behind its last segment."""
    whole = Sound(np.concatenate([said.cut(0, LENGTH_S), tail]))
    return Output(whole, container="mp4", offset_s=0.0).write(source, folder / "source.mp4")


def test_the_source_s_own_short_tail_may_be_heard(
    record: Record, spoken: list[Samples], said: AudioTrack, source: Path, tmp_path: Path
) -> None:
    tail, other = (said.cut(at, 0.2) for at in (LENGTH_S + 0.35, 11.3))
    own = published(tail, said, source, tmp_path)

    prove_dubbed(record(behind(spoken, tail), source=own))
    for wrong in (behind(spoken, other), behind(spoken, tail, LENGTH_S + 0.2)):
        with pytest.raises(ExpectationFailed, match="behind the end of the last dub"):
            prove_dubbed(record(wrong, source=own))


def test_a_tail_that_should_have_been_dubbed_is_refused(
    record: Record, spoken: list[Samples], said: AudioTrack, source: Path, tmp_path: Path
) -> None:
    tail = said.cut(LENGTH_S + 0.35, 0.4)
    own = published(tail, said, source, tmp_path)

    with pytest.raises(ExpectationFailed, match="behind the end of the last dub"):
        prove_dubbed(record(behind(spoken, tail), source=own))


def test_only_what_has_no_words_may_be_undubbed(
    record: Record, spoken: list[Samples], said: AudioTrack
) -> None:
    own = place([(0, spoken[0]), (SEGMENT_S, said.cut(SEGMENT_S, SEGMENT_S))], LENGTH_S)
    run = record(Output(own))

    prove_dubbed(run, wordless={1})
    for wordless in ({0}, {0, 1}):
        with pytest.raises(ExpectationFailed, match="nothing else"):
            prove_dubbed(run, wordless=wordless)


def test_a_segment_that_the_source_has_not_is_refused(
    record: Record, fragments: tuple[Any, ...], spoken: list[Samples]
) -> None:
    strange = [SimpleNamespace(**vars(f) | {"source_audio": tone(SEGMENT_S)}) for f in fragments]
    run = record(Output(dubbed(spoken)), fragments=tuple(strange))

    with pytest.raises(ExpectationFailed, match="not in the source"):
        prove_in_sync(run, 120)


@pytest.mark.parametrize("placement", [late_join, lambda source_s: (source_s,)])
def test_the_clips_own_pictures_are_accepted(placement: Placement, record: Record) -> None:
    run = record(pictures(placement))

    prove_picture_untouched(run)
    prove_nothing_missing(run)


PICTURE_HARMS: dict[str, Placement] = {
    "one lost": lambda at: () if 5.0 <= at < 5.02 else (at,),
    "the end lost": lambda at: () if at > LENGTH_S - 0.05 else (at,),
    "head longer than a keyframe interval": lambda at: () if at < 3.99 else (at,),
    "held in the middle": lambda at: (at, at + 0.01) if 5.0 <= at < 5.02 else (at,),
    "wobbling": lambda at: (at + 0.008 * np.sin(at),),
    "drifting": lambda at: (at * 1.002,),
    "a jump": lambda at: (at + (0.1 if at > 5 else 0.0),),
}


@pytest.mark.parametrize("harm", PICTURE_HARMS)
def test_a_picture_that_was_touched_is_refused(harm: str, record: Record) -> None:
    run = record(pictures(PICTURE_HARMS[harm]))

    with pytest.raises(ExpectationFailed, match=r"the pictures of .*, from its first"):
        prove_picture_untouched(run)


def test_a_picture_that_was_encoded_again_is_an_unmet_expectation(
    encoded_again: Path, source: Path, tmp_path: Path, fragments: tuple[Any, ...]
) -> None:
    run = SimpleNamespace(
        source=source, clip=source, output=encoded_again, folder=tmp_path, fragments=fragments
    )

    for proof in (prove_picture_untouched, lambda run: prove_in_sync(run, 120)):
        with pytest.raises(ExpectationFailed, match="untouched"):
            proof(cast("PipelineRun", run))


@pytest.mark.parametrize(
    "made",
    [
        pictures(lambda at: () if 5.0 <= at < 5.04 else (at,)),
        pictures(lambda at: () if 5.0 <= at < 5.4 else (at,)),
        pictures(lambda at: (at,) if at < 0.01 or at >= 0.7 else ()),
        Output(place([], LENGTH_S), audio_jumps={5.0: 0.03}),
    ],
    ids=["two pictures", "a long hole", "held for too long", "a hole in the sound"],
)
def test_a_hole_is_refused(made: Output, record: Record) -> None:
    run = record(made)

    with pytest.raises(ExpectationFailed, match="without gaps"):
        prove_nothing_missing(run)
