"""Whether a piece of output sound is the original or a dub, by its log-mel picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
import soxr

from environment.measuring.correlation import SILENCE_DBFS, Match, find
from environment.measuring.sound import AudioTrack, Samples, level_dbfs

__all__ = ["Match", "Verdict", "Window", "compare", "compare_windows", "find"]

# The same audio after AAC measures 0.98 to 1.0, the same words in another voice 0.62 to
# 0.66, Spanish against English 0.03 to 0.12.
ORIGINAL_AT_LEAST = 0.90
DUBBED_AT_MOST = 0.75
WINDOW_S = 6.0
LARGEST_LAG_S = 0.3
LARGEST_WINDOW_LAG_S = 1.0
"""Of a recording, of which nobody else says where its sound lies: an original that is late is one.
Where two pieces are known to be aligned, a wide search only makes different words alike."""

_RATE_HZ = 16_000
_FRAME_SAMPLES = 512
_HOP_SAMPLES = 160
_BANDS = 40
_LOWEST_HZ, _HIGHEST_HZ = 80.0, 7600.0
_DYNAMIC_RANGE_DB = 50.0
_SHORTEST_S = 1.0
_HEARD_WITHIN_DB = 40.0
_MARGIN_S = 0.25

Spectrogram = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """What `compare` found. `similarity` is None unless both sides have sound.

    `original` from 0.90 on, `dubbed` up to 0.75, `undecided` between or when there is too
    little to judge by, `silent` when a side has no sound; `levels_dbfs` tells which.
    `lag_ms`: by how much the output lags, as far as it was searched.
    """

    verdict: Literal["original", "dubbed", "undecided", "silent"]
    similarity: float | None
    lag_ms: float | None
    levels_dbfs: tuple[float, float]

    def __str__(self) -> str:
        if self.similarity is None:
            original_dbfs, output_dbfs = self.levels_dbfs
            return f"{self.verdict} ({original_dbfs:.0f} dBFS in, {output_dbfs:.0f} dBFS out)"
        return f"{self.verdict} (similarity {self.similarity:.2f})"


@dataclass(frozen=True)
class Window:
    """The verdict on one stretch of the original's timeline."""

    start_s: float
    duration_s: float
    verdict: Verdict


def compare(
    original: Samples, output: Samples, rate_hz: int, *, lag_s: float = LARGEST_LAG_S
) -> Verdict:
    """Judge two aligned stretches of mono sound of the same rate, best of 6 s.

    What counts is the part in which anything is heard in either: the quiet before and after a few
    words is alike in any two sounds. `lag_s`: by how much one may be late against the other; the
    longest lags are only tried where enough is heard beside them.
    """
    levels_dbfs = (level_dbfs(original), level_dbfs(output))
    if min(levels_dbfs) < SILENCE_DBFS:
        return Verdict("silent", None, None, levels_dbfs)
    ours, theirs = _log_mel(original, rate_hz), _log_mel(output, rate_hz)
    frames = min(len(ours), len(theirs))
    if frames < _SHORTEST_S * _RATE_HZ / _HOP_SAMPLES - _FRAME_SAMPLES / _HOP_SAMPLES:
        return Verdict("undecided", None, None, levels_dbfs)
    heard = _heard(ours[:frames], theirs[:frames])
    similarity, lag = _best_lag(ours[heard], theirs[heard], lag_s)
    if similarity >= ORIGINAL_AT_LEAST:
        word: Literal["original", "dubbed", "undecided"] = "original"
    elif similarity <= DUBBED_AT_MOST:
        word = "dubbed"
    else:
        word = "undecided"
    return Verdict(word, similarity, lag * 1000 * _HOP_SAMPLES / _RATE_HZ, levels_dbfs)


def compare_windows(
    original: AudioTrack, output: AudioTrack, *, shift_s: float = 0.0, window_s: float = WINDOW_S
) -> tuple[Window, ...]:
    """Judge window by window along the original; a rest under a second joins the last.

    `shift_s` is added to a time of the original to get that of the output.
    """
    length_s = original.end_s - original.start_s
    count = max(1, round((length_s - _SHORTEST_S) / window_s + 0.5))
    windows = []
    for number in range(count):
        start_s = original.start_s + number * window_s
        last = number == count - 1
        duration_s = original.end_s - start_s if last else window_s
        verdict = compare(
            original.cut(start_s, duration_s),
            output.cut(start_s + shift_s, duration_s),
            original.rate_hz,
            lag_s=LARGEST_WINDOW_LAG_S,
        )
        windows.append(Window(start_s, duration_s, verdict))
    return tuple(windows)


def _heard(ours: Spectrogram, theirs: Spectrogram) -> slice:
    """The frames from the first to the last that is not quiet, a margin, a second at least."""
    loudest = [picture.max(axis=1) for picture in (ours, theirs)]
    heard = np.any([levels > levels.max() - _HEARD_WITHIN_DB for levels in loudest], axis=0)
    first, last = np.flatnonzero(heard)[[0, -1]]
    least = round(_SHORTEST_S * _RATE_HZ / _HOP_SAMPLES)
    margin = max(round(_MARGIN_S * _RATE_HZ / _HOP_SAMPLES), (least - (last - first)) // 2 + 1)
    return slice(max(0, first - margin), min(len(ours), last + margin + 1))


def _best_lag(ours: Spectrogram, theirs: Spectrogram, lag_s: float) -> tuple[float, int]:
    frames = len(ours)
    least, most = (round(at_s * _RATE_HZ / _HOP_SAMPLES) for at_s in (LARGEST_LAG_S, lag_s))
    reach = min(max(least, min(most, frames // 4)), frames // 2)
    best, best_lag = -1.0, 0
    for lag in range(-reach, reach + 1):
        mine = ours[max(0, -lag) : frames - max(0, lag)]
        other = theirs[max(0, lag) : frames - max(0, -lag)]
        mine, other = mine - mine.mean(axis=0), other - other.mean(axis=0)
        power = float(np.sum(mine**2) * np.sum(other**2))
        score = float(np.sum(mine * other)) / np.sqrt(power + 1e-9)
        if score > best:
            best, best_lag = float(score), lag
    return best, best_lag


def _log_mel(samples: Samples, rate_hz: int) -> Spectrogram:
    """Band levels in dB, shape (frames, bands), 10 ms a frame, the lowest 50 dB flattened."""
    if rate_hz != _RATE_HZ:
        samples = np.asarray(soxr.resample(samples, rate_hz, _RATE_HZ, "HQ"), np.float32)
    if len(samples) < _FRAME_SAMPLES:
        return np.zeros((0, _BANDS))
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME_SAMPLES)[::_HOP_SAMPLES]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME_SAMPLES))) ** 2
    levels_db = 10 * np.log10(power @ _mel_filters().T + 1e-9)
    return np.asarray(np.maximum(levels_db, levels_db.max() - _DYNAMIC_RANGE_DB))


@cache
def _mel_filters() -> Spectrogram:
    """Triangular filters, shape (bands, frequencies)."""

    def mel(hertz: float) -> float:
        return 2595 * float(np.log10(1 + hertz / 700))

    edges_hz = 700 * (10 ** (np.linspace(mel(_LOWEST_HZ), mel(_HIGHEST_HZ), _BANDS + 2) / 2595) - 1)
    bins_hz = np.fft.rfftfreq(_FRAME_SAMPLES, 1 / _RATE_HZ)
    rising = (bins_hz - edges_hz[:-2, None]) / np.diff(edges_hz)[:-1, None]
    falling = (edges_hz[2:, None] - bins_hz) / np.diff(edges_hz)[1:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))
