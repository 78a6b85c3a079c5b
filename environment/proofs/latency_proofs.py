"""Proofs about a run whose results took unequally long: what that did to the output.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment.expectations import expect

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun


def prove_latency_varied(run: PipelineRun, lowest_s: float, highest_s: float) -> None:
    """Every result took between the two, and they differ by more than half of that range."""
    times_s = [fragment.round_trip_s for fragment in run.fragments]
    known_s = [time_s for time_s in times_s if time_s is not None]
    expect(
        len(known_s) == len(times_s) > 0
        and lowest_s <= min(known_s)
        and max(known_s) <= highest_s
        and max(known_s) - min(known_s) > (highest_s - lowest_s) / 2,
        expected=f"results after {lowest_s:g} to {highest_s:g} s, unlike each other",
        seen=[None if time_s is None else f"{time_s:.1f} s" for time_s in times_s],
        evidence=run.folder / "run.json",
        hint="DEBUG_DELAY_S of sts-service makes the difference; its log warns of it at start.",
    )


def prove_dubs_received(run: PipelineRun) -> None:
    """Every fragment came back with its dub, and media-service put every one into its output."""
    faults = [
        f"fragment {fragment.sequence_number}: {fragment.status}, {fragment.error}"
        for fragment in run.fragments
        if fragment.status != "success" or fragment.dubbed_audio is None
    ]
    faults += [
        f"segment {segment['number']}: {segment['outcome']}, {segment['reason']}"
        for segment in run.segments
        if segment["reason"] != "tail" and segment["outcome"] != "dubbed"
    ]
    expect(
        run.fragments and not faults,
        expected="a dub for every segment, taken into the output",
        seen="; ".join(faults) or "no fragment",
        evidence=run.folder / "run.json",
        hint="FRAGMENT_TIMEOUT_S counts from the cut of a segment; a late result is not used.",
    )
