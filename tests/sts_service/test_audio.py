import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sts_service.audio import (
    Mono,
    Samples,
    from_pcm,
    is_silent,
    normalised,
    onset_s,
    placed,
    silence,
    to_pcm,
    trimmed,
)

RATE_HZ = 16_000


def tone(duration_s: float, peak: float = 0.5) -> Samples:
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (peak * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def padded(before_s: float, sound: Samples, after_s: float) -> Mono:
    before, after = round(before_s * RATE_HZ), round(after_s * RATE_HZ)
    return Mono(np.pad(sound, (before, after)), RATE_HZ)


@pytest.mark.parametrize("channels", [1, 2])
def test_pcm_survives_the_way_there_and_back(channels: int) -> None:
    pcm = to_pcm(tone(0.1), channels=channels)
    assert len(pcm) == 1_600 * 2 * channels
    sound = from_pcm(pcm, rate_hz=RATE_HZ, channels=channels)
    assert np.abs(sound.samples - tone(0.1)).max() <= 0.5 / 32_768 + 1e-7


def test_stereo_is_mixed_not_picked_from() -> None:
    left_only = np.stack([np.full(10, 1_000), np.zeros(10)], axis=1).astype("<i2").tobytes()
    mixed = from_pcm(left_only, rate_hz=RATE_HZ, channels=2)
    assert mixed.samples * 32_768 == pytest.approx(np.full(10, 500.0))


def test_full_scale_does_not_wrap() -> None:
    loud = np.array([1.5, -1.5, 1.0], dtype=np.float32)
    assert np.frombuffer(to_pcm(loud, channels=1), "<i2").tolist() == [32_767, -32_768, 32_767]


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (silence(RATE_HZ), True),
        (Mono(np.zeros(RATE_HZ, np.float32), RATE_HZ), True),
        (Mono(tone(1.0, peak=0.001), RATE_HZ), True),
        (padded(5.0, tone(0.1), 0.9), False),
    ],
    ids=["nothing", "zeros", "hum", "one short word"],
)
def test_silence_is_told_from_a_short_word(sound: Mono, expected: bool) -> None:
    assert is_silent(sound) is expected


def test_onset_is_found_within_a_frame() -> None:
    assert onset_s(padded(1.3, tone(0.5), 1.0)) == pytest.approx(1.3, abs=0.02)
    assert onset_s(silence(RATE_HZ)) == 0.0


def test_trimming_leaves_the_sound_and_at_most_two_frames_on_a_side() -> None:
    cut = trimmed(padded(1.0, tone(0.5), 1.0))
    assert 0.5 <= cut.duration_s <= 0.58


def test_normalising_sets_the_peak_and_leaves_silence_alone() -> None:
    quiet = Mono(tone(0.1, peak=0.01), RATE_HZ)
    assert np.abs(normalised(quiet).samples).max() == pytest.approx(0.7, abs=1e-4)
    assert normalised(silence(RATE_HZ)).samples.size == 0


def test_resampling_keeps_the_duration() -> None:
    assert Mono(tone(1.0), RATE_HZ).at(48_000).duration_s == pytest.approx(1.0, abs=1e-4)
    assert silence(RATE_HZ).at(48_000).samples.size == 0


@given(
    speech_samples=st.integers(0, 3_000),
    length_samples=st.integers(0, 2_000),
    start_s=st.floats(0, 1),
)
def test_placed_speech_always_has_the_exact_length(
    speech_samples: int, length_samples: int, start_s: float
) -> None:
    speech = Mono(np.ones(speech_samples, np.float32), RATE_HZ)
    laid = placed(speech, length_samples=length_samples, start_s=start_s)
    assert laid.size == length_samples
    if speech_samples <= length_samples:
        assert laid.sum() == speech_samples
        wanted = round(start_s * RATE_HZ)
        if 0 < speech_samples <= length_samples - wanted:
            assert int(np.argmax(laid)) == wanted


def test_what_does_not_fit_ends_in_a_fade() -> None:
    laid = placed(Mono(np.ones(2_000, np.float32), RATE_HZ), length_samples=1_000, start_s=0.01)
    assert laid[0] == 1.0
    assert laid[-1] == 0.0
    assert 0.4 < laid[-80] < 0.6
