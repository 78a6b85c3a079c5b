"""Proofs that media-service keeps to the number of fragments in flight that was agreed.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.runs.in_flight import most_in_flight

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun

HELD_AT_LEAST_S: Final = 0.5
"""A fragment that went out this long after its segment was cut was held back."""


def prove_full_and_never_over(run: PipelineRun, limit: int) -> None:
    """That many fragments were in flight at a time, never more, though another one was there.

    By the wire; which of them were held back by media-service's own times.
    """
    agreed = [s.payload["max_inflight"] for s in run.events if s.event.event == "stream:ready"]
    most = most_in_flight((seen.event.event, seen.payload) for seen in run.events)
    held_s = {
        segment["number"]: round(segment["sent_at"] - segment["cut_at"], 2)
        for segment in run.segments
        if segment["sent_at"] and segment["sent_at"] - segment["cut_at"] > HELD_AT_LEAST_S
    }
    expect(
        agreed == [limit] and most == limit and held_s,
        expected=f"{limit} in flight, as agreed, never more, and another that waited for its turn",
        seen=f"agreed {agreed}, in flight {most} at most, held back: {held_s or 'none'}",
        evidence=run.folder / "events.jsonl",
        hint="stream:ready has what was agreed; cut_at and sent_at of each segment in run.json.",
    )
