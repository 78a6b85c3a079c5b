"""How evenly an output shows its source's pictures, where neither of the two broke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from environment.measuring.account import Part, read_in_one_go
from environment.measuring.picture_map import PictureMap, map_pictures
from environment.measuring.takes import Take

_ROUNDING_S: Final = 0.002


@dataclass(frozen=True)
class Stretch:
    """What was read and sent in one go: when it began in the source, and what it shows.

    ``jitter_ms`` is by how much the picture that is furthest from its time is, against the median
    of the stretch; ``furthest_s`` is when that picture is in the source.
    """

    start_s: float
    pictures: int
    jitter_ms: float
    furthest_s: float

    def __str__(self) -> str:
        return (
            f"from {self.start_s:.2f} s on: {self.pictures} pictures, up to "
            f"{self.jitter_ms:.1f} ms from their time, at {self.furthest_s:.2f} s"
        )


def stretches(source: Take, output: Take, parts: Sequence[Part]) -> tuple[Stretch, ...]:
    """Measure each stretch of ``parts`` that were read one behind the other into one output.

    Raises ``PictureUnmappable`` where the output's pictures are not the source's.
    """
    pictures = map_pictures(source.pictures, output.pictures)
    return tuple(
        stretch
        for start_s, end_s in read_in_one_go(parts)
        for piece in output.pieces
        if (stretch := _measured(pictures, (start_s, end_s), (piece.start_s, piece.end_s)))
    )


def _measured(
    pictures: PictureMap, read: tuple[float, float], sent: tuple[float, float]
) -> Stretch | None:
    within = (
        (pictures.source_s >= read[0] - _ROUNDING_S)
        & (pictures.source_s < read[1] - _ROUNDING_S)
        & (pictures.output_s >= sent[0] - _ROUNDING_S)
        & (pictures.output_s <= sent[1] + _ROUNDING_S)
    )
    if not within.any():
        return None
    source_s = pictures.source_s[within]
    behind_s = pictures.output_s[within] - source_s
    off_s = np.abs(behind_s - np.median(behind_s))
    at = int(np.argmax(off_s))
    return Stretch(read[0], len(off_s), 1000 * float(off_s[at]), float(source_s[at]))
