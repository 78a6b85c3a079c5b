"""How far sound and picture are apart in what came out, segment by segment, signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soxr

from environment.measuring.correlation import Match, find, find_near
from environment.measuring.media import read_video_packets, timeline
from environment.measuring.picture_map import PictureMap, map_pictures
from environment.measuring.sound import AudioTrack, Samples, read_audio

RATE_HZ = 48_000

Status = Literal["found", "broken", "not_found", "silent", "no_picture"]

# How far a half of a segment may have slid against the whole.
_SLIDE_S = 0.4
# Halves that lie further from each other than this are no longer one piece.
_APART_S = 0.02
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

    `found`: all of its sound is there in one piece, and `skew_ms` is where it begins.
    `broken`: only halves of it are found, or they are apart; only they have figures.
    `not_found`: its sound is nowhere in the output; `silent`: it has no sound to look for;
    `no_picture`: none of its pictures came out. `confidence` is the correlation at the best
    place (1: the same waveform). `first_half_ms` and `second_half_ms` tell whether it slid on
    the way; None where a half is silent or cannot be found by itself. `ambiguous`: the sound is
    there several times over, the nearest counts. `anchored`: the segment's original was found
    in the source and says where it begins. `shown_s` is when the output shows its first picture,
    None when it shows none; `duration_s` how long its sound is.
    """

    number: int
    status: Status
    skew_ms: float | None
    confidence: float
    first_half_ms: float | None = None
    second_half_ms: float | None = None
    output_start_s: float | None = None
    ambiguous: bool = False
    anchored: bool = False
    shown_s: float | None = None
    duration_s: float = 0.0

    @property
    def measured_ms(self) -> tuple[float, ...]:
        """Every figure there is for this segment."""
        figures = (self.skew_ms, self.first_half_ms, self.second_half_ms)
        return tuple(figure for figure in figures if figure is not None)

    def __str__(self) -> str:
        figures = "/".join(f"{figure:+.1f} ms" for figure in self.measured_ms)
        words = figures if self.status == "found" else f"{self.status} {figures}".strip()
        return f"segment {self.number}: {words} (confidence {self.confidence:.2f})"


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
    def incomplete(self) -> tuple[SegmentSkew, ...]:
        """Segments that had sound which, or whose picture, is not whole in the output."""
        return tuple(s for s in self.segments if s.status not in {"found", "silent"})

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
    anchors = any(segment.original is not None for segment in segments)
    recordings = _Recordings(
        zero_s=source_zero(source) if zero_s is None else zero_s,
        said=read_audio(source, RATE_HZ) if anchors else None,
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
class _Half:
    """Where one half of a segment's sound is heard; None: nowhere, or without a picture."""

    audible: bool
    heard_s: float | None
    skew_ms: float | None


@dataclass(frozen=True)
class _Recordings:
    """Source and output, decoded once for all segments."""

    zero_s: float
    said: AudioTrack | None
    heard: AudioTrack
    pictures: PictureMap

    def measure(self, segment: SegmentAudio) -> SegmentSkew:
        needle = resample(segment.samples, segment.rate_hz)
        start_s, anchored = self._start(segment)
        end_s = start_s + segment.duration_s
        shown_s = self.pictures.output_time(start_s, end_s)
        match = self._search(needle, shown_s)
        if match is None:
            return SegmentSkew(
                segment.number,
                "silent",
                None,
                0.0,
                anchored=anchored,
                shown_s=shown_s,
                duration_s=segment.duration_s,
            )
        place_s = match.offset_s if match.found else None
        cut = len(needle) // 2
        half_s = cut / RATE_HZ
        first = self._measure_half(needle[:cut], start_s, end_s, place_s)
        second = self._measure_half(
            needle[cut:], start_s + half_s, end_s, None if place_s is None else place_s + half_s
        )
        status = _judge(match, first, second, half_s)
        if shown_s is None and status != "not_found":
            status = "no_picture"
        heard_s = self.heard.start_s + match.offset_s
        return SegmentSkew(
            segment.number,
            status,
            None if shown_s is None or status != "found" else 1000 * (heard_s - shown_s),
            match.score,
            first_half_ms=first.skew_ms,
            second_half_ms=second.skew_ms,
            output_start_s=heard_s if match.found else None,
            ambiguous=match.ambiguous,
            anchored=anchored,
            shown_s=shown_s,
            duration_s=segment.duration_s,
        )

    def _start(self, segment: SegmentAudio) -> tuple[float, bool]:
        """Where the segment begins in the source, and whether its original says so."""
        start_s = self.zero_s + segment.start_s
        if segment.original is None or self.said is None:
            return start_s, False
        original = resample(segment.original, segment.rate_hz)
        place_s = start_s - self.said.start_s
        begun = find(original, self.said.samples, RATE_HZ, expected_s=place_s)
        if begun is None or not begun.found:
            return start_s, False
        return self.said.start_s + begun.offset_s, True

    def _search(self, needle: Samples, shown_s: float | None) -> Match | None:
        expected_s = None if shown_s is None else shown_s - self.heard.start_s
        return find(needle, self.heard.samples, RATE_HZ, expected_s=expected_s)

    def _measure_half(
        self, half: Samples, start_s: float, end_s: float, place_s: float | None
    ) -> _Half:
        shown_s = self.pictures.output_time(start_s, end_s)
        if place_s is None:
            match = self._search(half, shown_s)
        else:
            match = find_near(half, self.heard.samples, RATE_HZ, place_s, _SLIDE_S)
        if match is None or not match.found:
            return _Half(audible=match is not None, heard_s=None, skew_ms=None)
        heard_s = self.heard.start_s + match.offset_s
        skew_ms = None if shown_s is None else 1000 * (heard_s - shown_s)
        return _Half(audible=True, heard_s=heard_s, skew_ms=skew_ms)


def _judge(whole: Match, first: _Half, second: _Half, half_s: float) -> Status:
    if not whole.found and first.heard_s is None and second.heard_s is None:
        return "not_found"
    lost = any(half.audible and half.heard_s is None for half in (first, second))
    apart = (
        first.heard_s is not None
        and second.heard_s is not None
        and abs(second.heard_s - first.heard_s - half_s) > _APART_S
    )
    return "found" if whole.found and not lost and not apart else "broken"


def resample(samples: Samples, rate_hz: int) -> Samples:
    """Return mono samples at the rate that all is measured at, 48 kHz."""
    if rate_hz == RATE_HZ:
        return samples
    return np.asarray(soxr.resample(samples, rate_hz, RATE_HZ, "HQ"), np.float32)
