"""Proofs about how the output of a recorded run is to watch: steady, moving, seamless, audible.

Each measures the bytes that the media server recorded, returns its figure, and raises
``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from environment.expectations import expect
from environment.measuring.clicks import Course, Joint, Piece, examine
from environment.measuring.drift import Drift, drift_of
from environment.measuring.loudness import SILENT_LUFS, integrated_lufs
from environment.measuring.media import keyframe_interval_s, read_video_packets
from environment.measuring.picture_map import PictureMap, map_pictures
from environment.measuring.sound import AudioTrack, read_channels
from environment.measuring.stillness import (
    Stretch,
    beyond,
    black_stretches,
    difference,
    still_stretches,
)
from environment.measuring.viewing import Viewing, view
from environment.proofs import examination
from environment.proofs.output_proofs import measurable

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun

MOST_DRIFT_MS_PER_MINUTE: Final = 5.0
"""A clock that is wrong by 0.1 % drifts by 60."""
LONGEST_FROZEN_S: Final = 0.2
"""A few frames late are not noticed; a fifth of a second is."""
MOST_DIFFERENCE: Final = 4
"""Levels of 255, in the part of the picture that differs most: packets that are only copied decode
to the same picture."""
LOUDNESS_WITHIN_LU: Final = 3.0
"""Of the original's loudness: more makes a listener reach for the volume."""
AUDIBLE_LUFS: Final = -35.0
"""EBU R128 wants -23; what is 12 LU below is lost at the volume of a living room."""

_RATE_HZ: Final = 48_000
_ROUNDING_S: Final = 0.002


@dataclass(frozen=True)
class PictureQuality:
    """How the output's picture moves, against the source's own.

    ``held_head_s``: for how long the first picture stands in for a head that the join missed.
    ``longest_frozen`` and ``longest_black`` (None: never) are the longest stretches after it where
    the picture stands still or is black though the source's is not, on the output's clock;
    ``worst_difference`` is by how many levels of 255 a picture differs from the source's, in the
    part that differs most. ``faults`` is what the decoder complained about.
    """

    held_head_s: float
    longest_frozen: Stretch | None
    longest_black: Stretch | None
    worst_difference: int
    faults: str

    def __str__(self) -> str:
        return (
            f"held for {self.held_head_s:.2f} s, then frozen for {self.longest_frozen or 'never'}, "
            f"black for {self.longest_black or 'never'}, "
            f"{self.worst_difference} of 255 levels from the source's pictures"
            f"{'; ' if self.faults else ''}{self.faults}"
        )


def prove_no_drift(run: PipelineRun) -> Drift:
    """Neither sound nor picture run away in the course of the output (FR-036).

    Returns both drifts, in milliseconds a minute.
    """
    with measurable(run):
        drift = drift_of(examination.skew(run))
    sound = drift.sound_ms_per_minute
    expect(
        sound is not None
        and abs(sound) <= MOST_DRIFT_MS_PER_MINUTE
        and abs(drift.picture_ms_per_minute) <= MOST_DRIFT_MS_PER_MINUTE,
        expected="no drift of sound against picture nor of picture against source: at most "
        f"{MOST_DRIFT_MS_PER_MINUTE:g} ms a minute (FR-036)",
        seen=drift,
        evidence=run.output,
        hint="60 ms a minute is a clock that is wrong by 0.1 %: look for a rate that is assumed.",
    )
    return drift


def prove_picture_moves(run: PipelineRun) -> PictureQuality:
    """The picture is neither frozen nor black nor damaged, but where the source's own is.

    Returns how it moves. In the place of a head that the join missed, the first picture may be
    held, for a keyframe interval of the clip.
    """
    with measurable(run):
        pictures = map_pictures(read_video_packets(run.source), read_video_packets(run.output))
        quality = _picture_quality(view(run.source), view(run.output), pictures)
    head_s = keyframe_interval_s(read_video_packets(run.clip)) + _ROUNDING_S
    expect(
        quality.held_head_s <= head_s
        and quality.longest_frozen is None
        and quality.longest_black is None
        and quality.worst_difference <= MOST_DIFFERENCE
        and not quality.faults,
        expected=f"after {head_s:.1f} s at most a picture that moves as the source's does, is seen "
        f"where the source's is, and looks the same within {MOST_DIFFERENCE} levels",
        seen=quality,
        evidence=run.output,
        hint="play it beside the source's recording, at the place that is named.",
    )
    return quality


