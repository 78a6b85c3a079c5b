"""What was sent to be dubbed, and what came back: whose sound is it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from environment.measuring.account import NEAR_S, Part
from environment.measuring.correlation import FOUND_SCORE, SILENCE_DBFS, find_near
from environment.measuring.sound import Samples, level_dbfs
from environment.measuring.takes import RATE_HZ, Take

_NEXT_S: Final = 0.01
_SAME_FROM: Final = 0.9


@dataclass(frozen=True)
class Sending:
    """How far from its place in the source the sound of a segment was taken that was sent.

    ``off_ms`` is None where the source has no such sound near that place; ``score``: 1 for the
    same waveform.
    """

    number: int
    off_ms: float | None
    score: float

    def __str__(self) -> str:
        where = "not there" if self.off_ms is None else f"{self.off_ms:+.1f} ms"
        return f"segment {self.number}: {where} ({self.score:.2f})"


def find_sending(source: Take, part: Part) -> Sending | None:
    """Find what was sent of a part near its place in the source; None: nothing, or silence."""
    if part.sent is None:
        return None
    place_s = part.start_s - source.audio.start_s
    match = find_near(part.sent, source.audio.samples, RATE_HZ, place_s, NEAR_S)
    if match is None:
        return None
    off_ms = 1000 * (match.offset_s - place_s) if match.score >= FOUND_SCORE else None
    return Sending(part.number, off_ms, match.score)


def repeated_dubs(parts: Sequence[Part]) -> tuple[tuple[int, int], ...]:
    """Name the pairs of segments, one right behind the other, that have one and the same dub."""
    return tuple(
        (before.number, after.number)
        for before, after in pairwise(parts)
        if abs(after.start_s - before.start_s - before.duration_s) <= _NEXT_S
        and before.dub is not None
        and after.dub is not None
        and _same(before.dub, after.dub)
    )


def _same(one: Samples, other: Samples) -> bool:
    length = min(len(one), len(other))
    first, second = one[:length].astype(np.float64), other[:length].astype(np.float64)
    if min(level_dbfs(one[:length]), level_dbfs(other[:length])) < SILENCE_DBFS:
        return False
    power = float(np.sum(first**2) * np.sum(second**2))
    return bool(np.sum(first * second) >= _SAME_FROM * np.sqrt(power))
