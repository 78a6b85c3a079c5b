"""Whether a joint between two pieces of sound is heard: as a click, a gap, or anything added."""

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
# Where next to nothing is wanted, the codec's noise is measured against this instead.
_FLOOR_DBFS: Final = -45.0


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


def examine_joints(heard: AudioTrack, pieces: Sequence[Piece]) -> tuple[Joint, ...]:
    """Examine the joints of pieces of the same rate that follow each other in one channel."""
    edges = [_foreign_at_edges(heard, piece) for piece in pieces]
    joints = []
    for (before, (_, ended_db)), (after, (begun_db, _)) in pairwise(
        zip(pieces, edges, strict=True)
    ):
        end_s = before.at_s + len(before.samples) / heard.rate_hz
        joints.append(
            Joint(
                at_s=after.at_s,
                gap_ms=1000 * (after.at_s - end_s),
                break_db=break_db(before.samples, after.samples, heard.rate_hz),
                foreign_db=max(ended_db, begun_db),
            )
        )
    return tuple(joints)


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


def _foreign_at_edges(heard: AudioTrack, piece: Piece) -> tuple[float, float]:
    """What is heard beside a piece in the worst window of its beginning, and of its end."""
    stretch = heard.cut(piece.at_s, len(piece.samples) / heard.rate_hz)
    gain, rest = take_off(piece.samples, stretch)
    if gain <= 0:
        # The piece is not there at all: everything is foreign.
        return np.inf, np.inf
    wanted = gain * piece.samples[: len(rest)].astype(np.float64)
    length = round(_WINDOW_S * heard.rate_hz)
    edge = length * min(round(_EDGE_S / _WINDOW_S), max(1, len(rest) // length))
    return (
        _worst(rest[:edge], wanted[:edge], length),
        _worst(rest[-edge:], wanted[-edge:], length),
    )


def _worst(rest: Signal, wanted: Signal, length: int) -> float:
    around = ndimage.maximum_filter1d(_levels_db(wanted, length), 2 * _REACH + 1)
    return float(np.max(_levels_db(rest, length) - np.maximum(around, _FLOOR_DBFS)))


def _levels_db(samples: Signal, length: int) -> Signal:
    return _decibels(np.mean(samples.reshape(-1, length) ** 2, axis=1))


def _decibel(power: float) -> float:
    return float(_decibels(np.asarray(power)))


def _decibels(powers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return 10 * np.log10(np.maximum(powers, 1e-14))
