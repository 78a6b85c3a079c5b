"""Which source picture each output picture is, and so which source time each output time."""

# ruff: noqa: N818 - errors are named for what happened, as in environment.errors

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from environment.errors import HarnessError
from environment.measuring.media import VideoPacket

_LEAST_SHARE = 0.5
# Enough pictures for a median that millisecond rounding does not move, few enough to be
# the segment's beginning.
_LOCAL_PICTURES = 9


class PictureUnmappable(HarnessError):
    """The output's pictures cannot be recognised as the source's."""


@dataclass(frozen=True)
class PictureMap:
    """Output times of source pictures. Both arrays rise, seconds, shape (matched,).

    `missing` counts source pictures that are not in the output at all, `missing_head` those
    of them before its first; `repeated` output pictures that were shown before or are shown
    again later, such as a held one, `repeated_late` those of them after the first picture that is
    in its place; `out_of_order` those that come too early or too late;
    `foreign` those that are not in the source, such as re-encoded ones.
    """

    source_s: npt.NDArray[np.float64]
    output_s: npt.NDArray[np.float64]
    missing: int
    missing_head: int
    repeated: int
    repeated_late: int
    out_of_order: int
    foreign: int

    @property
    def matched(self) -> int:
        """How many output pictures were recognised and are in their place."""
        return len(self.source_s)

    @property
    def untouched(self) -> bool:
        """Whether every output picture is one of the source's, and in order."""
        return self.foreign == 0 and self.out_of_order == 0

    @property
    def drift_ms(self) -> float:
        """By how much the output's clock lags at its end against its beginning."""
        offsets_s = self.output_s - self.source_s
        edge = _LOCAL_PICTURES
        return 1000 * float(np.median(offsets_s[-edge:]) - np.median(offsets_s[:edge]))

    @property
    def jitter_ms(self) -> float:
        """By how much the picture that is furthest from its time is, against their median."""
        offsets_s = self.output_s - self.source_s
        return 1000 * float(np.max(np.abs(offsets_s - np.median(offsets_s))))

    def output_time(self, source_s: float, until_s: float) -> float | None:
        """Where in the output the source time `source_s` is shown.

        Read off the first pictures from there on; None when no picture between `source_s` and
        `until_s` is in the output.
        """
        # A picture that began just before still is the first one of the stretch.
        first = int(np.searchsorted(self.source_s, source_s - 0.002))
        end = int(np.searchsorted(self.source_s, until_s))
        offsets_s = (self.output_s - self.source_s)[first : min(end, first + _LOCAL_PICTURES)]
        return None if len(offsets_s) == 0 else source_s + float(np.median(offsets_s))


def map_pictures(source: Sequence[VideoPacket], output: Sequence[VideoPacket]) -> PictureMap:
    """Match output packets to source packets by the hash of their slices.

    Pictures that look alike in the source are not used. Of an output picture that is shown
    several times the one that fits the order counts, the last of them when more than one
    does. Raises PictureUnmappable when less than half the output is recognised.
    """
    seen = Counter(packet.slice_hash for packet in source)
    place = {p.slice_hash: i for i, p in enumerate(source) if seen[p.slice_hash] == 1}
    candidates = [(at, place[p.slice_hash]) for at, p in enumerate(output) if p.slice_hash in place]
    chain = _longest_rise(candidates)
    if len(chain) < _LEAST_SHARE * max(1, len({packet.slice_hash for packet in output})):
        alike = sum(count for count in seen.values() if count > 1)
        raise PictureUnmappable(
            f"Of {len(output)} output pictures only {len(chain)} are recognised among the "
            f"{len(source)} of the source ({alike} of which look alike).",
            remedy="look whether the video was encoded again, or belongs to another clip",
        )
    kept = {output[at].slice_hash for at, _ in chain}
    positions = {at for at, _ in chain}
    loose = [
        (at, packet.slice_hash in kept)
        for at, packet in enumerate(output)
        if at not in positions and packet.slice_hash in place
    ]
    repeated = [at for at, known in loose if known]
    there = {packet.slice_hash for packet in output}
    absent = [i for i, packet in enumerate(source) if packet.slice_hash not in there]
    pairs = sorted((source[there].pts_s, output[at].pts_s) for at, there in chain)
    return PictureMap(
        source_s=np.array([source_s for source_s, _ in pairs]),
        output_s=np.array([output_s for _, output_s in pairs]),
        missing=len(absent),
        missing_head=sum(index < chain[0][1] for index in absent),
        repeated=len(repeated),
        repeated_late=sum(at > chain[0][0] for at in repeated),
        out_of_order=len(loose) - len(repeated),
        foreign=sum(packet.slice_hash not in seen for packet in output),
    )


def _longest_rise(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence whose second members rise strictly, the latest of equals."""
    tails: list[int] = []
    tail_at: list[int] = []
    before: list[int | None] = []
    for index, (_, value) in enumerate(pairs):
        length = bisect_left(tails, value)
        before.append(tail_at[length - 1] if length else None)
        tails[length : length + 1] = [value]
        tail_at[length : length + 1] = [index]
    chain: list[tuple[int, int]] = []
    at = tail_at[-1] if tail_at else None
    while at is not None:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]
