"""Proofs about a stream that went through a storm of faults.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.proofs import examination
from environment.proofs.container_proofs import prove_exit_code_zero, prove_healthy
from environment.proofs.continuity_proofs import prove_pictures_out
from environment.proofs.restart_proofs import BEYOND_RESTART_S
from environment.proofs.sent_proofs import prove_dubs_are_theirs
from environment.proofs.survival_proofs import SYNC_WITHIN_MS

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath
    from environment.runs.storm import Blow
    from environment.stack.topology import Topology

_OVERLAP_S: Final = 0.1
_NEEDS_STS_S: Final = 8.0
"""For so long after its cut a segment needs STS: its way there, its turn, its way back."""
_LEAST_DUBBED: Final = 5
_ACCOUNTED: Final = frozenset({"dubbed", "original", "silent"})


def troubled(blows: Sequence[Blow]) -> list[tuple[float, float]]:
    """From when to when STS was not there for media-service, or media-service itself was not.

    A slow STS, or a slow link to it, is no reason for a segment to go undubbed.
    """
    return [
        (blow.began_at, blow.well_at)
        for blow in blows
        if blow.strike.kind.victim in {"sts", "media", "server"}
    ]


def must_be_dubbed(segments: Sequence[Mapping[str, Any]], blows: Sequence[Blow]) -> list[int]:
    """The numbers of the segments for which STS was there all the time that they needed it."""
    windows = troubled(blows)
    return [
        int(segment["number"])
        for segment in segments
        if not any(
            began_at <= segment["cut_at"] + _NEEDS_STS_S and segment["cut_at"] <= well_at
            for began_at, well_at in windows
        )
    ]


def prove_accounted_for(aftermath: Aftermath) -> None:
    """Every segment has come to an end, and can be heard in the output: dubbed, or as it was."""
    known = [int(segment["number"]) for segment in aftermath.segments]
    ends = {int(s["number"]): s["outcome"] for s in aftermath.segments}
    wrong = [
        f"{number}: reported {ends[number]}, heard {fate}"
        for number in known
        if (fate := aftermath.fates.get(number)) is None
        or fate.heard not in _ACCOUNTED
        or (fate.heard != ends[number] and fate.heard != "silent")
        or abs(fate.skew_ms or 0.0) > SYNC_WITHIN_MS
    ]
    expect(
        known == list(range(len(known))) and known and not wrong,
        expected=f"segments from 0 on, each heard in the output, within {SYNC_WITHIN_MS:g} ms",
        seen=f"numbers {known}; {'; '.join(wrong)}",
        evidence=aftermath.folder,
        hint="aftermath.json has the report, storm.json what was done; the recordings lie there.",
    )
    prove_dubs_are_theirs(aftermath)
    prove_pictures_out(aftermath)


def prove_dubbed_where_possible(aftermath: Aftermath, blows: Sequence[Blow]) -> None:
    """Wherever STS was there for a segment, it is dubbed."""
    wanted = must_be_dubbed(aftermath.segments, blows)
    undubbed = [
        f"{s['number']}: {s['outcome']} ({s['reason']})"
        for s in aftermath.segments
        if int(s["number"]) in wanted and s["outcome"] != "dubbed" and s["reason"] != "no_speech"
    ]
    expect(
        len(wanted) >= _LEAST_DUBBED and not undubbed,
        expected=f"the segments {wanted}, {_LEAST_DUBBED} or more, dubbed",
        seen="; ".join(undubbed) or f"{len(wanted)} segments only",
        evidence=aftermath.folder / "aftermath.json",
        hint="storm.json tells what was broken from when to when.",
    )


def prove_clock_over_breaks(aftermath: Aftermath, blows: Sequence[Blow]) -> None:
    """The output's timestamps only grow; no break is longer than what was done, and a second."""
    longest_s = max((blow.well_at - blow.began_at for blow in blows), default=0.0)
    pieces, gaps = aftermath.output.pieces, aftermath.output.gaps_s
    expect(
        all(piece.monotonic for piece in pieces)
        and all(-_OVERLAP_S <= gap <= longest_s + BEYOND_RESTART_S for gap in gaps),
        expected=f"timestamps that only grow, breaks of {longest_s + BEYOND_RESTART_S:.1f} s at "
        "most",
        seen=f"gaps {[round(gap, 3) for gap in gaps]} s; monotonic: "
        f"{[piece.monotonic for piece in pieces]}",
        evidence=aftermath.folder,
        hint="/v1/streams: interruptions, output_gap_s; the recordings lie there.",
    )


def prove_playable(aftermath: Aftermath) -> None:
    """All that came out decodes from end to end without a complaint."""
    faults = {
        piece.path.name: said
        for piece in aftermath.output.pieces
        if (said := examination.decoding_faults(piece.path))
    }
    expect(
        not faults,
        expected="recordings that decode from end to end without a complaint",
        seen=faults,
        evidence=aftermath.folder,
        hint="`ffmpeg -v error -i <recording> -f null -` shows the same.",
    )


def prove_stops_in_order(blows: Sequence[Blow]) -> None:
    """Each service of ours that was told to stop ended by itself, with exit code 0 (FR-023)."""
    for blow in blows:
        if blow.exit_code is not None and blow.strike.kind.victim in {"sts", "media"}:
            prove_exit_code_zero(blow.strike.kind.name, blow.exit_code)


def prove_all_well(stack: Topology, path: str) -> None:
    """Every service is healthy and was never restarted by the engine; the stream has ended."""
    for container in stack.containers.values():
        prove_healthy(container)
    states = {r["path_in"]: r["state"] for r in stack.media_service.streams()}
    expect(
        states.get(path) == "finished",
        expected=f"the stream of {path} finished",
        seen=states,
        hint="/v1/streams of media-service.",
    )
