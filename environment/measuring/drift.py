"""Whether sound or picture run away, slowly: milliseconds for each minute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import stats

if TYPE_CHECKING:
    from environment.measuring.sync import SyncReport

_MS_PER_MINUTE = 60_000.0


@dataclass(frozen=True)
class Drift:
    """How fast the output runs away; positive: it gets later and later.

    `sound_ms_per_minute` is the sound against the picture, over the skews of the segments, and
    None with fewer than two; `picture_ms_per_minute` the picture's clock against the source's.
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
    points = [
        (segment.output_start_s, segment.skew_ms / 1000)
        for segment in report.segments
        if segment.skew_ms is not None and segment.output_start_s is not None
    ]
    sound = None
    if len(points) > 1:
        sound = rate_ms_per_minute([at_s for at_s, _ in points], [late for _, late in points])
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
