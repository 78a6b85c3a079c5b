"""Which pictures of a source that was read are not in its output, and ought to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from environment.measuring.account import Part, read_in_one_go
from environment.measuring.media import VideoPacket, keyframe_interval_s
from environment.measuring.picture_map import map_pictures
from environment.measuring.takes import Take

_FRAME_S: Final = 0.1
"""The last picture of what was read may belong to what comes behind it."""
AT_A_BREAK_S: Final = 1.0
"""How near to a break of the output a picture may be lost with what was on its way."""


def lost_pictures(source: Take, output: Take, parts: Sequence[Part]) -> tuple[float, ...]:
    """Return the source times, in seconds, of the pictures of ``parts`` that are not shown.

    Not counted are those before the first keyframe behind a join, which nobody can decode, and
    those that were on their way when the output broke. Raises ``PictureUnmappable`` where the
    output's pictures are not the source's.
    """
    there = {packet.slice_hash for packet in output.pictures}
    absent = [packet.pts_s for packet in source.pictures if packet.slice_hash not in there]
    if not absent:
        return ()
    pictures = map_pictures(source.pictures, output.pictures)
    behind_s = pictures.output_s - pictures.source_s
    edges = [edge_s for a, b in pairwise(output.pieces) for edge_s in (a.end_s, b.start_s)]
    read = list(_read(source.pictures, parts))
    return tuple(
        at_s
        for at_s in absent
        if any(first_s <= at_s < end_s for first_s, end_s in read)
        and not any(
            abs(at_s + behind_s[int(np.argmin(np.abs(pictures.source_s - at_s)))] - edge_s)
            <= AT_A_BREAK_S
            for edge_s in edges
        )
    )


def _read(pictures: Sequence[VideoPacket], parts: Sequence[Part]) -> Iterator[tuple[float, float]]:
    """From when to when pictures must have come through, stretch by stretch."""
    head_s = keyframe_interval_s(pictures)
    for start_s, end_s in read_in_one_go(parts):
        yield start_s + head_s, end_s - _FRAME_S
