"""Where one piece of sound lies in another, to the sample, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft, signal

from environment.measuring.sound import Samples, level_dbfs

SILENCE_DBFS = -50.0
# The same waveform after lossy coding correlates at 0.9 and more, two different voices
# below 0.2.
FOUND_SCORE = 0.6

_COARSE_FACTOR = 4
_REFINE_S = 0.008
_NEIGHBOURHOOD_S = 0.05
# Another place that fits nearly as well makes the answer ambiguous.
_RIVAL = 0.95


@dataclass(frozen=True)
class Match:
    """The best place of the needle in the haystack.

    `offset_s` is where the needle's first sample lies, from the haystack's first (negative
    when it begins before it). `score` is the normalised correlation there: 1 for the same
    waveform at any level, about 0 for another. `ambiguous`: other places fit as well.
    """

    offset_s: float
    score: float
    ambiguous: bool

    @property
    def found(self) -> bool:
        """Whether the needle is really there."""
        return self.score >= FOUND_SCORE


def find(
    needle: Samples, haystack: Samples, rate_hz: int, *, expected_s: float | None = None
) -> Match | None:
    """Search the whole haystack for the needle; None when the needle is silent.

    Of places that fit equally well the one nearest `expected_s` is taken, else the best.
    The needle may reach over either end of the haystack.
    """
    if level_dbfs(needle) < SILENCE_DBFS:
        return None
    coarse_rate_hz = rate_hz / _COARSE_FACTOR
    small_needle = signal.resample_poly(needle, 1, _COARSE_FACTOR).astype(np.float32)
    small_haystack = signal.resample_poly(haystack, 1, _COARSE_FACTOR).astype(np.float32)
    scores = _correlate(small_needle, small_haystack)
    lead = len(small_needle) - 1
    peaks = _rivals(scores, round(_NEIGHBOURHOOD_S * coarse_rate_hz))
    if expected_s is not None:
        peaks = sorted(peaks, key=lambda at: abs((at - lead) / coarse_rate_hz - expected_s))
    place_s = (peaks[0] - lead) / coarse_rate_hz
    offset_s, score = _refine(needle, haystack, rate_hz, place_s, _REFINE_S)
    return Match(offset_s, score, ambiguous=len(peaks) > 1)


def find_near(
    needle: Samples, haystack: Samples, rate_hz: int, place_s: float, within_s: float
) -> Match | None:
    """Search only `within_s` to either side of `place_s`; None when the needle is silent."""
    if level_dbfs(needle) < SILENCE_DBFS:
        return None
    offset_s, score = _refine(needle, haystack, rate_hz, place_s, within_s)
    return Match(offset_s, score, ambiguous=False)


def _rivals(scores: npt.NDArray[np.float32], neighbourhood: int) -> list[int]:
    """Indices of the best score and of all that come near it elsewhere, best first."""
    scores = scores.copy()
    best = float(scores.max())
    peaks: list[int] = []
    while len(peaks) < 16:
        at = int(scores.argmax())
        if peaks and scores[at] < _RIVAL * best:
            break
        peaks.append(at)
        scores[max(0, at - neighbourhood) : at + neighbourhood + 1] = -1
    return peaks


def _refine(
    needle: Samples, haystack: Samples, rate_hz: int, place_s: float, within_s: float
) -> tuple[float, float]:
    reach = round(within_s * rate_hz)
    first = round(place_s * rate_hz) - reach
    stretch = np.zeros(len(needle) + 2 * reach, np.float32)
    begin, end = max(0, first), min(len(haystack), first + len(stretch))
    if begin >= end:
        return place_s, 0.0
    stretch[begin - first : end - first] = haystack[begin:end]
    lead = len(needle) - 1
    scores = _correlate(needle, stretch)[lead : lead + 2 * reach + 1]
    at = int(scores.argmax())
    return (first + at) / rate_hz, float(scores[at])


def _correlate(needle: Samples, haystack: Samples) -> npt.NDArray[np.float32]:
    """Normalised correlation at each place where the two overlap.

    Shape (len(haystack) + len(needle) - 1,); index i places the needle's first sample at
    haystack[i - len(needle) + 1].
    """
    size = len(haystack) + len(needle) - 1
    padded = fft.next_fast_len(size, real=True)
    product = fft.rfft(haystack, padded) * fft.rfft(needle[::-1], padded)
    overlap = fft.irfft(product, padded)[:size]
    power = np.concatenate([np.zeros(1), np.cumsum(np.square(haystack, dtype=np.float64))])
    ends = np.arange(1, size + 1)
    local = power[np.minimum(ends, len(haystack))] - power[np.maximum(ends - len(needle), 0)]
    own = float(np.sum(np.square(needle, dtype=np.float64)))
    # Against next to nothing, rounding noise would correlate.
    scale = np.sqrt(own * np.maximum(local, own * 1e-6))
    return np.asarray(overlap / scale, np.float32)
