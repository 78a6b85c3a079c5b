"""What a pipeline run really brought forth, read from its recordings and its wire events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from environment.measuring.correlation import SILENCE_DBFS, find
from environment.measuring.fingerprint import Verdict, compare
from environment.measuring.likeness import Likeness, liken
from environment.measuring.sound import (
    AudioTrack,
    Samples,
    level_dbfs,
    mix,
    read_audio,
    read_channels,
)
from environment.measuring.sync import (
    SegmentAudio,
    SyncReport,
    measure_skew,
    resample,
    source_zero,
)
from environment.measuring.transcript import Alignment, align
from environment.measuring.viewing import view

if TYPE_CHECKING:
    from environment.runs.fragments import DubbedFragments, FragmentRecord
    from environment.runs.run import PipelineRun

_RATE_HZ: Final = 48_000
_END_WITHIN_S: Final = 0.005
_MOMENT_S: Final = 0.02


@dataclass(frozen=True)
class DubPlace:
    """A segment's dub, at 48 kHz, and where its first sample lies among the output's timestamps.

    ``at_s`` is None when it is nowhere; ``score`` tells how surely (1: the same waveform).
    """

    number: int
    samples: Samples = field(repr=False)
    at_s: float | None
    score: float

    @property
    def duration_s(self) -> float:
        """How long the dub is."""
        return len(self.samples) / _RATE_HZ

    def __str__(self) -> str:
        place = "not found" if self.at_s is None else f"at {self.at_s:.3f} s"
        return f"dub of segment {self.number} {place} ({self.score:.2f})"


@dataclass(frozen=True)
class OutputSegment:
    """What is heard in the output where the dub of a segment is found.

    ``at_s`` is where its first sample lies among the output's timestamps, None when it is nowhere;
    ``score`` how surely (1: the same waveform). ``against_source`` compares what is heard there
    with the segment's original sound; ``likeness`` with the dub, for each channel.
    """

    number: int
    at_s: float | None
    score: float
    against_source: Verdict | None
    likeness: tuple[Likeness, ...]

    @property
    def dubbed(self) -> bool:
        """Whether the dub is heard here, whole, on every channel, and nothing beside it."""
        verdict = self.against_source
        return (
            self.at_s is not None
            and verdict is not None
            and verdict.verdict == "dubbed"
            and len(self.likeness) > 0
            and all(likeness.pure for likeness in self.likeness)
        )

    def __str__(self) -> str:
        place = "not found" if self.at_s is None else f"at {self.at_s:.3f} s"
        channels = "; ".join(str(likeness) for likeness in self.likeness)
        return (
            f"segment {self.number}: {self.against_source}, "
            f"dub {place} ({self.score:.2f}): {channels}"
        )


@dataclass(frozen=True)
class FragmentPlace:
    """Where the sound of a fragment lies in the recorded source, from its time zero.

    ``start_s`` is None when it is nowhere, or nothing but silence. ``ends_source``: it ends where
    the recorded source's sound does.
    """

    number: int
    start_s: float | None
    duration_s: float
    ends_source: bool = False


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


def fragment_places(run: PipelineRun) -> list[FragmentPlace]:
    """Find the sound of each fragment in the recorded source, whatever anyone says of its place."""
    source, zero_s = read_audio(run.source, _RATE_HZ), source_zero(run.source)
    places = []
    length_s = max(map(sound_s, run.fragments), default=0.0)
    for fragment in run.fragments:
        wanted = resample(fragment.source_audio, fragment.rate_hz)
        expected_s = zero_s + fragment.sequence_number * length_s - source.start_s
        match = find(wanted, source.samples, _RATE_HZ, expected_s=expected_s)
        start_s = source.start_s - zero_s + match.offset_s if match and match.found else None
        ends_s = source.end_s - zero_s - sound_s(fragment)
        ends_source = start_s is not None and abs(start_s - ends_s) <= _END_WITHIN_S
        number = fragment.sequence_number
        places.append(FragmentPlace(number, start_s, sound_s(fragment), ends_source))
    return places


def fragments_against_source(run: PipelineRun) -> list[Verdict]:
    """Compare the sound of each fragment on the wire with the source's own, by its number."""
    source, zero_s = read_audio(run.source, _RATE_HZ), source_zero(run.source)
    return [
        compare(
            source.cut(zero_s + fragment.sequence_number * sound_s(fragment), sound_s(fragment)),
            resample(fragment.source_audio, fragment.rate_hz),
            _RATE_HZ,
        )
        for fragment in run.fragments
    ]


