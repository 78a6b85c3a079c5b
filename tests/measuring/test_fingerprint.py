from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from environment.measuring.fingerprint import compare, compare_windows, find
from environment.measuring.media import AudioTrack, read_audio
from environment.measuring.sound import Samples
from fixtures.catalogue import COUNTING, SPEECH
from tests.measuring.making import RATE_HZ, Output, Sound, silence

WINDOW = 6 * RATE_HZ


@pytest.fixture(scope="module")
def spoken(said: AudioTrack) -> Samples:
    return said.samples[:WINDOW]


def test_original_after_aac_64k_reads_as_original(
    source: Path, spoken: Samples, tmp_path: Path
) -> None:
    made = Output(Sound(spoken), bit_rate=64_000, until_s=6)
    heard = read_audio(made.write(source, tmp_path / "out.flv")).cut(made.offset_s, 6)

    verdict = compare(spoken, heard, RATE_HZ)

    assert verdict.verdict == "original"
    assert verdict.similarity is not None
    assert verdict.similarity > 0.95
    assert verdict.lag_ms == pytest.approx(0, abs=10)


def test_spanish_dub_reads_as_dubbed(spoken: Samples, spanish: Samples) -> None:
    verdict = compare(spoken, spanish[:WINDOW], RATE_HZ)

    assert verdict.verdict == "dubbed"
    assert verdict.similarity is not None
    assert verdict.similarity < 0.5


def test_a_word_in_silence_is_told_from_the_same_word_in_another_voice() -> None:
    """Most of both is the same quiet, and they are said at the same time."""

    def in_silence(clip: Path) -> Samples:
        quiet = silence(6)
        quiet[2 * RATE_HZ : 2 * RATE_HZ + RATE_HZ * 7 // 10] = read_audio(clip, RATE_HZ).cut(
            0.1, 0.7
        )
        return quiet

    ours, theirs = in_silence(COUNTING.path), in_silence(SPEECH.path)

    assert compare(ours, theirs, RATE_HZ).verdict == "dubbed"
    assert compare(ours, 0.9 * ours, RATE_HZ).verdict == "original"


def test_same_words_in_another_voice_read_as_dubbed(spoken: Samples, other_voice: Samples) -> None:
    assert compare(spoken, other_voice, RATE_HZ).verdict == "dubbed"


def test_original_under_a_dub_is_not_the_original(spoken: Samples, spanish: Samples) -> None:
    mixed = (0.3 * spoken + spanish[:WINDOW]).astype(np.float32)

    assert compare(spoken, mixed, RATE_HZ).verdict == "dubbed"


@pytest.mark.parametrize("gain", [0.1, 2.0])
def test_level_does_not_matter(spoken: Samples, gain: float) -> None:
    assert compare(spoken, (spoken * gain).astype(np.float32), RATE_HZ).verdict == "original"


@pytest.mark.parametrize("lag_ms", [-250, 100, 250])
def test_lag_is_found_and_signed(spoken: Samples, lag_ms: int) -> None:
    moved = np.roll(spoken, lag_ms * RATE_HZ // 1000)

    verdict = compare(spoken, moved, RATE_HZ)

    assert verdict.verdict == "original"
    assert verdict.lag_ms == pytest.approx(lag_ms, abs=10)


def test_silence_has_no_similarity(spoken: Samples) -> None:
    for pair in ((spoken, silence(6)), (silence(6), spoken), (silence(6), silence(6))):
        verdict = compare(*pair, RATE_HZ)
        assert verdict.verdict == "silent"
        assert verdict.similarity is None
    assert "-120 dBFS out" in str(compare(spoken, silence(6), RATE_HZ))


def test_too_little_sound_is_undecided(spoken: Samples) -> None:
    word = spoken[RATE_HZ * 6 // 4 : RATE_HZ * 7 // 4]

    assert compare(word, word, RATE_HZ).verdict == "undecided"


def test_between_the_bounds_is_undecided(spoken: Samples, other_voice: Samples) -> None:
    half = np.where(np.arange(WINDOW) < WINDOW * 2 // 3, spoken, other_voice).astype(np.float32)

    verdict = compare(spoken, half, RATE_HZ)

    assert verdict.verdict == "undecided"
    assert verdict.similarity is not None
    assert 0.75 < verdict.similarity < 0.9


def test_noise_is_not_the_original(spoken: Samples) -> None:
    noise = np.random.default_rng(7).normal(0, 0.1, WINDOW).astype(np.float32)

    assert compare(spoken, noise, RATE_HZ).verdict == "dubbed"


def test_windows_tell_the_passed_through_segment(said: AudioTrack, spanish: Samples) -> None:
    original = AudioTrack(said.cut(0, 18.2), 0.0, RATE_HZ)
    passed = spanish.copy()
    passed[WINDOW : 2 * WINDOW] = said.cut(6, 6)
    output = AudioTrack(passed, 1.5, RATE_HZ)

    windows = compare_windows(original, output, shift_s=1.5)

    assert [window.verdict.verdict for window in windows] == ["dubbed", "original", "dubbed"]
    assert [window.start_s for window in windows] == [0, 6, 12]
    assert windows[-1].duration_s == pytest.approx(6.2)


@pytest.mark.parametrize("late_s", [-0.9, 0.35, 0.9])
def test_windows_tell_an_original_that_is_late(said: AudioTrack, late_s: float) -> None:
    original = AudioTrack(said.cut(0, 18), 0.0, RATE_HZ)
    late = AudioTrack(said.cut(-late_s, 18), 0.0, RATE_HZ)

    windows = compare_windows(original, late)

    assert [window.verdict.verdict for window in windows] == ["original"] * 3


def test_a_wide_search_makes_no_dub_an_original(said: AudioTrack, spanish: Samples) -> None:
    original = AudioTrack(said.cut(0, 18), 0.0, RATE_HZ)
    voice = read_audio(SPEECH.path, RATE_HZ)

    for dub in (AudioTrack(spanish, 0.0, RATE_HZ), AudioTrack(voice.cut(0, 18), 0.0, RATE_HZ)):
        assert {w.verdict.verdict for w in compare_windows(original, dub)} == {"dubbed"}


def test_find_is_exact_and_says_how_surely(said: AudioTrack, spanish: Samples) -> None:
    hidden = silence(20)
    hidden[123_457 : 123_457 + WINDOW] = said.cut(6, 6) * 0.5
    hidden += np.random.default_rng(7).normal(0, 0.01, len(hidden)).astype(np.float32)

    match = find(said.cut(6, 6), hidden, RATE_HZ)
    other = find(spanish[:WINDOW], hidden, RATE_HZ)

    assert match is not None
    assert match.found
    assert match.offset_s == 123_457 / RATE_HZ
    assert match.score > 0.9
    assert other is not None
    assert not other.found
    assert other.score < 0.3
    assert find(silence(6), hidden, RATE_HZ) is None