def prove_no_clicks(run: PipelineRun) -> tuple[tuple[Joint, ...], tuple[Course, ...]]:
    """Neither at a joint of two segments nor in a segment's course is anything heard but the dubs.

    No click, no gap, no dropout. Returns the joints of all channels, the channels one after
    another, and the courses of all segments likewise.
    """
    places = examination.dub_places(run)
    pieces = [Piece(place.at_s, place.samples) for place in places if place.at_s is not None]
    channels = [examine(channel, pieces) for channel in read_channels(run.output, _RATE_HZ)]
    joints = tuple(joint for found, _courses in channels for joint in found)
    courses = tuple(course for _joints, found in channels for course in found)
    unclean = [str(joint) for joint in joints if not joint.clean]
    unclean += [str(course) for course in courses if not course.clean]
    expect(
        len(pieces) == len(places) > 1 and not unclean,
        expected="every segment's dub followed by the next one's, without a click, a gap or "
        "anything else between them or within",
        seen=unclean or [str(place) for place in places],
        evidence=run.output,
        hint="listen there. What is cut off above silence clicks: fade it.",
    )
    return joints, courses


def prove_loudness(run: PipelineRun) -> float:
    """The output is about as loud as the original (EBU R128, integrated).

    Returns by how many LU it is louder.
    """
    channels = read_channels(run.output, _RATE_HZ)
    original_lufs = integrated_lufs(read_channels(run.source, _RATE_HZ))
    output_lufs = integrated_lufs(channels)
    louder_lu = output_lufs - original_lufs
    expect(
        abs(louder_lu) <= LOUDNESS_WITHIN_LU,
        expected=f"the loudness of the original, within {LOUDNESS_WITHIN_LU:g} LU",
        seen=f"{original_lufs:.1f} LUFS in, {output_lufs:.1f} LUFS out: {louder_lu:+.1f} LU",
        evidence=run.output,
        hint="`ffmpeg -i <recording> -af ebur128 -f null -` says the same.",
    )
    return louder_lu


def prove_audible(run: PipelineRun) -> float:
    """On every channel each segment is loud enough to be heard.

    Returns the loudness of the quietest one, in LUFS.
    """
    channels = read_channels(run.output, _RATE_HZ)
    levels = {
        f"segment {place.number}, channel {number}": SILENT_LUFS
        if place.at_s is None
        else integrated_lufs([_cut(channel, place.at_s, place.duration_s)])
        for place in examination.dub_places(run)
        for number, channel in enumerate(channels)
    }
    expect(
        levels and min(levels.values()) >= AUDIBLE_LUFS,
        expected=f"{AUDIBLE_LUFS:g} LUFS or more in every segment, on every channel",
        seen=", ".join(f"{place}: {lufs:.1f} LUFS" for place, lufs in levels.items()),
        evidence=run.output,
        hint="-70 is silence, or a dub that is not there; its WAV file lies beside the recording.",
    )
    return min(levels.values())


def _cut(channel: AudioTrack, at_s: float, length_s: float) -> AudioTrack:
    return AudioTrack(channel.cut(at_s, length_s), at_s, channel.rate_hz)


def _picture_quality(source: Viewing, output: Viewing, pictures: PictureMap) -> PictureQuality:
    begun_s = float(pictures.output_s[0])
    late_s = float(np.median(pictures.output_s - pictures.source_s))
    return PictureQuality(
        held_head_s=begun_s - float(output.times_s[0]),
        longest_frozen=_longest(still_stretches(output), begun_s, _still(source), late_s),
        longest_black=_longest(black_stretches(output), begun_s, black_stretches(source), late_s),
        worst_difference=_worst_difference(source, output, pictures),
        faults=output.faults,
    )


def _worst_difference(source: Viewing, output: Viewing, pictures: PictureMap) -> int:
    there = np.searchsorted(output.times_s, pictures.output_s - _ROUNDING_S)
    here = np.searchsorted(source.times_s, pictures.source_s - _ROUNDING_S)
    # Where the decoder lost pictures, there are fewer than the map knows.
    seen = (there < len(output.luma)) & (here < len(source.luma))
    apart = difference(output.luma[there[seen]], source.luma[here[seen]])
    return int(apart.max(initial=0))


def _longest(
    seen: Iterable[Stretch], since_s: float, allowed: Iterable[Stretch], late_s: float
) -> Stretch | None:
    """The longest stretch that is more than what the source shows, ``late_s`` earlier."""
    source = tuple(Stretch(s.start_s + late_s, s.end_s + late_s) for s in allowed)
    after = [Stretch(max(since_s, s.start_s), s.end_s) for s in seen if s.end_s > since_s]
    wrong = [stretch for stretch in after if beyond(stretch, source) > LONGEST_FROZEN_S]
    return max(wrong, key=lambda stretch: stretch.duration_s, default=None)


def _still(source: Viewing) -> tuple[Stretch, ...]:
    """The still parts of the source itself, rather than its frames."""
    return tuple(s for s in still_stretches(source) if s.duration_s > LONGEST_FROZEN_S)
