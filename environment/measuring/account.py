"""What became of each segment of a source in an output: dubbed, its own sound, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

import numpy as np

from environment.measuring.correlation import SILENCE_DBFS, Match, find_near
from environment.measuring.fingerprint import Verdict, compare
from environment.measuring.likeness import Likeness, liken
from environment.measuring.picture_map import PictureMap, map_pictures
from environment.measuring.sound import Samples, level_dbfs
from environment.measuring.takes import RATE_HZ, Take

Heard = Literal["dubbed", "original", "silent", "other", "absent"]

NEAR_S: Final = 0.4
"""A sound that is further than this from its picture is not the segment's any more."""
# What lies beside a segment may be something else, and its place is known to a frame of AAC.
_EDGE_S: Final = 0.1
_SHORTEST_S: Final = 0.5
# Segments that are further apart than a frame were not read one behind the other.
_APART_S: Final = 0.1
# The head that a late join cannot have: a keyframe interval.
_MISSED_HEAD_S: Final = 1.1


@dataclass(frozen=True)
class Part:
    """A segment of the source: where it lies there, its dub, and what was sent of it, if any.

    Sound is mono at 48 kHz.
    """

    number: int
    start_s: float
    duration_s: float
    dub: Samples | None = field(default=None, repr=False)
    sent: Samples | None = field(default=None, repr=False)


def read_in_one_go(parts: Sequence[Part]) -> Iterator[tuple[float, float]]:
    """From when to when, in the source, segments lie that were read one behind the other."""
    start_s, end_s = 0.0, 0.0
    for index, part in enumerate(parts):
        if index == 0:
            start_s = part.start_s
        elif abs(part.start_s - end_s) > _APART_S:
            yield start_s, end_s
            start_s = part.start_s
        end_s = part.start_s + part.duration_s
    if parts:
        yield start_s, end_s


@dataclass(frozen=True)
class Fate:
    """What the output has in a segment's place.

    ``heard``: ``dubbed`` and ``original`` are waveforms that were found there, whole and with
    nothing beside them, ``silent`` is a place without sound in source and output, ``other`` sound
    that is neither, ``absent`` neither picture nor sound of it. ``at_s`` is when its first picture
    is shown; ``skew_ms`` how late the sound is against the picture; ``score`` how surely it was
    found (1: the same waveform). ``likeness`` says what is lacking or was added; it is None where
    the output breaks within the segment. Where nobody saw the dub, ``dubbed`` has no skew: it is
    only another sound than the original.
    """

    number: int
    heard: Heard
    at_s: float | None = None
    skew_ms: float | None = None
    score: float = 0.0
    against_source: Verdict | None = None
    likeness: Likeness | None = None

    def __str__(self) -> str:
        skew = "" if self.skew_ms is None else f" {self.skew_ms:+.1f} ms"
        likeness = "" if self.likeness is None else f": {self.likeness}"
        return f"segment {self.number} {self.heard}{skew} ({self.score:.2f}){likeness}"


def tell_fates(source: Take, output: Take, parts: Sequence[Part]) -> tuple[Fate, ...]:
    """Look each part up in the output: by its pictures where, by its sound what is heard there.

    Raises ``PictureUnmappable`` where the output's pictures are not the source's.
    """
    pictures = map_pictures(source.pictures, output.pictures)
    return tuple(_fate(source, output, pictures, part) for part in parts)


def _fate(source: Take, output: Take, pictures: PictureMap, part: Part) -> Fate:
    shown_s = pictures.output_time(part.start_s, part.start_s + part.duration_s)
    pictured = shown_s is not None
    if shown_s is None:
        # A join that missed the first keyframe shows a held picture: the sound may be there.
        shown_s = part.start_s + _nearest_offset_s(pictures, part.start_s)
    original = source.audio.cut(part.start_s, part.duration_s)
    there = output.audio.cut(shown_s, part.duration_s)
    verdict = compare(original, there, RATE_HZ)
    found = _match(original, output, shown_s)
    dub = None if part.dub is None else _match(part.dub, output, shown_s)
    best: Match | None = max(
        (match for match in (found, dub) if match is not None), key=_score, default=None
    )
    if best is None or not best.found:
        return Fate(part.number, _unfound(part, there, verdict, best, pictured), shown_s)
    at_s = output.audio.start_s + best.offset_s
    wanted = original if best is found else part.dub
    likeness = None if wanted is None else _likeness(wanted, output, at_s)
    heard: Heard = "original" if best is found else "dubbed"
    return Fate(
        part.number,
        heard if likeness is None or likeness.pure else "other",
        shown_s,
        1000 * (at_s - shown_s),
        best.score,
        verdict,
        likeness,
    )


def _likeness(wanted: Samples, output: Take, at_s: float) -> Likeness | None:
    """Hold all of a sound but its edges against the output, from ``at_s`` there."""
    end_s = at_s + len(wanted) / RATE_HZ
    if any(
        before.end_s - _EDGE_S < end_s and at_s < after.start_s + _EDGE_S
        for before, after in pairwise(output.pieces)
    ):
        return None
    missed_s = min(max(0.0, output.audio.start_s - at_s), _MISSED_HEAD_S)
    inner = wanted[round((missed_s + _EDGE_S) * RATE_HZ) : len(wanted) - round(_EDGE_S * RATE_HZ)]
    if len(inner) < _SHORTEST_S * RATE_HZ or level_dbfs(inner) < SILENCE_DBFS:
        return None
    there = output.audio.cut(at_s + missed_s + _EDGE_S, len(inner) / RATE_HZ)
    return liken(inner, there, RATE_HZ)


def _unfound(
    part: Part, there: Samples, verdict: Verdict, best: Match | None, pictured: bool
) -> Heard:
    if not pictured:
        return "absent"
    if best is None and _is_silent(there):
        return "silent"
    return "dubbed" if part.dub is None and verdict.verdict == "dubbed" else "other"


def _nearest_offset_s(pictures: PictureMap, source_s: float) -> float:
    """By how much the output is behind the source, at the picture nearest to that time."""
    nearest = int(np.argmin(np.abs(pictures.source_s - source_s)))
    return float(pictures.output_s[nearest] - pictures.source_s[nearest])


def _match(sound: Samples, output: Take, shown_s: float) -> Match | None:
    place_s = shown_s - output.audio.start_s
    return find_near(sound, output.audio.samples, RATE_HZ, place_s, NEAR_S)


def _score(match: Match | None) -> float:
    return 0.0 if match is None else match.score


def _is_silent(samples: Samples) -> bool:
    return float(np.max(np.abs(samples), initial=0.0)) < 1e-3
