"""How far sound and picture are apart in what came out, segment by segment, signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from environment.correlation import find, find_near
from environment.media import read_video_packets, timeline
from environment.picture_map import PictureMap, map_pictures
from environment.sound import AudioTrack, Samples, read_audio

RATE_HZ = 48_000

Status = Literal["found", "not_found", "silent", "no_picture"]

# How far a half of a segment may have slid against the whole.
_SLIDE_S = 0.4
# A publisher's clock starts at zero; what it sends first may be a little later.
_NEAR_ZERO_S = 1.0


@dataclass(frozen=True)
class SegmentAudio:
    """What should be heard during a segment: its dubbed audio, or its original.

    `samples` are mono float32 in -1..1. `start_s` counts from the source's time zero; it is
    where the segment is taken to begin only if `original`, its sound as the source has it at
    the same rate, is not given or is silent: else it is where that is found in the source.
    """

    number: int
    start_s: float
    samples: Samples
    rate_hz: int
    original: Samples | None = None

    @property
    def duration_s(self) -> float:
        """How long the segment is."""
        return len(self.samples) / self.rate_hz


@dataclass(frozen=True)
class SegmentSkew:
    """The skew of one segment; positive: the sound is late.

    Only with status `found` are there figures. `not_found`: its sound is nowhere in the
    output; `silent`: it has no sound to look for; `no_picture`: none of its pictures came out.
    `confidence` is the correlation at the best place (1: the same waveform). `first_half_ms`
    and `second_half_ms` tell whether it slid on the way; None where a half is silent or cannot
    be found by itself. `ambiguous`: the sound is there several times over, the nearest counts.
    """

    number: int
    status: Status
    skew_ms: float | None
    confidence: float
    first_half_ms: float | None = None
    second_half_ms: float | None = None
    output_start_s: float | None = None
    ambiguous: bool = False

    @property
    def measured_ms(self) -> tuple[float, ...]:
        """Every figure there is for this segment."""
        figures = (self.skew_ms, self.first_half_ms, self.second_half_ms)
        return tuple(figure for figure in figures if figure is not None)

    def __str__(self) -> str:
        if self.skew_ms is None:
            return f"segment {self.number}: {self.status} (confidence {self.confidence:.2f})"
        return f"segment {self.number}: {self.skew_ms:+.1f} ms (confidence {self.confidence:.2f})"


@dataclass(frozen=True)
class SyncReport:
    """The skew of each segment, in the order given, and the map it was read from."""

    segments: tuple[SegmentSkew, ...]
    pictures: PictureMap

    @property
    def worst_ms(self) -> float | None:
        """The signed figure that is furthest from zero; None when nothing was found."""
        figures = [figure for segment in self.segments for figure in segment.measured_ms]
        return max(figures, key=abs, default=None)

    @property
    def drift_ms(self) -> float | None:
        """The last segment's skew less the first one's; None with fewer than two figures."""
        figures = [segment.skew_ms for segment in self.segments if segment.skew_ms is not None]
        return figures[-1] - figures[0] if len(figures) > 1 else None

    @property
    def unmeasured(self) -> tuple[SegmentSkew, ...]:
        """Segments that had sound, of which it or its picture is not in the output."""
        return tuple(s for s in self.segments if s.status in {"not_found", "no_picture"})

    def __str__(self) -> str:
        return "; ".join(str(segment) for segment in self.segments)


def measure_skew(
    source: Path, output: Path, segments: Sequence[SegmentAudio], *, zero_s: float | None = None
) -> SyncReport:
    """Measure from the bytes of `source` and `output`, two recordings in any container.

    Output pictures are recognised by their slices, which tells where each segment's picture
    is; each segment's sound is searched in the whole decoded output. `zero_s` is the source's
    time zero among its timestamps, by default what `source_zero` says. Raises MediaUnreadable
    and, when the pictures are not the source's, PictureUnmappable.
    """
    recordings = _Recordings(
        zero_s=source_zero(source) if zero_s is None else zero_s,
        said=read_audio(source, RATE_HZ),
        heard=read_audio(output, RATE_HZ),
        pictures=map_pictures(read_video_packets(source), read_video_packets(output)),
    )
    return SyncReport(
        tuple(recordings.measure(segment) for segment in segments), recordings.pictures
    )


def source_zero(source: Path) -> float:
    """The timestamp a source's segments are counted from.

    That is zero, unless its first timestamp lies more than a second from there.
    """
    first_s = min(stream.first_s for stream in timeline(source))
    return 0.0 if 0.0 <= first_s <= _NEAR_ZERO_S else first_s


@dataclass(frozen=True)
class _Recordings:
    """Source and output, decoded once for all segments."""

    zero_s: float
    said: AudioTrack
    heard: AudioTrack
    pictures: PictureMap

    def measure(self, segment: SegmentAudio) -> SegmentSkew:
        needle = _resample(segment.samples, segment.rate_hz)
        start_s = self._start(segment)
        end_s = start_s + segment.duration_s
        shown_s = self.pictures.output_time(start_s, end_s)
        expected_s = None if shown_s is None else shown_s - self.heard.start_s
        match = find(needle, self.heard.samples, RATE_HZ, expected_s=expected_s)
        if match is None:
            return SegmentSkew(segment.number, "silent", None, 0.0)
        if not match.found:
            return SegmentSkew(segment.number, "not_found", None, match.score)
        heard_s = self.heard.start_s + match.offset_s
        if shown_s is None:
            return SegmentSkew(
                segment.number, "no_picture", None, match.score, output_start_s=heard_s
            )
        halves = np.array_split(needle, 2)
        half_s = len(halves[0]) / RATE_HZ
        return SegmentSkew(
            segment.number,
            "found",
            1000 * (heard_s - shown_s),
            match.score,
            first_half_ms=self._skew_of_part(halves[0], heard_s, (start_s, end_s)),
            second_half_ms=self._skew_of_part(
                halves[1], heard_s + half_s, (start_s + half_s, end_s)
            ),
            output_start_s=heard_s,
            ambiguous=match.ambiguous,
        )

    def _start(self, segment: SegmentAudio) -> float:
        start_s = self.zero_s + segment.start_s
        if segment.original is None:
            return start_s
        original = _resample(segment.original, segment.rate_hz)
        place_s = start_s - self.said.start_s
        begun = find(original, self.said.samples, RATE_HZ, expected_s=place_s)
        if begun is None or not begun.found:
            return start_s
        return self.said.start_s + begun.offset_s

    def _skew_of_part(
        self, part: Samples, heard_s: float, source_s: tuple[float, float]
    ) -> float | None:
        place_s = heard_s - self.heard.start_s
        match = find_near(part, self.heard.samples, RATE_HZ, place_s, _SLIDE_S)
        shown_s = self.pictures.output_time(*source_s)
        if match is None or not match.found or shown_s is None:
            return None
        return 1000 * (self.heard.start_s + match.offset_s - shown_s)


def _resample(samples: Samples, rate_hz: int) -> Samples:
    if rate_hz == RATE_HZ:
        return samples
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ, "HQ"), np.float32)
