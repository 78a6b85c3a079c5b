"""Proofs about the output of a recorded run, from the bytes that the media server recorded.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.measuring.media import probe, timeline
from environment.proofs import examination

if TYPE_CHECKING:
    from environment.measuring.sync import SyncReport
    from environment.runs.run import PipelineRun

# The first picture of a late join is held until its time by sending it again this often.
LONGEST_HOLD_S: Final = 0.5


def prove_in_sync(run: PipelineRun, limit_ms: float) -> SyncReport:
    """The dub of every segment is in the output, that close to its picture (SC-005)."""
    report = examination.skew(run)
    expect(
        report.worst_ms is not None
        and abs(report.worst_ms) < limit_ms
        and [s.status for s in report.segments] == ["found"] * len(run.fragments),
        expected=f"the dub of every segment found, within {limit_ms:g} ms (SC-005)",
        seen=report,
        evidence=run.folder,
        hint="positive: the sound is late. Compare with skew_ms in run.json, the service's word.",
    )
    return report


def prove_live_on_rtmp(run: PipelineRun) -> None:
    """ffprobe read the output over RTMP while it was live."""
    expect(
        run.ffprobe_live is not None,
        expected=f"{run.path_out} found by ffprobe while it was live",
        seen=run.ffprobe_live_error,
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected. Its times are in run.json.",
    )


def prove_as_long_as_input(run: PipelineRun, tolerance_ms: float) -> None:
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
    """The output's timestamps only grow, and neither track has a hole."""
    tracks = timeline(run.output)
    gaps = [gap for track in tracks for gap in track.gaps if gap.duration_s > LONGEST_HOLD_S]
    expect(
        tracks and all(track.monotonic for track in tracks) and not gaps,
        expected="timestamps that only grow, without gaps",
        seen=tracks,
        evidence=run.output,
        hint="the pacer's clock moves at a stall, its timestamps must not.",
    )


def prove_codecs(run: PipelineRun, video: str, audio: str) -> None:
    """What ffprobe saw live is one video and one audio stream of these codecs."""
    seen = {s["codec_type"]: s["codec_name"] for s in (run.ffprobe_live or {}).get("streams", [])}
    expect(
        seen == {"video": video, "audio": audio},
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


def prove_dubbed(run: PipelineRun) -> None:
    """In every segment the output holds the dub of the wire, and not the original (SC-004)."""
    segments = examination.output_segments(run)
    expect(
        len(segments) == len(run.fragments) > 0 and all(s.dubbed for s in segments),
        expected="in every segment: the dub of the wire, and not the original (SC-004)",
        seen=[str(segment) for segment in segments],
        evidence=run.output,
        hint="similarity from 0.90 on is the original; a dub not found was replaced or cut.",
    )
