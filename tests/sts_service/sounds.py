"""Sounds for the tests: made, never recorded."""

import subprocess
import tempfile
import wave
from functools import cache
from pathlib import Path

import numpy as np

from sts_service.audio import Mono, Samples, from_pcm, to_pcm

RATE_HZ = 48_000
SEGMENT_SAMPLES = 6 * RATE_HZ

_TO_TEN = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_TO_FIFTEEN = ("eleven", "twelve", "thirteen", "fourteen", "fifteen")
_ONES = (*_TO_TEN, *_TO_FIFTEEN, "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def number_word(number: int) -> str:
    """Return 1 to 99 in words, without hyphens."""
    if number <= len(_ONES):
        return _ONES[number - 1]
    tens, ones = divmod(number, 10)
    return _TENS[tens] if ones == 0 else f"{_TENS[tens]} {_ONES[ones - 1]}"


def level(peak: float, duration_s: float = 0.5) -> bytes:
    """Return mono PCM of a hum with this peak, which the fake recogniser takes for a word."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return to_pcm((peak * np.sin(2 * np.pi * 440 * times)).astype(np.float32), channels=1)


def noise(duration_s: float, rms: float = 0.1) -> Mono:
    """Return white noise, the same each time."""
    samples = np.random.default_rng(7).normal(0, rms, round(duration_s * RATE_HZ))
    return Mono(samples.astype(np.float32), RATE_HZ)


@cache
def spoken(text: str) -> Mono:
    """Say a text with flite's ``awb`` voice; sped up to fit 0.92 s; half of full scale."""
    for stretch in (1.0, 0.9, 0.8, 0.7, 0.6):
        sound = _edges_cut(_flite(text, stretch))
        if sound.duration_s <= 0.92:
            break
    samples = sound.at(RATE_HZ).samples
    return Mono((samples * (0.5 / np.abs(samples).max())).astype(np.float32), RATE_HZ)


@cache
def counting(first: int, last: int) -> Mono:
    """Count, one number a second, each in the middle of its own second."""
    track: Samples = np.zeros((last - first + 1) * RATE_HZ, dtype=np.float32)
    for second, number in enumerate(range(first, last + 1)):
        word = spoken(number_word(number)).samples
        start = second * RATE_HZ + (RATE_HZ - word.size) // 2
        track[start : start + word.size] = word
    return Mono(track, RATE_HZ)


def _flite(text: str, stretch: float) -> Mono:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "word.wav"
        command = ["flite", "-voice", "awb", "--setf", f"duration_stretch={stretch}"]
        subprocess.run([*command, "-t", text, "-o", str(path)], check=True, timeout=20)
        with wave.open(str(path), "rb") as file:
            pcm = file.readframes(file.getnframes())
            return from_pcm(pcm, rate_hz=file.getframerate(), channels=file.getnchannels())


def _edges_cut(sound: Mono) -> Mono:
    loud = np.flatnonzero(np.abs(sound.samples) > 0.01 * np.abs(sound.samples).max())
    pad = sound.rate_hz // 50
    return Mono(sound.samples[max(0, loud[0] - pad) : loud[-1] + pad], sound.rate_hz)
