"""What the contract tests say to the engines, and how their words are compared."""

import re

import numpy as np

from sts_service.audio import Mono
from tests.sts_service.sounds import RATE_HZ, number_word, spoken

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, numbers spelled out, without punctuation."""
    plain = [word.lower() for word in _WORD.findall(text.replace("-", " "))]
    spelled = (number_word(int(word)) if word.isdigit() else word for word in plain)
    return " ".join(spelled).split()


def hum(duration_s: float, peak: float = 0.5) -> Mono:
    """Return a steady tone."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return Mono((peak * np.sin(2 * np.pi * 220 * times)).astype(np.float32), RATE_HZ)


def quiet(duration_s: float) -> Mono:
    """Return digital silence."""
    return Mono(np.zeros(round(duration_s * RATE_HZ), np.float32), RATE_HZ)


def clipped(sound: Mono, gain: float) -> Mono:
    """Return a sound as a converter makes it that was driven far too hard."""
    return Mono(np.clip(sound.samples * gain, -1, 1).astype(np.float32), sound.rate_hz)


def beginning(sound: Mono, duration_s: float) -> Mono:
    """Return the first part of a sound."""
    return Mono(sound.samples[: round(duration_s * sound.rate_hz)], sound.rate_hz)


def middle(text: str, duration_s: float) -> Mono:
    """Return that much from the middle of a spoken text."""
    whole = spoken(text).samples
    length = round(duration_s * RATE_HZ)
    start = (whole.size - length) // 2
    return Mono(whole[start : start + length], RATE_HZ)
