"""Proofs about fragments in flight: how many at a time, and what becomes of them without STS.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.proofs.survival_proofs import prove_fates, prove_none_waited
from environment.runs.in_flight import most_in_flight

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath
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


def prove_in_flight_fell_back(aftermath: Aftermath, *, gone_at: float, noticed_at: float) -> None:
    """What was with STS when it was told to go (Unix seconds), and got no dub, is in the output.

    With its original audio, and not held since media-service knew (``noticed_at``). There is at
    least one such fragment; one that was still answered is dubbed.
    """
    with_sts = {
        number: fragment
        for number, fragment in aftermath.fragments.items()
        if fragment.sent_at <= gone_at
        and (fragment.processed_at is None or fragment.processed_at > gone_at)
    }
    undubbed = [number for number, fragment in with_sts.items() if fragment.dubbed_audio is None]
    expect(
        undubbed,
        expected="a fragment that STS had when it was told to go, and did not answer",
        seen=f"with STS then, and answered: {sorted(with_sts) or 'none'}",
        evidence=aftermath.folder / "wire.jsonl",
        hint="it has to be slow: what it can answer within its grace it answers.",
    )
    prove_fates(aftermath, dubbed=set(with_sts) - set(undubbed), original=undubbed)
    prove_none_waited(aftermath, gone_at=gone_at, noticed_at=noticed_at)
