"""Where a picture stands still or is black, for how long, and how it differs from another's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from environment.measuring.viewing import Luma, Viewing

# Encoding the same picture again moves a part of it by a level or two.
STILL_AT_MOST = 4
# A tenth of white: noise and the encoder lift some of what was black.
BLACK_AT_MOST = 25
_BLACK_SHARE = 0.98


@dataclass(frozen=True)
class Stretch:
    """From when to when, in seconds of the file's own timestamps."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s

    def __str__(self) -> str:
        return f"{self.duration_s:.2f} s at {self.start_s:.2f} s"


def still_stretches(seen: Viewing) -> tuple[Stretch, ...]:
    """Where the picture does not change, each from one change to the next, or to the end.

    Whether it is sent again or just nothing comes makes no difference to who watches: a moving
    picture's stretches are its frames.
    """
    changes = difference(seen.luma[1:], seen.luma[:-1])
    starts = seen.times_s[np.concatenate([[True], changes > STILL_AT_MOST])]
    ends = [*starts[1:], seen.end_s]
    return tuple(Stretch(float(a), float(b)) for a, b in zip(starts, ends, strict=True))


def black_stretches(seen: Viewing) -> tuple[Stretch, ...]:
    """Where nearly all of the picture is black."""
    black = np.mean(seen.luma <= BLACK_AT_MOST, axis=(1, 2)) >= _BLACK_SHARE
    ends = np.append(seen.times_s[1:], seen.end_s)
    return tuple(
        Stretch(float(seen.times_s[first]), float(ends[last])) for first, last in _runs(black)
    )


def beyond(stretch: Stretch, allowed: tuple[Stretch, ...]) -> float:
    """How many seconds of a stretch lie in none of those that are allowed, which are apart."""
    shared_s = sum(
        max(0.0, min(stretch.end_s, other.end_s) - max(stretch.start_s, other.start_s))
        for other in allowed
    )
    return stretch.duration_s - shared_s


def difference(one: Luma, other: Luma) -> npt.NDArray[np.int16]:
    """By how many levels the part that differs most does, for each pair of pictures."""
    apart = np.abs(one.astype(np.int16) - other.astype(np.int16))
    return np.asarray(apart.max(axis=(1, 2), initial=0))


def _runs(flags: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """First and last index of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    yield from zip(edges[::2], edges[1::2] - 1, strict=True)
