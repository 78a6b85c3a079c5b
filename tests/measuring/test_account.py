"""What became of each segment: told from recordings whose every segment is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from environment.measuring.account import Fate, Part, tell_fates
from environment.measuring.correlation import FOUND_SCORE
from environment.measuring.media import AudioTrack
from environment.measuring.sound import MediaUnreadable, Samples
from environment.measuring.sync import SegmentAudio
from environment.measuring.takes import APART_S, one_clock, own_clocks
from tests.measuring.making import (
    LENGTH_S,
    RATE_HZ,
    SEGMENT_S,
    Output,
    Sound,
    place,
    silence,
    tone,
)

Dubs = list[SegmentAudio]


@pytest.fixture
def parts(dubs: Dubs) -> list[Part]:
    return [Part(dub.number, dub.start_s, float(SEGMENT_S), dub.samples) for dub in dubs]


def original(said: AudioTrack, number: int) -> Samples:
    return said.cut(float(number * SEGMENT_S), float(SEGMENT_S))


def fates(source: Path, parts: list[Part], *outputs: Path) -> list[Fate]:
    return list(tell_fates(own_clocks([source]), one_clock(outputs), parts))


def between(first_s: float, end_s: float) -> object:
    def placement(source_s: float) -> Iterable[float]:
        return (source_s,) if first_s <= source_s < end_s else ()

    return placement


def test_dubs_originals_and_what_is_neither_are_told_apart(
    source: Path, said: AudioTrack, dubs: Dubs, parts: list[Part], tmp_path: Path
) -> None:
    sound = place([(0, dubs[0].samples), (4.05, original(said, 1)), (8, tone(4))])
    told = fates(source, parts, Output(sound).write(source, tmp_path / "out.flv"))
    assert [fate.heard for fate in told] == ["dubbed", "original", "other"]
    assert told[0].skew_ms == pytest.approx(0, abs=5)
    assert told[1].skew_ms == pytest.approx(50, abs=5)
    assert told[2].skew_ms is None


def test_the_next_segment_s_sound_in_a_segment_s_place_is_neither(
    source: Path, said: AudioTrack, parts: list[Part], tmp_path: Path
) -> None:
    sound = place([(0, original(said, 1)), (4, original(said, 0)), (8, original(said, 2))])
    told = fates(source, parts, Output(sound).write(source, tmp_path / "out.flv"))
    assert [fate.heard for fate in told] == ["other", "other", "original"]


def test_what_is_not_shown_is_absent_and_quiet_where_nothing_is_said_is_silent(
    source: Path, said: AudioTrack, parts: list[Part], tmp_path: Path
) -> None:
    sound = place([(0, original(said, 0)), (4, original(said, 1))])
    made = Output(sound, placement=between(0, 8))  # type: ignore[arg-type]
    told = fates(source, parts, made.write(source, tmp_path / "out.flv"))
    assert [fate.heard for fate in told] == ["original", "original", "absent"]
    quiet = tmp_path / "quiet.flv"
    Output(Sound(silence(LENGTH_S)), offset_s=0).write(source, quiet)
    mute = [Part(part.number, part.start_s, part.duration_s) for part in parts]
    assert {fate.heard for fate in fates(quiet, mute, quiet)} == {"silent"}


def test_an_output_in_two_pieces_is_one_where_its_clock_goes_on(
    source: Path, said: AudioTrack, dubs: Dubs, parts: list[Part], tmp_path: Path
) -> None:
    # The break lies in the middle of the second segment.
    half = 2 * RATE_HZ
    first = Sound(np.concatenate([dubs[0].samples, original(said, 1)[:half]]))
    second = Sound(np.concatenate([original(said, 1)[half:], dubs[2].samples]), 6.0)
    pieces = [
        Output(first, placement=between(0, 6)).write(source, tmp_path / "1.flv"),  # type: ignore[arg-type]
        Output(second, placement=between(6, 12)).write(source, tmp_path / "2.flv"),  # type: ignore[arg-type]
    ]
    told = fates(source, parts, *pieces)
    assert [fate.heard for fate in told] == ["dubbed", "original", "dubbed"]
    assert all(abs(fate.skew_ms or 0) < 5 for fate in told)
    assert one_clock(pieces).gaps_s == pytest.approx([0.0], abs=0.05)


def test_a_clock_that_jumps_shows_as_a_gap_or_an_overlap(
    source: Path, said: AudioTrack, tmp_path: Path
) -> None:
    first = Output(Sound(original(said, 0)), placement=between(0, 4), offset_s=0)  # type: ignore[arg-type]
    first.write(source, tmp_path / "1.flv")
    for offset_s in (3.0, -1.0):
        later = Output(Sound(original(said, 1), 4.0), placement=between(4, 8), offset_s=offset_s)  # type: ignore[arg-type]
        pieces = [tmp_path / "1.flv", later.write(source, tmp_path / f"2{offset_s}.flv")]
        assert one_clock(pieces).gaps_s == pytest.approx([offset_s], abs=0.1)


def test_publications_that_begin_at_zero_are_laid_one_behind_the_other(source: Path) -> None:
    both = own_clocks([source, source])
    first, second = both.pieces
    assert second.zero_s == pytest.approx(first.end_s + APART_S)
    assert len(both.pictures) == 2 * 900
    assert both.audio.end_s == pytest.approx(second.end_s, abs=0.1)
    assert np.array_equal(
        both.audio.cut(second.zero_s + 2, 1.0), both.audio.cut(first.zero_s + 2, 1.0)
    )


def test_recordings_without_sound_are_unreadable(source: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadable, match="no sound"):
        one_clock([])


def test_half_a_segment_s_sound_or_something_under_it_is_not_the_segment_s(
    source: Path, said: AudioTrack, dubs: Dubs, parts: list[Part], tmp_path: Path
) -> None:
    half = original(said, 0).copy()
    half[len(half) // 2 :] = 0
    under = dubs[1].samples + 0.5 * original(said, 1)
    sound = place([(0, half), (4, under), (8, dubs[2].samples)])
    told = fates(source, parts, Output(sound).write(source, tmp_path / "out.flv"))
    assert [fate.heard for fate in told] == ["other", "other", "dubbed"]
    assert all(fate.score > FOUND_SCORE for fate in told)
    assert all(fate.likeness is not None for fate in told)


def test_where_the_output_breaks_within_a_segment_a_part_of_it_is_enough(
    source: Path, said: AudioTrack, dubs: Dubs, parts: list[Part], tmp_path: Path
) -> None:
    first = Sound(np.concatenate([dubs[0].samples, original(said, 1)[: 3 * RATE_HZ]]))
    second = Sound(dubs[2].samples, 8.0)
    pieces = [
        Output(first, placement=between(0, 7)).write(source, tmp_path / "1.flv"),  # type: ignore[arg-type]
        Output(second, placement=between(8, 12)).write(source, tmp_path / "2.flv"),  # type: ignore[arg-type]
    ]
    told = fates(source, parts, *pieces)
    assert [fate.heard for fate in told] == ["dubbed", "original", "dubbed"]
    assert told[1].likeness is None
