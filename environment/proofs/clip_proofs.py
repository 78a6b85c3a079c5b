"""Proofs that a recorded run brought forth what the description beside its clip promises.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from environment.expectations import expect
from environment.measuring.correlation import SILENCE_DBFS, find_near
from environment.measuring.fingerprint import compare
from environment.measuring.likeness import liken
from environment.measuring.media import timeline
from environment.measuring.sound import level_dbfs, mix, read_audio, read_channels
from environment.measuring.sync import resample, source_zero
from environment.measuring.transcript import Alignment, align
from environment.proofs import examination
from environment.proofs.output_proofs import measurable
from fixtures.sidecar import Sidecar, read_sidecar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from environment.measuring.sync import SegmentSkew, SyncReport
    from environment.runs.fragments import FragmentRecord
    from environment.runs.run import PipelineFailed, PipelineRun

SEGMENT_S: Final = 6.0
"""The length of a segment: what is cut off last may be shorter."""
SHORTEST_S: Final = 0.25
"""A rest shorter than this goes out with the last segment, and is not sent to STS."""
PLACE_WITHIN_S: Final = 0.005
"""FLV counts in milliseconds."""
REST_WITHIN_S: Final = 0.03
"""The last frame of AAC is whole, whatever the clip's description says of its end."""
JOINED_WITHIN_S: Final = 5.0
"""US2-1: the stream is processed this soon after its publishing; words before are missed."""

MEDIA_SERVICE_LOG: Final = "e2e-media-service.log"

_RATE_HZ: Final = 48_000
_SEARCHED_S: Final = 0.4


@dataclass(frozen=True)
class _Heard:
    """What is heard in the output where a segment's dub was found; empty: it is right."""

    number: int
    fault: str


def prove_lasts(run: PipelineRun, tolerance_ms: float) -> dict[str, float]:
    """Picture and sound of the output each last as long as the description says.

    Returns the seconds of each.
    """
    wanted_s = read_sidecar(run.clip).duration_s
    lengths_s: dict[str, float] = {track.kind: track.duration_s for track in timeline(run.output)}
    expect(
        set(lengths_s) == {"video", "audio"}
        and all(abs(length_s - wanted_s) * 1000 <= tolerance_ms for length_s in lengths_s.values()),
        expected=f"{wanted_s:g} s of picture and of sound, within {tolerance_ms:g} ms",
        seen={kind: f"{length_s:.3f} s" for kind, length_s in lengths_s.items()} or "nothing",
        evidence=run.output,
        hint="the tail of the last segment, or the head that the join missed.",
    )
    return lengths_s


def prove_cut(run: PipelineRun, count: int, *, zero_within_s: float = 0.0) -> None:
    """That many fragments were cut, of the length and from the place that they should have.

    Each lasts six seconds, the last one what is left; a rest too short to be dubbed is none. Where
    a fragment has sound, that is found in the source at its place: all of them by one distance
    from it, for a source whose zero is known no better, of ``zero_within_s`` at most.
    """
    source, zero_s = read_audio(run.source, _RATE_HZ), source_zero(run.source)
    # Pictures that are decoded before their time put all of the clip a little later.
    later_s = min(track.first_s for track in timeline(run.source)) - zero_s
    wanted_s = fragment_lengths(read_sidecar(run.clip).duration_s + later_s)
    seen = []
    for fragment in run.fragments:
        samples = resample(fragment.source_audio, fragment.rate_hz)
        place_s = zero_s + fragment.sequence_number * SEGMENT_S - source.start_s
        match = find_near(samples, source.samples, _RATE_HZ, place_s, _SEARCHED_S)
        away_s = None if match is None else match.offset_s - place_s if match.found else _SEARCHED_S
        seen.append((fragment.sequence_number, examination.sound_s(fragment), away_s))
    aways_s = [away_s for *_, away_s in seen if away_s is not None]
    rest_within_s = REST_WITHIN_S + zero_within_s
    expect(
        len(wanted_s) == count == len(seen)
        and all(
            number == place and abs(length_s - wanted_s[place]) <= rest_within_s
            for place, (number, length_s, _away_s) in enumerate(seen)
        )
        and all(length_s == SEGMENT_S for _number, length_s, _away_s in seen[:-1])
        and all(abs(away_s) <= max(PLACE_WITHIN_S, zero_within_s) for away_s in aways_s)
        and max(aways_s, default=0.0) - min(aways_s, default=0.0) <= 2 * PLACE_WITHIN_S,
        expected=f"{count} fragments of {wanted_s} s, the sound of each within "
        f"{1000 * PLACE_WITHIN_S:g} ms of its place in the source"
        + (f", or all of them off by at most {1000 * zero_within_s:g} ms" if zero_within_s else ""),
        seen=[
            f"fragment {number}: {length_s:.3f} s, "
            + ("silent" if away_s is None else f"{1000 * away_s:+.1f} ms")
            for number, length_s, away_s in seen
        ],
        evidence=run.folder,
        hint="the segmenter of media-service counts audio samples from the source's time zero.",
    )


