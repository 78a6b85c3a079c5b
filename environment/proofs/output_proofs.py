"""Proofs about the output of a recorded run, from the bytes that the media server recorded.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from environment.expectations import expect, fail
from environment.measuring.media import (
    Gap,
    StreamTimeline,
    keyframe_interval_s,
    probe,
    read_video_packets,
    timeline,
)
from environment.measuring.picture_map import PictureMap, PictureUnmappable, map_pictures
from environment.measuring.sound import MediaUnreadable
from environment.proofs import examination
from environment.proofs.output_end import heard_behind

if TYPE_CHECKING:
    from pathlib import Path

    from environment.measuring.sync import SyncReport
    from environment.runs.recorder import Recorded
    from environment.runs.run import PipelineRun

# The first picture of a late join is held until its time by sending it again this often.
LONGEST_HOLD_S: Final = 0.5
# FLV counts in milliseconds; more than a few is a picture that does not come when it should.
MOST_JITTER_MS: Final = 5.0
_ROUNDING_S: Final = 0.002


def prove_in_sync(run: PipelineRun, limit_ms: float) -> SyncReport:
    """The dub of every segment is in the output, that close to its picture (SC-005).

    Where a segment begins is read off the source, by its original sound.
    """
    with measurable(run):
        report = examination.skew(run)
    expect(
        report.worst_ms is not None
        and abs(report.worst_ms) < limit_ms
        and [s.status for s in report.segments] == ["found"] * len(run.fragments)
        and all(segment.anchored for segment in report.segments),
        expected=f"the dub of every segment found, within {limit_ms:g} ms (SC-005)",
        seen=[
            f"{s}{'' if s.anchored else ', original not in the source'}" for s in report.segments
        ],
        evidence=run.folder,
        hint="positive: the sound is late. Compare with skew_ms in run.json, the service's word.",
    )
    return report


def prove_picture_untouched(run: PipelineRun) -> PictureMap:
    """The output's pictures are the clip's, all of them, each at its time.

    Only a head may be missing that a late join cannot have: no longer than the clip's keyframe
    interval. Only in its place may a picture be held.
    """
    return prove_pictures_of(run, run.clip)


def prove_pictures_of(run: PipelineRun, source: Path, *, unseen_s: float = 0.0) -> PictureMap:
    """The same for any source of the clip's pictures, of which the end may be missing so long."""
    wanted = read_video_packets(source)
    with measurable(run):
        pictures = map_pictures(wanted, read_video_packets(run.output))
    last_s = float(pictures.source_s[-1])
    missed_s = float(pictures.source_s[0]) - min(packet.pts_s for packet in wanted)
    tail_s = max(packet.pts_s for packet in wanted) - last_s
    tail = sum(packet.pts_s > last_s for packet in wanted)
    expect(
        pictures.untouched
        and pictures.missing == pictures.missing_head + tail
        and missed_s <= keyframe_interval_s(read_video_packets(run.clip)) + _ROUNDING_S
        and tail_s <= unseen_s
        and pictures.repeated_late == 0
        and pictures.jitter_ms <= MOST_JITTER_MS,
        expected=f"the pictures of {source.name}, from its first or second keyframe to its end, "
        f"each within {MOST_JITTER_MS:g} ms of its time",
        seen=f"{pictures.matched} pictures, {pictures.foreign} foreign, "
        f"{pictures.out_of_order} out of order, {pictures.missing} missing "
        f"({pictures.missing_head} of them the first {missed_s:.2f} s, {tail} the last "
        f"{tail_s:.2f} s), {pictures.repeated_late} repeated, "
        f"{pictures.jitter_ms:.1f} ms from their time",
        evidence=run.output,
        hint="`ffprobe -show_packets` of both; media-service must only copy.",
    )
    return pictures


def prove_live_on_rtmp(run: PipelineRun) -> None:
    """ffprobe read the output over RTMP while it was live."""
    expect(
        run.ffprobe_live is not None,
        expected=f"{run.path_out} found by ffprobe while it was live",
        seen=run.ffprobe_live_error,
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected. Its times are in run.json.",
    )


