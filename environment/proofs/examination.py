"""What a pipeline run really brought forth, read from its recordings and its wire events."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from environment.measuring.fingerprint import Verdict, compare
from environment.measuring.sound import read_audio
from environment.measuring.sync import SegmentAudio, SyncReport, measure_skew, source_zero
from environment.measuring.transcript import Alignment, align

if TYPE_CHECKING:
    from environment.runs.fragments import FragmentRecord
    from environment.runs.run import PipelineRun

_DECODE_TIMEOUT_S: Final = 120.0
_RATE_HZ: Final = 48_000


@dataclass(frozen=True)
class OutputSegment:
    """What is heard in the output where a segment's picture is shown.

    ``against_source`` compares it with the segment's original sound, ``dub_found`` says whether
    the dubbed audio of the wire is there, ``score`` how surely (1: the same waveform).
    """

    number: int
    against_source: Verdict | None
    dub_found: bool
    score: float

    @property
    def dubbed(self) -> bool:
        """Whether the dub is heard here, and nothing that counts as the original."""
        verdict = self.against_source
        return self.dub_found and verdict is not None and verdict.verdict == "dubbed"

    def __str__(self) -> str:
        dub = "found" if self.dub_found else "not found"
        return f"segment {self.number}: {self.against_source}, dub {dub} ({self.score:.2f})"


@dataclass(frozen=True)
class Words:
    """The words that were recognised, held against those the clip says.

    ``cut_by_join`` names the clip's first word when a live join missed its beginning: the
    only word that may be missing.
    """

    alignment: Alignment
    cut_by_join: str | None

    @property
    def faultless(self) -> bool:
        """Whether every word was recognised, but for the one that the join cut."""
        missing = [word for word in self.alignment.missing if word != self.cut_by_join]
        return not (missing or self.alignment.substituted or self.alignment.inserted)

    def __str__(self) -> str:
        cut = f"; cut by the join: {self.cut_by_join}" if self.cut_by_join else ""
        return f"{self.alignment}{cut}"


def sound_s(fragment: FragmentRecord) -> float:
    """Return how long the sound of a fragment is, counted from its samples."""
    return len(fragment.source_audio) / fragment.rate_hz


def fragments_against_source(run: PipelineRun) -> list[Verdict]:
    """Compare the sound of each fragment on the wire with the source's own six seconds."""
    source, zero_s = read_audio(run.source, _RATE_HZ), source_zero(run.source)
    return [
        compare(
            source.cut(zero_s + fragment.source_start_s, sound_s(fragment)),
            fragment.source_audio,
            fragment.rate_hz,
        )
        for fragment in run.fragments
    ]


def dubs_against_source(run: PipelineRun) -> list[Verdict]:
    """Compare the dubbed audio of each result with the sound of the fragment it answers."""
    return [
        compare(fragment.source_audio, fragment.dubbed_audio, fragment.rate_hz)
        for fragment in run.fragments
        if fragment.dubbed_audio is not None
    ]


def skew(run: PipelineRun) -> SyncReport:
    """Measure how far each segment's dub is from its picture in the recorded output."""
    segments = [
        SegmentAudio(
            number=fragment.sequence_number,
            start_s=fragment.source_start_s,
            samples=fragment.dubbed_audio,
            rate_hz=fragment.rate_hz,
            original=fragment.source_audio,
        )
        for fragment in run.fragments
        if fragment.dubbed_audio is not None
    ]
    return measure_skew(run.source, run.output, segments)


def output_segments(run: PipelineRun) -> list[OutputSegment]:
    """Say of each segment whether the output holds its dub, and not its original."""
    output, measured = read_audio(run.output, _RATE_HZ), skew(run)
    found = {segment.number: segment for segment in measured.segments}
    examined = []
    for fragment in run.fragments:
        place = found.get(fragment.sequence_number)
        verdict = None
        if place is not None and place.output_start_s is not None:
            heard = output.cut(place.output_start_s, sound_s(fragment))
            verdict = compare(fragment.source_audio, heard, fragment.rate_hz)
        examined.append(
            OutputSegment(
                number=fragment.sequence_number,
                against_source=verdict,
                dub_found=place is not None and place.status == "found",
                score=0.0 if place is None else place.confidence,
            )
        )
    return examined


def decoding_faults(recording: Path) -> str:
    """Decode every picture and sample; return what ffmpeg complained about."""
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(recording), "-f", "null", "-"]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=_DECODE_TIMEOUT_S, check=False
    )
    complaint = done.stderr.strip()
    return complaint or (f"ffmpeg: exit code {done.returncode}" if done.returncode else "")


def stage_timings(run: PipelineRun) -> list[Mapping[str, int]]:
    """Return what each result says of the time its stages took, in order of arrival."""
    return [
        seen.payload.get("stage_timings") or {}
        for seen in run.events
        if seen.event.event == "fragment:processed"
    ]


def logged_transcripts(log: str) -> set[str]:
    """Collect the ``transcript`` fields of a service's JSON log lines."""
    return {
        str(line["transcript"])
        for line in map(_parsed, log.splitlines())
        if line.get("transcript") is not None
    }


def words_against_clip(run: PipelineRun) -> Words:
    """Hold the transcripts, in order, against the words in the clip's description."""
    words = json.loads(run.clip.with_suffix(".json").read_text())["words"]
    said = " ".join(word["text"] for word in words)
    missed_s = float(run.report.get("missed_head_s") or 0.0)
    cut = words[0]["text"] if missed_s > words[0]["start_s"] else None
    return Words(align(said, run.transcript), cut)


def _parsed(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
