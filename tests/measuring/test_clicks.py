"""Joints that nobody hears, and each way in which one is heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from environment.measuring.clicks import (
    BREAK_AT_MOST_DB,
    FOREIGN_AT_MOST_DB,
    FOREIGN_WITHIN_AT_MOST_DB,
    SHARP_AT_MOST_DB,
    Course,
    Joint,
    Piece,
    break_db,
    examine,
)
from environment.measuring.media import AudioTrack, read_audio
from environment.measuring.sound import Samples
from tests.measuring.making import RATE_HZ, Output, Sound, silence, tone

# In the middle of a spoken number, and between two.
SPOKEN_S, PAUSE_S = 3.5, 4.0
LENGTH_S = 8

Harm = Callable[[Samples, int], Samples]


def after_aac(samples: Samples, source: Path, tmp_path: Path) -> AudioTrack:
    """What is heard of these samples, from time zero on."""
    made = Output(Sound(samples), until_s=1)
    track = read_audio(made.write(source, tmp_path / "out.flv"))
    return AudioTrack(track.samples, track.start_s - made.offset_s, RATE_HZ)


def pieces(samples: Samples, at_s: float) -> list[Piece]:
    cut = round(at_s * RATE_HZ)
    return [Piece(0.0, samples[:cut]), Piece(cut / RATE_HZ, samples[cut:])]


@pytest.fixture(scope="module")
def speech(spanish: Samples) -> Samples:
    return spanish[: LENGTH_S * RATE_HZ]


@pytest.mark.parametrize("at_s", [SPOKEN_S, PAUSE_S])
def test_a_joint_where_nothing_happens_is_clean(
    source: Path, speech: Samples, tmp_path: Path, at_s: float
) -> None:
    (joint,), _courses = examine(after_aac(speech, source, tmp_path), pieces(speech, at_s))

    assert joint.clean, joint
    assert joint.at_s == at_s
    assert joint.gap_ms == pytest.approx(0, abs=1e-6)
    assert "gap" in str(joint)


def test_nowhere_in_running_speech_does_it_break_off(speech: Samples, said: AudioTrack) -> None:
    for samples in (speech, said.samples[: 12 * RATE_HZ]):
        places = range(RATE_HZ, len(samples) - RATE_HZ, RATE_HZ // 20)
        found = [break_db(samples[:cut], samples[cut:], RATE_HZ) for cut in places]
        audible = [db for db in found if db is not None]

        assert len(audible) > len(found) / 4
        assert max(audible) < BREAK_AT_MOST_DB - 2


def zeros(samples: Samples, at: int) -> Samples:
    """Two milliseconds of nothing."""
    harmed = samples.copy()
    harmed[at : at + 96] = 0
    return harmed


def beat(samples: Samples, at: int) -> Samples:
    """One sample at half of full scale."""
    harmed = samples.copy()
    harmed[at] += 0.5
    return harmed


def step(samples: Samples, at: int) -> Samples:
    """A direct current that sets in, and fades."""
    harmed = samples.copy()
    harmed[at : at + 2400] += np.linspace(0.2, 0, 2400, dtype=np.float32)
    return harmed


def repeated(samples: Samples, at: int) -> Samples:
    """The first 20 milliseconds after the joint are those before it."""
    harmed = samples.copy()
    harmed[at : at + 960] = samples[at - 960 : at]
    return harmed


@pytest.mark.parametrize(
    ("harm", "at_s"),
    [
        (zeros, SPOKEN_S),
        (beat, SPOKEN_S),
        (step, SPOKEN_S),
        (repeated, SPOKEN_S),
        (beat, PAUSE_S),
        (step, PAUSE_S),
    ],
)
def test_what_is_not_in_the_pieces_is_foreign(
    source: Path, speech: Samples, tmp_path: Path, harm: Harm, at_s: float
) -> None:
    harmed = harm(speech, round(at_s * RATE_HZ))

    (joint,), _courses = examine(after_aac(harmed, source, tmp_path), pieces(speech, at_s))

    assert joint.foreign_db > FOREIGN_AT_MOST_DB, joint
    assert not joint.clean


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0])
def test_a_wave_that_breaks_off_clicks_though_the_pieces_are_so(
    source: Path, tmp_path: Path, hertz: float
) -> None:
    """The first piece ends at a crest, the next one begins in silence: the pieces click."""
    sounding = tone(1 + 0.25 / hertz, hertz)
    before, after = Piece(0.0, sounding), Piece(len(sounding) / RATE_HZ, silence(1))
    heard = after_aac(np.concatenate([sounding, after.samples]), source, tmp_path)

    (joint,), _courses = examine(heard, [before, after])

    assert joint.break_db is not None
    assert joint.break_db > 30
    assert not joint.clean


def test_speech_that_breaks_off_in_a_vowel_clicks(said: AudioTrack) -> None:
    spoken = said.cut(0, 12)
    loud = [
        cut
        for cut in range(RATE_HZ, len(spoken) - RATE_HZ, RATE_HZ // 20)
        if abs(spoken[cut - 1]) > 0.1
    ]

    found = [break_db(spoken[:cut], silence(1), RATE_HZ) or 0.0 for cut in loud]

    assert len(loud) > 5
    assert np.mean(np.array(found) > BREAK_AT_MOST_DB) > 0.8


def test_silence_and_a_wave_that_goes_on_do_not_break_off() -> None:
    assert break_db(silence(1), silence(1), RATE_HZ) is None
    assert break_db(tone(1, 440), tone(1, 440), RATE_HZ) is None
    assert break_db(silence(0), silence(0), RATE_HZ) is None


@pytest.mark.parametrize("gap_ms", [-5.0, 1.0, 20.0])
def test_a_gap_and_an_overlap_are_measured(speech: Samples, gap_ms: float) -> None:
    first, second = pieces(speech, PAUSE_S)
    moved = Piece(second.at_s + gap_ms / 1000, second.samples)

    (joint,), _courses = examine(AudioTrack(speech, 0.0, RATE_HZ), [first, moved])

    assert joint.gap_ms == pytest.approx(gap_ms, abs=0.001)
    assert not joint.clean


def test_a_piece_that_is_not_there_is_no_clean_joint(speech: Samples) -> None:
    heard = AudioTrack(silence(LENGTH_S), 0.0, RATE_HZ)

    (joint,), _courses = examine(heard, pieces(speech, PAUSE_S))

    assert joint == Joint(PAUSE_S, joint.gap_ms, None, np.inf)
    assert not joint.clean


@pytest.mark.parametrize("shift", [0, 1, 300, 700])
def test_what_is_encoded_once_is_heard_without_a_click(
    source: Path, speech: Samples, tmp_path: Path, shift: int
) -> None:
    """Wherever its frames fall, and as loud as may be."""
    for gain, margin_db in ((1.0, 4.0), (0.95 / float(np.max(np.abs(speech))), 2.0)):
        moved = np.float32(gain) * np.roll(speech, shift)

        _joints, courses = examine(after_aac(moved, source, tmp_path), pieces(moved, SPOKEN_S))

        assert len(courses) == 2
        for course in courses:
            assert course.clean, course
            assert course.foreign_db < FOREIGN_WITHIN_AT_MOST_DB - margin_db
            assert course.sharp_db < SHARP_AT_MOST_DB - margin_db


def click(samples: Samples, at: int) -> Samples:
    """One sample at 0.3 of full scale."""
    harmed = samples.copy()
    harmed[at] += 0.3
    return harmed


IN_PIECES_S = (2.0, 2.5, SPOKEN_S, PAUSE_S, 5.5, LENGTH_S - 0.0505)


@pytest.mark.parametrize(
    ("harm", "at_s"),
    [
        (repeated, SPOKEN_S),  # elsewhere silence is repeated
        *[(harm, at_s) for harm in (click, beat, step) for at_s in IN_PIECES_S],
    ],
)
def test_a_click_is_found_wherever_it_is(
    source: Path, speech: Samples, tmp_path: Path, harm: Harm, at_s: float
) -> None:
    heard = after_aac(harm(speech, round(at_s * RATE_HZ)), source, tmp_path)

    for cut_s in (1.0, SPOKEN_S):
        _joints, courses = examine(heard, pieces(speech, cut_s))
        found = [course for course in courses if not course.clean]

        assert found, courses
        places_s = [at for course in found for at in (course.foreign_at_s, course.sharp_at_s)]
        assert min(abs(place_s - at_s) for place_s in places_s) < 0.03


def test_a_click_in_the_loudest_word_is_found_by_its_sharpness(
    source: Path, speech: Samples, tmp_path: Path
) -> None:
    loudest = int(np.argmax(np.abs(speech)))
    harmed = speech.copy()
    harmed[loudest] -= 0.3 * np.sign(harmed[loudest])

    _joints, (course,) = examine(after_aac(harmed, source, tmp_path), [Piece(0.0, speech)])

    assert course.sharp_db > SHARP_AT_MOST_DB + 3
    assert not course.clean
    assert "sharp" in str(course)


def test_a_piece_that_is_not_there_has_no_clean_course(speech: Samples) -> None:
    heard = AudioTrack(silence(LENGTH_S), 0.0, RATE_HZ)

    assert examine(heard, [Piece(0.0, speech)])[1] == (Course(np.inf, 0.0, np.inf, 0.0),)


def test_one_piece_has_no_joint(speech: Samples) -> None:
    heard = AudioTrack(speech, 0.0, RATE_HZ)

    assert examine(heard, [Piece(0.0, speech)])[0] == ()
    assert examine(heard, []) == ((), ())
