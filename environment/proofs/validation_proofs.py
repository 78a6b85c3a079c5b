"""Proofs that an output is what spec 021 calls validated: probed, dubbed on the wire and in bytes.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from environment.expectations import expect
from environment.measuring.correlation import SILENCE_DBFS
from environment.measuring.fingerprint import DUBBED_AT_MOST, Window, compare_windows
from environment.measuring.media import probe, read_video_packets
from environment.measuring.picture_map import map_pictures
from environment.measuring.sound import level_dbfs, read_audio
from environment.proofs.output_proofs import measurable

if TYPE_CHECKING:
    from pathlib import Path

    from environment.runs.fragments import FragmentRecord
    from environment.runs.recorder import Recorded
    from environment.runs.run import PipelineRun

_RATE_HZ: Final = 48_000
_CODECS: Final = {"video": "h264", "audio": "aac"}


@dataclass(frozen=True)
class Fingerprints:
    """The clip's sound against that of two recordings: of the input, as a control; of the output.

    A window for each six seconds of the clip.
    """

    control: tuple[Window, ...]
    output: tuple[Window, ...]


def prove_complete(run: PipelineRun) -> None:
    """The stream was followed to its end, and every segment of it has left."""
    outcomes = [(segment["number"], segment["outcome"]) for segment in run.segments]
    expect(
        run.report["state"] == "finished"
        and outcomes
        and all(outcome != "pending" for _number, outcome in outcomes)
        and run.output_gone_at is not None,
        expected="a stream that has finished, its segments out, its output ended",
        seen=f"state {run.report['state']}, {outcomes}, output gone at {run.output_gone_at}",
        evidence=run.folder / "run.json",
        hint="media-service's /v1/streams tells the error of a failed stream.",
    )


def prove_active(run: PipelineRun) -> None:
    """The media server had the output, and more and more of it, while ffprobe read it too."""
    counts = [count for _at, count in run.output_bytes]
    expect(
        run.ffprobe_live is not None and len(set(counts)) > 2 and counts == sorted(counts),
        expected=f"{run.path_out} growing on the media server, and read by ffprobe",
        seen=f"byte counts {counts[:5]}…; ffprobe: {run.ffprobe_live_error or 'read it'}",
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected.",
    )


def prove_recorded_codecs(run: PipelineRun) -> None:
    """The recording has what ffprobe saw live: one H.264 and one AAC stream (FR-034)."""
    seen = sorted((stream.kind, stream.codec) for stream in probe(run.output).streams)
    expect(
        seen == sorted(_CODECS.items()),
        expected="one H.264 and one AAC stream in the recording (FR-034)",
        seen=seen,
        evidence=run.output,
        hint="`ffprobe <recording>` says the same.",
    )


def prove_lasts(recording: Path, seconds: float, tolerance_ms: float) -> float:
    """By ffprobe the recording lasts that long (FR-034, FR-037). Returns the seconds."""
    lasts_s = probe(recording).duration_s
    expect(
        lasts_s is not None and abs(lasts_s - seconds) * 1000 <= tolerance_ms,
        expected=f"{seconds:g} s within {tolerance_ms:g} ms (FR-034, FR-037)",
        seen=None if lasts_s is None else f"{lasts_s:.3f} s",
        evidence=recording,
        hint="the tail of the last segment, or the head that the join missed.",
    )
    return lasts_s or 0.0


def prove_dubs_received(run: PipelineRun) -> None:
    """For every segment one result was seen on the wire, with a dub as long as the fragment.

    The first of FR-035's two validations. The segments are those of media-service's report, but
    for a tail that is too short to be sent.
    """
    wanted = {s["fragment_id"]: s["number"] for s in run.segments if s["reason"] != "tail"}
    faults = {f.fragment_id: dub_fault(f) for f in run.fragments}
    wrong = [
        f"segment {number}: {faults.get(key, 'never sent')}"
        for key, number in wanted.items()
        if faults.get(key, "never sent")
    ]
    strange = [f.sequence_number for f in run.fragments if f.fragment_id not in wanted]
    expect(
        wanted and not wrong and not strange,
        expected=f"fragment:processed with dubbed_audio for all {len(wanted)} segments (FR-035)",
        seen=f"{wrong}; results for no segment: {strange}",
        evidence=run.folder / "events.jsonl",
        hint="the error of a failed fragment is in run.json.",
    )


def dub_fault(fragment: FragmentRecord) -> str:
    """Say what is wrong with a fragment's answer; empty: one success, with a whole dub."""
    dub = fragment.dubbed_audio
    if fragment.result_count != 1 or fragment.status != "success":
        return f"{fragment.result_count} results, status {fragment.status}, {fragment.error}"
    if dub is None:
        return "no dubbed_audio"
    if len(dub) != len(fragment.source_audio):
        return f"{len(dub)} samples of dub for {len(fragment.source_audio)}"
    level = level_dbfs(dub)
    return f"a dub of {level:.0f} dBFS: silence" if level < SILENCE_DBFS else ""


def fingerprints(run: Recorded) -> Fingerprints:
    """Compare the clip's sound with what went in and with what came out, six seconds at a time.

    Which times belong together the pictures say; no event and no report is asked.
    """
    with measurable(run):
        return Fingerprints(_windows(run.clip, run.source), _windows(run.clip, run.output))


def prove_fingerprint_differs(run: Recorded, found: Fingerprints) -> None:
    """The output's log-mel picture is nowhere that of the clip's sound.

    The second of FR-035's two validations. That the fingerprint knows the original when it hears
    it, the recording of the input shows.
    """
    expect(
        found.control and all(window.verdict.verdict == "original" for window in found.control),
        expected="the clip's own sound in the recording of the input: a measure that can hear it",
        seen=_spoken(found.control),
        evidence=run.source,
        hint="what went in is not the clip, or the fingerprint is deaf.",
    )
    expect(
        found.output and all(window.verdict.verdict == "dubbed" for window in found.output),
        expected=f"a similarity of {DUBBED_AT_MOST:g} at most with the original, in every window "
        "(FR-035)",
        seen=_spoken(found.output),
        evidence=run.output,
        hint="from 0.90 on it is the original; between them nobody knows.",
    )


def _windows(clip: Path, recording: Path) -> tuple[Window, ...]:
    pictures = map_pictures(read_video_packets(clip), read_video_packets(recording))
    return compare_windows(
        read_audio(clip, _RATE_HZ),
        read_audio(recording, _RATE_HZ),
        shift_s=float(np.median(pictures.output_s - pictures.source_s)),
    )


def _spoken(windows: tuple[Window, ...]) -> list[str]:
    return [f"{window.start_s:.1f} s: {window.verdict}" for window in windows]
