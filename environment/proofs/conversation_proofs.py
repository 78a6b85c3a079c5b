"""Proofs about the order of a recorded conversation on the wire: every event in its turn.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from environment.expectations import expect

if TYPE_CHECKING:
    from environment.runs.observations import Observation
    from environment.runs.run import PipelineRun

OF_THE_STREAM: Final = ("media stream:init", "sts stream:ready")
"""What opens a stream, before everything else."""
OF_THE_END: Final = ("media stream:end", "sts stream:complete")
OF_A_FRAGMENT: Final = (
    "media fragment:data",
    "sts fragment:ack queued",
    "sts fragment:ack processing",
    "sts fragment:processed",
    "media fragment:ack received",
    "media fragment:ack applied",
)


def prove_in_turn(run: PipelineRun) -> None:
    """Stream and fragments were opened, answered and ended in the order that the contract has.

    By the order in which sts-service received and sent the events; it is one process.
    """
    faults = out_of_turn(run.events)
    expect(
        run.events and not faults,
        expected="the stream opened first and completed last; each fragment sent, queued, taken "
        "up, answered, received, applied, in that order",
        seen="; ".join(faults) or "no event at all",
        evidence=run.folder / "events.jsonl",
        hint="services/contracts/events.py has the events; `at` in events.jsonl their times.",
    )


def out_of_turn(events: Sequence[Observation]) -> list[str]:
    """Say of each event that came before one that it has to follow what it was."""
    named = [(_name(seen), _fragment(seen)) for seen in events]
    faults = [
        f"{name} came where {wanted} belongs"
        for (name, _), wanted in zip(named, OF_THE_STREAM, strict=False)
        if name != wanted
    ]
    closing = [name for name, _ in named if name in OF_THE_END]
    faults += _disorder("the stream", closing, OF_THE_END)
    last_answer = max((at for at, (name, _) in enumerate(named) if _is_answer(name)), default=-1)
    faults += [
        f"{name} came before the last answer"
        for name, _ in named[:last_answer]
        if name == OF_THE_END[-1]
    ]
    fragments = dict.fromkeys(fragment for _, fragment in named if fragment)
    for number, fragment in enumerate(fragments):
        own = [name for name, whose in named if whose == fragment and name in OF_A_FRAGMENT]
        faults += _disorder(f"fragment {number}", own, OF_A_FRAGMENT)
    return faults


def _disorder(of: str, names: Sequence[str], order: Sequence[str]) -> list[str]:
    return [
        f"{of}: {later} came before {earlier}"
        for later, earlier in pairwise(names)
        if order.index(later) > order.index(earlier)
    ]


def _is_answer(name: str) -> bool:
    return name == "sts fragment:processed"


def _name(seen: Observation) -> str:
    name = f"{seen.event.sender} {seen.event.event}"
    return f"{name} {seen.payload.get('status')}" if name.endswith("fragment:ack") else name


def _fragment(seen: Observation) -> str:
    return str(seen.payload.get("fragment_id") or "")