def prove_in_step(run: PipelineRun, limit_ms: float) -> SyncReport:
    """The dub of every segment is in the output, that close to its picture (SC-005).

    A segment of which the join missed all pictures is measured against those that came after it.
    """
    with measurable(run):
        report = examination.skew(run)
    pictures = report.pictures
    first_s = float(pictures.source_s[0])
    lag_s = float(np.median(pictures.output_s - pictures.source_s))
    zero_s = source_zero(run.source)
    faults = []
    for skew in report.segments:
        start_s = zero_s + skew.number * SEGMENT_S
        if skew.status == "no_picture" and start_s + SEGMENT_S <= first_s:
            late_ms = 1000 * ((skew.output_start_s or 0.0) - start_s - lag_s)
            if abs(late_ms) >= limit_ms:
                faults.append(
                    f"segment {skew.number}: {late_ms:+.1f} ms from the pictures after it"
                )
        elif skew.status != "found" or not skew.anchored or _beyond(skew, limit_ms):
            faults.append(f"{skew}{'' if skew.anchored else ', original not in the source'}")
    expect(
        len(report.segments) == len(run.fragments) > 0 and not faults,
        expected=f"the dub of every segment found, within {limit_ms:g} ms (SC-005)",
        seen=faults or "no segment",
        evidence=run.folder,
        hint="positive: the sound is late. Compare with skew_ms in run.json, the service's word.",
    )
    return report


def prove_only_dubs_heard(run: PipelineRun, report: SyncReport) -> None:
    """Where the dub of each segment was found, nothing else is heard, on any channel (SC-004)."""
    channels = read_channels(run.output, _RATE_HZ)
    places = {skew.number: skew for skew in report.segments}
    heard = [
        _heard(fragment, places.get(fragment.sequence_number), channels)
        for fragment in run.fragments
    ]
    expect(
        heard and not any(each.fault for each in heard),
        expected="in every segment, on every channel: its dub, all of it, and nothing else",
        seen=[f"segment {each.number}: {each.fault}" for each in heard if each.fault],
        evidence=run.output,
        hint="similarity from 0.90 on is the original; foreign: what is left without the dub.",
    )


def prove_words_described(run: PipelineRun, tolerance: float) -> Alignment:
    """The transcripts are the described words; at most that share of them is wrong (FR-030).

    But for words that were said before the live stream was joined.
    """
    missed_s = examination.missed_until_s(run)
    said = read_sidecar(run.clip).transcript_between(missed_s, float("inf"))
    expect(
        missed_s <= JOINED_WITHIN_S and said,
        expected=f"the stream joined within {JOINED_WITHIN_S:g} s (US2-1)",
        seen=f"its first {missed_s:.2f} s missed",
        evidence=run.folder / "run.json",
        hint="media-service's log: stream detected, worker started.",
    )
    words = align(said, run.transcript)
    expect(
        words.rate <= tolerance,
        expected=f"the described words, at most {100 * tolerance:g} % of them wrong (FR-030)",
        seen=words,
        evidence=run.folder / "run.json",
        hint="what was sent lies there as WAV files; docs/engines.md has the engines' limits.",
    )
    return words


def prove_others_went_on(failed: PipelineFailed, others: Sequence[PipelineRun]) -> None:
    """One of the others at least was dubbed to its end after that one had failed."""
    ends = [run.finished_at for run in others]
    expect(
        any(ended_at > failed.report["finished_at"] for ended_at in ends),
        expected="a stream dubbed to its end after this one had failed",
        seen=f"failed at {failed.report['finished_at']}, others ended at {ends}",
        evidence=failed.folder,
        hint="/v1/streams of media-service.",
    )


def prove_no_word(run: PipelineRun) -> None:
    """Every fragment is a success without a word in it, as the contract has it."""
    seen = [(f.status, f.transcript, f.translated_text) for f in run.fragments]
    expect(
        seen and all(each == ("success", "", "") for each in seen) and not run.violations,
        expected="success with an empty transcript and an empty translation, for each fragment",
        seen=(seen, run.violations),
        evidence=run.folder / "run.json",
        hint="recognisers hear words in silence: the engines' base class keeps it from them.",
    )