def prove_as_long_as_input(run: Recorded, tolerance_ms: float) -> None:
    """Picture and sound of the output each last as long as the clip."""
    wanted_s, tracks = probe(run.clip).duration_s or 0.0, timeline(run.output)
    expect(
        {track.kind for track in tracks} == {"video", "audio"}
        and all(abs(t.duration_s - wanted_s) * 1000 <= tolerance_ms for t in tracks),
        expected=f"{wanted_s:.3f} s of picture and of sound, within {tolerance_ms:g} ms",
        seen=[f"{track.kind} {track.duration_s:.3f} s" for track in tracks],
        evidence=run.output,
        hint="the tail of the last segment, or the head that the join missed.",
    )


def prove_nothing_missing(run: PipelineRun) -> None:
    """The output's timestamps only grow, and neither track has a hole.

    But for the head that a late join missed, where a held picture is shown again now and then.
    """
    tracks = timeline(run.output)
    head_s = keyframe_interval_s(read_video_packets(run.clip))
    holes = [(t.kind, gap) for t in tracks for gap in t.gaps if not held_in_head(t, gap, head_s)]
    expect(
        {track.kind for track in tracks} == {"video", "audio"}
        and all(track.monotonic for track in tracks)
        and not holes,
        expected="picture and sound, with timestamps that only grow, without gaps",
        seen=holes or tracks,
        evidence=run.output,
        hint="the pacer's clock moves at a stall, its timestamps must not.",
    )


def prove_codecs(run: PipelineRun, video: str, audio: str) -> None:
    """What ffprobe saw live is one video and one audio stream of these codecs."""
    streams = (run.ffprobe_live or {}).get("streams", [])
    seen = sorted((str(s.get("codec_type")), str(s.get("codec_name"))) for s in streams)
    expect(
        seen == sorted([("video", video), ("audio", audio)]),
        expected=f"{video} and {audio}, and nothing else",
        seen=seen,
        evidence=run.folder / "run.json",
        hint="ffprobe_live in run.json is all that ffprobe said.",
    )


def prove_decodes(run: PipelineRun) -> None:
    """The whole recording decodes without a complaint."""
    faults = examination.decoding_faults(run.output)
    expect(
        not faults,
        expected="a recording that decodes from end to end without a complaint",
        seen=faults,
        evidence=run.output,
        hint="`ffmpeg -v error -i <recording> -f null -` shows the same.",
    )


def prove_dubbed(run: PipelineRun, *, wordless: Collection[int] = ()) -> None:
    """All that is heard in the output is the dubs of the wire, one after another (SC-004).

    But for the segments of these numbers, in which nothing is said, and for a rest of the source
    that is too short to be dubbed.
    """
    examined = examination.output_segments(run)
    behind = heard_behind(run, examined)
    segments = [segment for segment in examined if segment.number not in wordless]
    places_s = [segment.at_s for segment in segments if segment.at_s is not None]
    expect(
        segments
        and len(examined) == len(run.fragments)
        and all(segment.dubbed for segment in segments)
        and all(before < after for before, after in pairwise(places_s))
        and not behind,
        expected="in every segment, on every channel: the dub of the wire, all of it, and "
        "nothing else, nor behind the last (SC-004)",
        seen=[*map(str, segments), *filter(None, [behind])],
        evidence=run.output,
        hint="similarity from 0.90 on is the original; foreign: what is left without the dub.",
    )


@contextmanager
def measurable(run: Recorded) -> Iterator[None]:
    """Turn pictures that are not the source's into an expectation that was not met."""
    try:
        yield
    except (PictureUnmappable, MediaUnreadable) as error:
        fail(
            expected="an output whose pictures are the clip's, untouched",
            seen=error.message,
            evidence=run.output,
            hint=error.remedy or "look whether the video was encoded again.",
        )


def held_in_head(track: StreamTimeline, gap: Gap, head_s: float) -> bool:
    """Whether a picture is held there, in the place of a head that a late join missed."""
    return (
        track.kind == "video"
        and gap.duration_s <= LONGEST_HOLD_S
        and gap.at_s + gap.duration_s <= track.first_s + head_s + _ROUNDING_S
    )
