"""Proofs about a stream that goes on behind a restart: where it does, and what is missing.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.proofs.continuity_proofs import prove_pictures_out
from environment.proofs.sent_proofs import prove_dubs_are_theirs
from environment.proofs.survival_proofs import (
    SYNC_WITHIN_MS,
    prove_numbers_whole,
    prove_told_as_heard,
)

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath

BEYOND_RESTART_S: Final = 1.0
"""What gap or overlap may be more than the restart itself."""
_FRAME_S: Final = 0.1
"""A frame of sound or picture, and FLV's milliseconds."""
_OUT: Final = frozenset({"dubbed", "original"})


def prove_same_stream(aftermath: Aftermath, reports: Collection[str], stream_id: str) -> None:
    """media-service has gone on with the stream it had: one stream, by one id."""
    expect(
        set(reports) == {stream_id} and aftermath.report["stream_id"] == stream_id,
        expected=f"the stream {stream_id}, and no other, of that path",
        seen=sorted(reports),
        evidence=aftermath.folder / "aftermath.json",
        hint="media-service's log: checkpoint_taken_up, stream_resumed.",
    )


def prove_interrupted_once(aftermath: Aftermath, reasons: Collection[str]) -> Mapping[str, Any]:
    """The report has one interruption, for one of these reasons; return it."""
    said = [dict(i) for i in aftermath.report.get("interruptions", [])]
    expect(
        len(said) == 1 and said[0]["reason"] in reasons and said[0]["number"] is not None,
        expected=f"one interruption: {' or '.join(reasons)}, with the number after it",
        seen=said,
        evidence=aftermath.folder / "aftermath.json",
        hint="/v1/streams of media-service: interruptions.",
    )
    return said[0]


def prove_all_out(aftermath: Aftermath) -> None:
    """Each segment, numbered without a hole, is dubbed in the output's bytes: STS was there.

    So are those that were in hand when it was interrupted; only what STS heard nobody in may be as
    it was. In sync with its own pictures, wherever those can be seen (SC-005, SC-006, FR-023,
    FR-024).
    """
    prove_numbers_whole(aftermath)
    prove_told_as_heard(aftermath)
    prove_dubs_are_theirs(aftermath)
    wrong = [
        str(fate)
        for number, fate in aftermath.fates.items()
        if fate.heard not in (_OUT if number in aftermath.wordless else {"dubbed"})
        or abs(fate.skew_ms or 0.0) > SYNC_WITHIN_MS
    ]
    expect(
        not wrong,
        expected="every segment dubbed in the output, or as it was if STS heard nobody in it, "
        f"within {SYNC_WITHIN_MS:g} ms of its picture",
        seen="; ".join(wrong),
        evidence=aftermath.folder,
        hint="what was in hand is kept on disk and published afterwards: segments_recovered.",
    )
    prove_pictures_out(aftermath)


def prove_clock_goes_on(aftermath: Aftermath, away_s: float) -> None:
    """The output's timestamps only grow, over its breaks too, and no gap is longer than allowed.

    ``away_s`` is how long the restart took; a gap or an overlap may be one second more.
    """
    pieces, gaps = aftermath.output.pieces, aftermath.output.gaps_s
    expect(
        len(pieces) > 1
        and all(piece.monotonic for piece in pieces)
        and all(-_FRAME_S <= gap <= away_s + BEYOND_RESTART_S for gap in gaps),
        expected=f"timestamps that only grow, with at most {away_s + BEYOND_RESTART_S:.2f} s "
        "between two publications of the output",
        seen=f"{len(pieces)} publications, gaps {[round(gap, 3) for gap in gaps]} s, monotonic: "
        f"{[piece.monotonic for piece in pieces]}",
        evidence=aftermath.folder,
        hint="/v1/streams: interruptions, output_gap_s; the recordings lie there.",
    )


def prove_pieces(aftermath: Aftermath, count: int) -> None:
    """The output was published that many times, and its timestamps only grow each time."""
    pieces = aftermath.output.pieces
    expect(
        len(pieces) == count and all(piece.monotonic for piece in pieces),
        expected=f"{count} publications of the output, with timestamps that only grow",
        seen=[str(piece) for piece in pieces],
        evidence=aftermath.folder,
        hint="media-service's log: output_connected, and why it was connected anew.",
    )


def prove_went_on(aftermath: Aftermath, reason: str, away_s: float, length_s: float) -> None:
    """It was interrupted once, for that reason, and went on with all its segments, on its clock.

    A source that was lost leaves the output as it is; who carries the stream does not.
    """
    said = prove_interrupted_once(aftermath, [reason])
    prove_all_out(aftermath)
    if reason == "input_lost":
        prove_pieces(aftermath, 1)
        return
    prove_resumed_at_boundary(aftermath, said, away_s, length_s)
    prove_clock_goes_on(aftermath, away_s)


def prove_gap_reported(aftermath: Aftermath, said: Mapping[str, Any]) -> None:
    """The gap that the report tells is the one between the recordings."""
    gaps, told = aftermath.output.gaps_s, said.get("output_gap_s")
    expect(
        told is not None and any(abs(gap - float(told)) <= _FRAME_S for gap in gaps),
        expected=f"output_gap_s to be one of {[round(gap, 3) for gap in gaps]}",
        seen=told,
        evidence=aftermath.folder / "aftermath.json",
        hint="/v1/streams: interruptions, output_gap_s.",
    )


def prove_resumed_at_boundary(
    aftermath: Aftermath, said: Mapping[str, Any], away_s: float, length_s: float
) -> None:
    """The next number begins where the source was read again; what lies before it came to its end.

    All segments are whole but the one in hand, and no more of the source is missing than the
    restart took, and one second. By where their sound lies in the recorded source.
    """
    number = int(said["number"])
    parts = {part.number: part for part in aftermath.parts}
    short = [p.number for p in aftermath.parts if abs(p.duration_s - length_s) > _FRAME_S]
    gaps = {
        after.number: after.start_s - before.start_s - before.duration_s
        for before, after in pairwise(aftermath.parts)
    }
    elsewhere = {n: round(gap, 3) for n, gap in gaps.items() if n != number and abs(gap) > _FRAME_S}
    last = max(parts)
    expect(
        number in parts
        and set(short) <= {number - 1, last}
        and not elsewhere
        and -_FRAME_S <= gaps.get(number, 0.0) <= away_s + BEYOND_RESTART_S,
        expected=f"segment {number} to begin at most {away_s + BEYOND_RESTART_S:.2f} s behind the "
        f"one before it, and all others of {length_s:g} s where the one before ends",
        seen=f"{gaps.get(number)} s behind it; other gaps: {elsewhere}; shorter: {short}",
        evidence=aftermath.folder / "aftermath.json",
        hint="/v1/streams: interruptions, gap_s; media-service's log: checkpoint_taken_up.",
    )


def prove_nothing_held_back(aftermath: Aftermath) -> None:
    """What was recorded of the source lies in some segment, to the last second of it.

    What the media server had not passed on when it stopped, nobody could have published.
    """
    source_end_s = aftermath.source.pieces[-1].end_s
    known_end_s = max((p.start_s + p.duration_s for p in aftermath.parts), default=0.0)
    expect(
        source_end_s - known_end_s <= BEYOND_RESTART_S,
        expected=f"segments up to the source's end at {source_end_s:.2f} s, within a second",
        seen=f"up to {known_end_s:.2f} s",
        evidence=aftermath.folder / "aftermath.json",
        hint="the segment in hand ends where the source does, however short it is.",
    )
