from __future__ import annotations

import numpy as np
import pytest
import soxr

from environment.measuring.likeness import Likeness, liken
from environment.measuring.media import AudioTrack
from environment.measuring.sound import Samples, level_dbfs
from tests.measuring.making import RATE_HZ, silence


@pytest.fixture(scope="module")
def dub(spanish: Samples) -> Samples:
    """Three seconds of speech, then digital silence."""
    return np.concatenate([spanish[: 3 * RATE_HZ], silence(3)])


@pytest.fixture(scope="module")
def original(said: AudioTrack) -> Samples:
    return said.cut(0, 6)


def judge(dub: Samples, heard: Samples) -> Likeness:
    return liken(dub, heard.astype(np.float32), RATE_HZ)


def test_the_same_sound_is_pure(dub: Samples) -> None:
    found = judge(dub, dub)

    assert found.pure
    assert found.gain_db == pytest.approx(0, abs=0.01)
    assert found.foreign_db < -100


@pytest.mark.parametrize("gain_db", [-5, 5])
def test_another_level_is_pure(dub: Samples, gain_db: float) -> None:
    found = judge(dub, dub * 10 ** (gain_db / 20))

    assert found.pure
    assert found.gain_db == pytest.approx(gain_db, abs=0.01)


@pytest.mark.parametrize("late", [0.25, 0.5, 0.75])
def test_a_delay_of_part_of_a_sample_is_pure(dub: Samples, late: float) -> None:
    above = np.asarray(soxr.resample(dub, RATE_HZ, 4 * RATE_HZ, "VHQ"))
    moved = np.concatenate([silence(0.1), above])[round(0.1 * RATE_HZ - 4 * late) :]
    heard = np.asarray(soxr.resample(moved, 4 * RATE_HZ, RATE_HZ, "VHQ"))[: len(dub)]

    assert judge(dub, heard).foreign_db < -30


def test_the_original_in_the_pauses_is_foreign(dub: Samples, original: Samples) -> None:
    heard = dub.copy()
    heard[int(3.2 * RATE_HZ) :] = original[int(3.2 * RATE_HZ) :]

    found = judge(dub, heard)

    assert not found.pure
    assert found.foreign_at_s >= 3.0


def test_the_original_under_the_dub_is_foreign(dub: Samples, original: Samples) -> None:
    level = 10 ** ((level_dbfs(dub) - level_dbfs(original)) / 20)

    assert not judge(dub, dub + 0.5 * level * original).pure
    assert not judge(dub, dub + 0.1 * level * original).pure


def test_a_word_that_is_lacking_is_foreign(dub: Samples) -> None:
    heard = dub.copy()
    heard[RATE_HZ : 2 * RATE_HZ] = 0

    found = judge(dub, heard)

    assert not found.pure
    assert 1 <= found.foreign_at_s < 2


@pytest.mark.parametrize("gain", [0.05, 0.0, -1.0])
def test_what_can_hardly_be_heard_is_not_pure(dub: Samples, gain: float) -> None:
    assert not judge(dub, gain * dub).pure


def test_nothing_is_like_silence() -> None:
    with pytest.raises(ValueError, match="silence"):
        liken(silence(1), silence(1), RATE_HZ)