def dubs_against_source(run: DubbedFragments) -> list[Verdict]:
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


def dub_places(run: PipelineRun) -> list[DubPlace]:
    """Find each dub in the whole output by its sound alone, in the order of the fragments."""
    output = read_audio(run.output, _RATE_HZ)
    return [_dub_place(fragment, output) for fragment in run.fragments]


def _dub_place(fragment: FragmentRecord, output: AudioTrack) -> DubPlace:
    number, dub = fragment.sequence_number, fragment.dubbed_audio
    if dub is None:
        return DubPlace(number, np.zeros(0, np.float32), None, 0.0)
    wanted = resample(dub, fragment.rate_hz)
    match = find(wanted, output.samples, _RATE_HZ)
    if match is None or not match.found:
        return DubPlace(number, wanted, None, match.score if match else 0.0)
    return DubPlace(number, wanted, output.start_s + match.offset_s, match.score)


def output_segments(run: PipelineRun) -> list[OutputSegment]:
    """Find each dub in the output by its sound alone; say what else is heard beside it."""
    channels = read_channels(run.output, _RATE_HZ)
    output = mix(channels)
    examined = []
    for fragment, place in zip(run.fragments, dub_places(run), strict=True):
        at_s, length_s = place.at_s, place.duration_s
        if at_s is None:
            examined.append(OutputSegment(place.number, None, place.score, None, ()))
            continue
        original = resample(fragment.source_audio, fragment.rate_hz)
        examined.append(
            OutputSegment(
                number=place.number,
                at_s=at_s,
                score=place.score,
                against_source=compare(original, output.cut(at_s, length_s), _RATE_HZ),
                likeness=tuple(
                    liken(place.samples, c.cut(at_s, length_s), _RATE_HZ) for c in channels
                ),
            )
        )
    return examined


def decoding_faults(recording: Path) -> str:
    """Decode every picture and sample; return what the decoder complained about."""
    return view(recording).faults


def stage_timings(run: PipelineRun) -> list[Mapping[str, int]]:
    """Return what each result says of the time its stages took, in order of arrival."""
    return [
        seen.payload.get("stage_timings") or {}
        for seen in run.events
        if seen.event.event == "fragment:processed"
    ]


def logged_transcripts(log: str) -> set[str]:
    """Collect the ``transcript`` fields of a service's JSON log lines."""
    return _logged(log, "transcript")


def logged_translations(log: str) -> set[str]:
    """Collect the ``translated_text`` fields of a service's JSON log lines."""
    return _logged(log, "translated_text")


def _logged(log: str, field: str) -> set[str]:
    lines = map(_parsed, log.splitlines())
    return {str(line[field]) for line in lines if line.get(field) is not None}


def words_against_clip(run: PipelineRun) -> Words:
    """Hold the transcripts, in order, against the words in the clip's description."""
    words = json.loads(run.clip.with_suffix(".json").read_text())["words"]
    said = " ".join(word["text"] for word in words)
    cut = words[0]["text"] if words[0]["start_s"] < missed_until_s(run) else None
    return Words(align(said, run.transcript), cut)


def missed_until_s(run: PipelineRun) -> float:
    """Until when, on the source's timeline, the live join missed something that can be heard.

    What was missed is silence at the first fragment's beginning where the source has sound.
    """
    if not run.fragments:
        return 0.0
    first = min(run.fragments, key=lambda fragment: fragment.sequence_number)
    heard = np.flatnonzero(first.source_audio)
    silent_s = (int(heard[0]) if len(heard) else len(first.source_audio)) / first.rate_hz
    missed = read_audio(run.source, _RATE_HZ).cut(source_zero(run.source), silent_s)
    length = round(_MOMENT_S * _RATE_HZ)
    moments = (missed[at : at + length] for at in range(0, len(missed), length))
    return silent_s if any(level_dbfs(moment) > SILENCE_DBFS for moment in moments) else 0.0


def _parsed(line: str) -> dict[str, Any]:
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}
