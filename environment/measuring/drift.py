"""Whether sound or picture run away, slowly: milliseconds for each minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats

if TYPE_CHECKING:
    from environment.measuring.sync import SegmentSkew, SyncReport

_MS_PER_MINUTE = 60_000.0


@dataclass(frozen=True)
class Drift:
    """How fast the output runs away; positive: it gets later and later.

    `sound_ms_per_minute` is the sound against the picture, over the skews of the segments' halves,
    and None where none is found; `picture_ms_per_minute` the picture's clock against the source's.
    """

    sound_ms_per_minute: float | None
    picture_ms_per_minute: float

    def __str__(self) -> str:
        sound = self.sound_ms_per_minute
        heard = "unknown" if sound is None else f"{sound:+.1f} ms"
        return (
            f"sound against picture {heard} a minute, "
            f"picture against source {self.picture_ms_per_minute:+.1f} ms a minute"
        )


def drift_of(report: SyncReport) -> Drift:
    """Read both drifts off a measured skew."""
    points = [point for segment in report.segments for point in _points(segment)]
    sound = rate_ms_per_minute(*zip(*points, strict=True)) if len(points) > 1 else None
    pictures = report.pictures
    return Drift(
        sound, rate_ms_per_minute(pictures.source_s, pictures.output_s - pictures.source_s)
    )


def rate_ms_per_minute(
    times_s: Sequence[float] | npt.NDArray[np.float64],
    late_s: Sequence[float] | npt.NDArray[np.float64],
) -> float:
    """By how much the lateness grows in a minute: the median of the slopes of all pairs.

    Single wild points do not move it. ValueError with fewer than two points, or all at one time.
    """
    if len(times_s) < 2 or np.ptp(times_s) == 0:
        raise ValueError("a drift needs two moments at least")
    return _MS_PER_MINUTE * float(stats.theilslopes(late_s, times_s).slope)


def _points(segment: SegmentSkew) -> list[tuple[float, float]]:
    """When the sound of a segment's halves, or else all of it, is how late, in seconds.

    Sound that is played too slowly may be found in halves where it is not found whole.
    """
    if segment.shown_s is None:
        return []
    half_s = segment.duration_s / 2
    halves = [(0.0, segment.first_half_ms), (half_s, segment.second_half_ms)]
    found = [(after_s, late_ms) for after_s, late_ms in halves if late_ms is not None]
    if not found and segment.skew_ms is not None:
        found = [(0.0, segment.skew_ms)]
    return [(segment.shown_s + after_s, late_ms / 1000) for after_s, late_ms in found]
