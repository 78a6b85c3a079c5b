"""Whether pieces of sound are heard as they are: no click, gap or else, at joints or between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import linalg, ndimage, signal

from environment.measuring.likeness import Signal, take_off
from environment.measuring.sound import AudioTrack, Samples

# Of 1600 places in two voices that can be heard none stands out by more than 0.6 dB; speech that
# breaks off in a vowel does by 5 to 18 dB, a tone at its crest by 47.
BREAK_AT_MOST_DB: Final = 4.0
# AAC leaves -24 dB in its worst 5 ms; a millisecond of zeros, a cut wave or a beat -12 dB and more.
FOREIGN_AT_MOST_DB: Final = -15.0
# In a piece's course speech is loud. Of 129 dubs of two engines, as they were, at half and at full
# level, AAC leaves -17 dB in the worst 5 ms, and of what is sharp -2 dB (+1 once, at more bits). A
# step of 0.2 of full scale brings -5 dB, 20 ms that are heard twice mostly -4; of what is sharp, a
# click of one sample at 0.3 brings +8 dB and more, in the loudest word as in a pause.
FOREIGN_WITHIN_AT_MOST_DB: Final = -12.0
SHARP_AT_MOST_DB: Final = 4.0
# Below a sample or two: the places of both pieces are exact, where one clock places them.
GAP_WITHIN_MS: Final = 0.1

_NEAR_S: Final = 0.001
_APART_S: Final = 0.004
_AROUND_S: Final = 0.2
_SHARP_S: Final = 0.0005
_ORDER: Final = 32
# What is sharp below this (the prediction error's level) nobody hears.
_UNHEARD_DBFS: Final = -75.0

_EDGE_S: Final = 0.05
_WINDOW_S: Final = 0.005
# How many windows to either side count as what is wanted around one: AAC spreads its noise.
_REACH: Final = 5
# In a piece's course: the whole of an AAC frame.
_REACH_WITHIN: Final = 9
# Where next to nothing is wanted, the codec's noise is measured against this instead.
_FLOOR_DBFS: Final = -45.0
# Speech has next to nothing up here, and neither has what AAC adds to it; a click has half of it.
_SHARP_FROM_HZ: Final = 12_000
_SHARP_FLOOR_DBFS: Final = -60.0
# So much below what is wanted the codec's noise is up here as well, however loud that is.
_MASKED_DB: Final = 45.0


@dataclass(frozen=True)
class Piece:
    """A sound that should be heard from `at_s` on; that is where it was found."""

    at_s: float
    samples: Samples


@dataclass(frozen=True)
class Joint:
    """Where one piece ends and the next begins, at `at_s`.

    `gap_ms` lies between them, negative where they overlap. `break_db`: by how much the sharpest
    moment where the two meet stands out against the sharpest one around it; None where none can
    be heard. `foreign_db`: what is heard at the joint beside the two pieces in the worst 5 ms,
    against what is wanted around there.
    """

    at_s: float
    gap_ms: float
    break_db: float | None
    foreign_db: float

    @property
    def clean(self) -> bool:
        """Whether nobody can hear that something was joined here."""
        broken_off = self.break_db is not None and self.break_db > BREAK_AT_MOST_DB
        return (
            abs(self.gap_ms) <= GAP_WITHIN_MS
            and not broken_off
            and self.foreign_db <= FOREIGN_AT_MOST_DB
        )

    def __str__(self) -> str:
        sharp = "nothing" if self.break_db is None else f"{self.break_db:+.1f} dB"
        return (
            f"joint at {self.at_s:.3f} s: gap {self.gap_ms:+.2f} ms, "
            f"break {sharp}, foreign {self.foreign_db:+.0f} dB"
        )


@dataclass(frozen=True)
class Course:
    """What is heard beside one piece in its course, each in the worst 5 ms, and where that is.

    `foreign_db` is its level against what is wanted around there; `sharp_db` likewise, of what lies
    above 12 kHz. The times are on the clock on which the piece has its place.
    """

    foreign_db: float
    foreign_at_s: float
    sharp_db: float
    sharp_at_s: float

    @property
    def clean(self) -> bool:
        """Whether the piece is heard from end to end without a click, a hole or an addition."""
        return self.foreign_db <= FOREIGN_WITHIN_AT_MOST_DB and self.sharp_db <= SHARP_AT_MOST_DB

    def __str__(self) -> str:
        return (
            f"foreign {self.foreign_db:+.0f} dB at {self.foreign_at_s:.3f} s, "
            f"sharp {self.sharp_db:+.0f} dB at {self.sharp_at_s:.3f} s"
        )


@dataclass(frozen=True)
class _Taken:
    """A piece as it is wanted at the level at which it is heard, and what is heard beside it.

    None: the piece is not there at all, and everything is foreign.
    """

    piece: Piece
    parts: tuple[Signal, Signal] | None


def examine(
    heard: AudioTrack, pieces: Sequence[Piece]
) -> tuple[tuple[Joint, ...], tuple[Course, ...]]:
    """Examine pieces of the same rate that follow each other in one channel: joints and courses."""
    taken = [_take(heard, piece) for piece in pieces]
    rate_hz = heard.rate_hz
    joints = tuple(_joint(before, after, rate_hz) for before, after in pairwise(taken))
    return joints, tuple(_course(one, rate_hz) for one in taken)


def _joint(before: _Taken, after: _Taken, rate_hz: int) -> Joint:
    ended, begun = before.piece, after.piece
    return Joint(
        at_s=begun.at_s,
        gap_ms=1000 * (begun.at_s - ended.at_s - len(ended.samples) / rate_hz),
        break_db=break_db(ended.samples, begun.samples, rate_hz),
        foreign_db=max(_foreign_at_edges(before, rate_hz)[1], _foreign_at_edges(after, rate_hz)[0]),
    )


def break_db(before: Samples, after: Samples, rate_hz: int) -> float | None:
    """By how much it stands out where `after` follows `before`, such as a wave that breaks off.

    Sharp is what a linear prediction from the sound's own surroundings does not foresee. None
    where nothing there can be heard.
    """
    length, near, apart, around = (
        round(s * rate_hz) for s in (_SHARP_S, _NEAR_S, _APART_S, _AROUND_S)
    )
    pad = np.zeros(around, np.float32)
    left, right = np.concatenate([pad, before])[-around:], np.concatenate([after, pad])[:around]
    joined = np.concatenate([left, right]).astype(np.float64)
    sharpness = ndimage.uniform_filter1d(_unforeseen(joined) ** 2, length)
    here = _decibel(sharpness[around - near : around + near].max())
    if here < _UNHEARD_DBFS:
        return None
    # The first samples have nothing before them to be foreseen from.
    elsewhere = max(
        sharpness[_ORDER + length : around - apart].max(), sharpness[around + apart :].max()
    )
    return here - max(_UNHEARD_DBFS, _decibel(elsewhere))


def _unforeseen(samples: Signal) -> Signal:
    """What is left of a sound when each sample is predicted from the 32 before it."""
    faded = samples * np.hanning(len(samples))
    lags = signal.correlate(faded, faded, method="fft")[len(faded) - 1 :][: _ORDER + 1]
    lags[0] = 1.0001 * lags[0] + 1e-9
    weights = linalg.solve_toeplitz(lags[:-1], lags[1:])
    return np.asarray(signal.lfilter(np.concatenate([[1.0], -weights]), [1.0], samples))


def _take(heard: AudioTrack, piece: Piece) -> _Taken:
    gain, rest = take_off(piece.samples, heard.cut(piece.at_s, len(piece.samples) / heard.rate_hz))
    if gain <= 0:
        return _Taken(piece, None)
    return _Taken(piece, (rest, gain * piece.samples[: len(rest)].astype(np.float64)))


def _foreign_at_edges(taken: _Taken, rate_hz: int) -> tuple[float, float]:
    """What is heard beside a piece in the worst window of its beginning, and of its end."""
    if taken.parts is None:
        return np.inf, np.inf
    rest, wanted = taken.parts
    length = round(_WINDOW_S * rate_hz)
    edge = length * min(round(_EDGE_S / _WINDOW_S), max(1, len(rest) // length))
    return (
        _worst(rest[:edge], wanted[:edge], length),
        _worst(rest[-edge:], wanted[-edge:], length),
    )


def _course(taken: _Taken, rate_hz: int) -> Course:
    at_s = taken.piece.at_s
    if taken.parts is None:
        return Course(np.inf, at_s, np.inf, at_s)
    length = round(_WINDOW_S * rate_hz)
    # Zeros make the last window whole.
    parts = [np.pad(part, (0, -len(part) % length)) for part in taken.parts]
    steep = signal.butter(8, _SHARP_FROM_HZ, "high", fs=rate_hz, output="sos")
    sharp = [signal.sosfilt(steep, part) for part in parts]
    loud = _around(parts[1], length, _REACH_WITHIN)
    unheard = np.maximum(loud - _MASKED_DB, _SHARP_FLOOR_DBFS)
    sharp_wanted = np.maximum(_around(sharp[1], length, _REACH_WITHIN), unheard)
    foreign_db = _levels_db(parts[0], length) - np.maximum(loud, _FLOOR_DBFS)
    sharp_db = _levels_db(sharp[0], length) - sharp_wanted
    worst, sharpest = int(np.argmax(foreign_db)), int(np.argmax(sharp_db))
    return Course(
        foreign_db=float(foreign_db[worst]),
        foreign_at_s=at_s + worst * _WINDOW_S,
        sharp_db=float(sharp_db[sharpest]),
        sharp_at_s=at_s + sharpest * _WINDOW_S,
    )


def _worst(rest: Signal, wanted: Signal, length: int) -> float:
    around = np.maximum(_around(wanted, length, _REACH), _FLOOR_DBFS)
    return float(np.max(_levels_db(rest, length) - around))


def _around(wanted: Signal, length: int, reach: int) -> Signal:
    """The highest level of what is wanted in each window and in that many to either side."""
    return np.asarray(ndimage.maximum_filter1d(_levels_db(wanted, length), 2 * reach + 1))


def _levels_db(samples: Signal, length: int) -> Signal:
    return _decibels(np.mean(samples.reshape(-1, length) ** 2, axis=1))


def _decibel(power: float) -> float:
    return float(_decibels(np.asarray(power)))


def _decibels(powers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 10 * np.log10(np.maximum(powers, 1e-14))