def prove_original_passed(run: PipelineRun) -> None:
    """Each segment's original went out, silent as it is, without a gap."""
    outcomes = [(segment["outcome"], segment["reason"]) for segment in run.segments]
    sound = [track for track in timeline(run.output) if track.kind == "audio"]
    level = level_dbfs(read_audio(run.output, _RATE_HZ).samples) if sound else None
    expect(
        outcomes
        and all(
            outcome in {("original", "no_speech"), ("original", "tail")} for outcome in outcomes
        )
        and len(sound) == 1
        and not sound[0].gaps
        and level is not None
        and level < SILENCE_DBFS,
        expected="every segment's own sound, as no_speech, unbroken and as silent as it was",
        seen=(outcomes, sound, level),
        evidence=run.output,
        hint="the reason says why a segment's original sound went out.",
    )


def prove_given_up(failed: PipelineFailed, reason: str) -> None:
    """media-service shows the stream as failed, for that reason, its worker gone with an error."""
    report = failed.report
    expect(
        report.get("state") == "failed"
        and reason in (report.get("error") or "")
        and (report.get("worker") or {}).get("exit_code")
        and not report.get("segments"),
        expected=f"a stream failed with {reason!r}, its worker gone with an error, nothing cut",
        seen={key: report.get(key) for key in ("state", "error", "worker", "segments")},
        evidence=failed.folder,
        hint="/v1/streams of media-service, and its log.",
    )


def prove_sound_alone(run: PipelineRun, tolerance_ms: float) -> None:
    """The output is sound as long as described and no picture; media-service counts and says so."""
    wanted_s = read_sidecar(run.clip).duration_s
    tracks = {track.kind: track for track in timeline(run.output)}
    counted = (run.report["output"] or {}).get("video_packets")
    logged = (run.folder / MEDIA_SERVICE_LOG).read_text(encoding="utf-8").splitlines()
    said = [line for line in logged if "picture_absent" in line and run.stream_id in line]
    expect(
        set(tracks) == {"audio"}
        and abs(tracks["audio"].duration_s - wanted_s) * 1000 <= tolerance_ms
        and not tracks["audio"].gaps
        and counted == 0
        and len(said) == 1,
        expected=f"{wanted_s:g} s of sound alone, within {tolerance_ms:g} ms, and picture_absent "
        "logged",
        seen=(tracks, f"{counted} pictures by its report", said),
        evidence=run.output,
        hint="who joins a live stream has its pictures from the next keyframe on.",
    )


def fragment_lengths(duration_s: float) -> list[float]:
    """How long the fragments of a clip are that lasts that long, in seconds."""
    whole, rest_s = divmod(round(duration_s, 6), SEGMENT_S)
    lengths_s = [SEGMENT_S] * int(whole)
    return [*lengths_s, round(rest_s, 6)] if rest_s >= SHORTEST_S else lengths_s


def describe(
    run: PipelineRun, report: SyncReport | None, words: Alignment | None
) -> dict[str, Any]:
    """Return what was measured of a run, for the run's log."""
    sidecar: Sidecar = read_sidecar(run.clip)
    return {
        "clip": sidecar.clip,
        "stream": run.stream_name,
        "missed_s": round(examination.missed_until_s(run), 3),
        "skew": None if report is None else str(report),
        "words": None if words is None else str(words),
    }


def _beyond(skew: SegmentSkew, limit_ms: float) -> bool:
    return any(abs(figure) >= limit_ms for figure in skew.measured_ms)


def _heard(fragment: FragmentRecord, skew: SegmentSkew | None, channels: tuple[Any, ...]) -> _Heard:
    number, dub = fragment.sequence_number, fragment.dubbed_audio
    at_s = None if skew is None else skew.output_start_s
    if dub is None or at_s is None:
        return _Heard(number, "no dub, or nowhere in the output")
    wanted = resample(dub, fragment.rate_hz)
    length_s = len(wanted) / _RATE_HZ
    original = resample(fragment.source_audio, fragment.rate_hz)
    verdict = compare(original, mix(channels).cut(at_s, length_s), _RATE_HZ)
    alike = [liken(wanted, channel.cut(at_s, length_s), _RATE_HZ) for channel in channels]
    if verdict.verdict == "dubbed" and all(likeness.pure for likeness in alike):
        return _Heard(number, "")
    return _Heard(number, f"{verdict}; {'; '.join(map(str, alike))}")
