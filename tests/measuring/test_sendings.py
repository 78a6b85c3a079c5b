"""Whose sound was sent, and whose dub came back: told from made segments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from environment.measuring.account import Part
from environment.measuring.media import AudioTrack
from environment.measuring.sendings import find_sending, repeated_dubs
from environment.measuring.sync import SegmentAudio
from environment.measuring.takes import own_clocks
from tests.measuring.making import RATE_HZ, SEGMENT_S, silence, tone

Dubs = list[SegmentAudio]


@pytest.mark.parametrize("off_s", [0.0, 0.05, -0.3])
def test_where_in_the_source_it_was_taken(source: Path, said: AudioTrack, off_s: float) -> None:
    sent = said.cut(SEGMENT_S + off_s, SEGMENT_S)
    found = find_sending(own_clocks([source]), Part(1, SEGMENT_S, SEGMENT_S, sent=sent))
    assert found is not None
    assert found.off_ms == pytest.approx(1000 * off_s, abs=0.1)
    assert found.score > 0.99


def test_the_sound_of_another_segment_is_not_there(source: Path, said: AudioTrack) -> None:
    for sent in (said.cut(0.0, SEGMENT_S), said.cut(SEGMENT_S + 3.0, SEGMENT_S), tone(SEGMENT_S)):
        found = find_sending(own_clocks([source]), Part(1, SEGMENT_S, SEGMENT_S, sent=sent))
        assert found is not None
        assert found.off_ms is None
        assert str(found).startswith("segment 1: not there (0.")


def test_of_silence_and_of_nothing_nobody_can_say_whose_it_is(source: Path) -> None:
    for sent in (silence(SEGMENT_S), None):
        assert find_sending(own_clocks([source]), Part(1, 4.0, 4.0, sent=sent)) is None


def parts(*dubs: np.ndarray[tuple[int], np.dtype[np.float32]] | None) -> list[Part]:
    return [Part(number, 4.0 * number, 4.0, dub) for number, dub in enumerate(dubs)]


def test_a_dub_that_comes_twice_in_a_row_is_named(dubs: Dubs) -> None:
    first, second, third = (dub.samples for dub in dubs)
    assert repeated_dubs(parts(first, second, third)) == ()
    assert repeated_dubs(parts(first, second, 0.5 * second)) == ((1, 2),)
    shorter = second[: 2 * RATE_HZ]
    assert repeated_dubs(parts(first, second, shorter)) == ((1, 2),)
    # A clip says the same again after a while.
    assert repeated_dubs(parts(first, second, first)) == ()


def test_no_dub_silence_and_a_break_between_them_are_no_repetition(dubs: Dubs) -> None:
    first = dubs[0].samples
    assert repeated_dubs(parts(first, None, first)) == ()
    assert repeated_dubs(parts(silence(4), silence(4))) == ()
    assert repeated_dubs([Part(0, 0.0, 2.0, first), Part(1, 9.0, 4.0, first)]) == ()
