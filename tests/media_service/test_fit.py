import numpy as np
import numpy.typing as npt
import pytest

from media_service.worker.fit import FADE_SAMPLES, fit

RATE = 48_000


def tone(seconds: float, *, rate: int = RATE, channels: int = 2, hertz: float = 440) -> bytes:
    n = np.arange(round(seconds * rate))
    samples = (0.5 * 32767 * np.sin(2 * np.pi * hertz * n / rate)).astype(np.int16)
    return np.repeat(samples[:, None], channels, axis=1).tobytes()


def stereo(pcm: bytes) -> npt.NDArray[np.int16]:
    return np.frombuffer(pcm, np.int16).reshape(-1, 2)


def test_audio_of_the_right_length_is_not_touched() -> None:
    pcm = tone(1.0)
    assert fit(pcm, samples=RATE, sample_rate_hz=RATE, channels=2) == pcm


def test_shorter_audio_is_padded_with_silence() -> None:
    pcm = tone(0.4)
    fitted = fit(pcm, samples=RATE, sample_rate_hz=RATE, channels=2)
    assert fitted == pcm + bytes(4 * RATE - len(pcm))


@pytest.mark.parametrize("seconds", [1.005, 1.02, 1.3, 1.9, 2.0])
def test_longer_audio_is_sped_up_and_keeps_its_pitch(seconds: float) -> None:
    fitted = stereo(fit(tone(seconds), samples=RATE, sample_rate_hz=RATE, channels=2))
    assert len(fitted) == RATE
    middle = fitted[RATE // 4 : 3 * RATE // 4, 0].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * RATE / len(middle) == pytest.approx(440, abs=5)


def test_what_no_tempo_can_fit_is_cut_off_under_a_fade() -> None:
    fitted = stereo(fit(tone(3.0), samples=RATE, sample_rate_hz=RATE, channels=2))
    assert len(fitted) == RATE
    assert np.abs(fitted[-20:]).max() < 400
    assert np.abs(fitted[-2 * FADE_SAMPLES : -FADE_SAMPLES]).max() > 10_000


def test_another_format_is_converted() -> None:
    pcm = tone(1.0, rate=16_000, channels=1)
    fitted = stereo(fit(pcm, samples=RATE, sample_rate_hz=16_000, channels=1))
    assert len(fitted) == RATE
    assert np.array_equal(fitted[:, 0], fitted[:, 1])
    # Mixed from one channel to two or not, the level stays within 3 dB.
    assert 0.7 * 0.5 * 32767 * 0.9 < np.abs(fitted[:, 0]).max() <= 0.5 * 32767 * 1.1


def test_no_audio_is_silence() -> None:
    assert fit(b"", samples=480, sample_rate_hz=RATE, channels=2) == bytes(4 * 480)
