"""Whether a certain sound is heard and nothing else: what is left when it is taken off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from environment.measuring.correlation import SILENCE_DBFS
from environment.measuring.sound import Samples, level_dbfs

# AAC at 96 kbit/s leaves -33 dB in its worst quarter of a second. Half of the words silenced, the
# original mixed under or heard where the sound has a pause leave -6 dB and more.
FOREIGN_AT_MOST_DB: Final = -20.0
# Another gain is no fault by itself; a sound that can hardly be heard is one.
GAIN_WITHIN_DB: Final = 6.0
WINDOW_S: Final = 0.25

_NOTHING_DB: Final = -120.0

Signal = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Likeness:
    """How a piece of sound is heard.

    `gain_db`: by how much it became louder. `foreign_db`: the level of what else is heard, or of
    what is lacking, in the worst quarter of a second, against the sound's own level as heard;
    `foreign_at_s` is where that begins, from the sound's first sample.
    """

    gain_db: float
    foreign_db: float
    foreign_at_s: float

    @property
    def pure(self) -> bool:
        """Whether the sound is heard, at its level, with nothing lacking and nothing added."""
        return abs(self.gain_db) <= GAIN_WITHIN_DB and self.foreign_db <= FOREIGN_AT_MOST_DB

    def __str__(self) -> str:
        return (
            f"gain {self.gain_db:+.1f} dB, foreign {self.foreign_db:+.0f} dB "
            f"at {self.foreign_at_s:.2f} s"
        )


def liken(wanted: Samples, heard: Samples, rate_hz: int) -> Likeness:
    """Take `wanted` off `heard`, of the same rate and aligned to a sample, and look at the rest.

    The gain is that of least squares; a delay of less than a sample is undone before. ValueError
    when `wanted` is silent, as nothing can be like it.
    """
    if level_dbfs(wanted) < SILENCE_DBFS:
        raise ValueError("a likeness to silence says nothing")
    gain, rest = take_off(wanted, heard)
    if gain <= 0:
        return Likeness(_NOTHING_DB, -_NOTHING_DB, 0.0)
    length = round(WINDOW_S * rate_hz)
    levels = [float(np.mean(rest[at : at + length] ** 2)) for at in range(0, len(rest), length)]
    worst = int(np.argmax(levels))
    own = gain**2 * float(np.mean(wanted[: len(rest)].astype(np.float64) ** 2))
    return Likeness(20 * float(np.log10(gain)), _decibel(levels[worst] / own), worst * WINDOW_S)


def take_off(wanted: Samples, heard: Samples) -> tuple[float, Signal]:
    """Return the gain at which `wanted` is in `heard`, and what is left without it.

    As `liken` does, over the length of the shorter one; nothing is in what is silent.
    """
    count = min(len(wanted), len(heard))
    ours = wanted[:count].astype(np.float64)
    theirs = heard[:count].astype(np.float64)
    theirs = _advance(theirs, _late_by(ours, theirs))
    power = float(ours @ ours)
    gain = float(ours @ theirs) / power if power > 0 else 0.0
    return gain, theirs - gain * ours


def _late_by(ours: Signal, theirs: Signal) -> float:
    """By how much of a sample the other is late, -1 to 1: the vertex of their correlation."""
    middle = ours[1:-1]
    before, at, after = (
        float(middle @ theirs[1 + lag : len(theirs) - 1 + lag]) for lag in (-1, 0, 1)
    )
    bend = before - 2 * at + after
    return 0.0 if bend >= 0 else float(np.clip((before - after) / bend / 2, -1, 1))


def _advance(samples: Signal, by_samples: float) -> Signal:
    turns = np.fft.rfftfreq(len(samples)) * by_samples
    moved = np.fft.irfft(np.fft.rfft(samples) * np.exp(2j * np.pi * turns), len(samples))
    return np.asarray(moved)


def _decibel(ratio: float) -> float:
    return _NOTHING_DB if ratio <= 0 else max(_NOTHING_DB, 10 * float(np.log10(ratio)))
