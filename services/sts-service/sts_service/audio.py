"""Arithmetic on audio: bytes to samples and back, levels, onsets, fitting to a length.

Samples are mono float32 in [-1, 1] unless a name says otherwise.
"""

from dataclasses import dataclass

import numpy as np
import soxr
from numpy.typing import NDArray

Samples = NDArray[np.float32]

FULL_SCALE = 32_768
FRAME_S = 0.02
SILENCE_RMS = 0.005
"""Loudest 20 ms under this (-46 dBFS): nobody speaks. Recognisers hear words in pure zeros."""

_FADE_S = 0.01
_SPEECH_PEAK = 0.7


@dataclass(frozen=True)
class Mono:
    """One channel of sound."""

    samples: Samples
    rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples.size / self.rate_hz

    def at(self, rate_hz: int) -> "Mono":
        """Return the same sound at another sample rate."""
        if rate_hz == self.rate_hz or self.samples.size == 0:
            return Mono(self.samples, rate_hz)
        resampled = soxr.resample(self.samples, self.rate_hz, rate_hz, "HQ")
        return Mono(np.asarray(resampled, dtype=np.float32), rate_hz)


def silence(rate_hz: int) -> Mono:
    """Return a sound of no length."""
    return Mono(np.zeros(0, dtype=np.float32), rate_hz)


def from_pcm(pcm: bytes, *, rate_hz: int, channels: int) -> Mono:
    """Mix interleaved s16le bytes down to one channel."""
    interleaved = np.frombuffer(pcm, dtype="<i2").reshape(-1, channels)
    mixed = interleaved.mean(axis=1, dtype=np.float32) / FULL_SCALE
    return Mono(mixed.astype(np.float32), rate_hz)


def to_pcm(samples: Samples, *, channels: int) -> bytes:
    """Return interleaved s16le bytes, the same sound in every channel."""
    scaled = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype("<i2")
    return np.repeat(scaled, channels).tobytes()


def frame_levels(sound: Mono) -> Samples:
    """Return the RMS level of each 20 ms frame, the last one padded with zeros."""
    frame_samples = max(1, round(sound.rate_hz * FRAME_S))
    padded = np.pad(sound.samples, (0, -sound.samples.size % frame_samples))
    frames = padded.reshape(-1, frame_samples).astype(np.float64)
    levels: Samples = np.sqrt(np.mean(frames**2, axis=1)).astype(np.float32)
    return levels


def is_silent(sound: Mono) -> bool:
    """Whether no 20 ms frame is loud enough to be speech."""
    return sound.samples.size == 0 or float(frame_levels(sound).max()) < SILENCE_RMS


def onset_s(sound: Mono) -> float:
    """Return when the sound starts: its first frame within 20 dB of the loudest; 0 if silent."""
    if is_silent(sound):
        return 0.0
    levels = frame_levels(sound)
    threshold = max(SILENCE_RMS, 0.1 * float(levels.max()))
    return float(np.argmax(levels >= threshold)) * FRAME_S


def trimmed(sound: Mono) -> Mono:
    """Return the sound without the silence around it, but for a frame: consonants start soft."""
    if is_silent(sound):
        return silence(sound.rate_hz)
    levels = frame_levels(sound)
    loud = np.flatnonzero(levels >= 0.01 * levels.max())
    frame_samples = max(1, round(sound.rate_hz * FRAME_S))
    first = max(0, int(loud[0]) - 1) * frame_samples
    return Mono(sound.samples[first : (int(loud[-1]) + 2) * frame_samples], sound.rate_hz)


def normalised(sound: Mono) -> Mono:
    """Return the sound at the level of dubbed speech."""
    peak = float(np.abs(sound.samples).max(initial=0.0))
    if peak == 0.0:
        return sound
    return Mono((sound.samples * (_SPEECH_PEAK / peak)).astype(np.float32), sound.rate_hz)


def placed(speech: Mono, *, length_samples: int, start_s: float) -> Samples:
    """Lay speech into silence of exactly ``length_samples``.

    It starts at ``start_s``, or earlier where its end would not fit; what is longer than the
    whole is cut, with a fade at the very end.
    """
    canvas = np.zeros(length_samples, dtype=np.float32)
    fitted = speech.samples[:length_samples]
    if fitted.size < speech.samples.size:
        fade_samples = min(round(speech.rate_hz * _FADE_S), fitted.size)
        fitted = fitted.copy()
        fitted[fitted.size - fade_samples :] *= np.linspace(1, 0, fade_samples, dtype=np.float32)
    start = min(round(start_s * speech.rate_hz), length_samples - fitted.size)
    canvas[start : start + fitted.size] = fitted
    return canvas
