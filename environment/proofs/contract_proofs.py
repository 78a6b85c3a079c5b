"""Proof that nobody broke the wire's contract, whatever a scenario was about.

Raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from environment.expectations import expect

if TYPE_CHECKING:
    from environment.runs.observations import Observation

OUR_WORKER: Final = "media-service/"
"""Begins the ``worker_id`` with which media-service opens its streams."""
_MOST_TOLD: Final = 10


def prove_wire_kept(events: Sequence[Observation], folder: Path) -> None:
    """Every event that sts-service or media-service sent is as the models of the wire have it.

    What strangers send is their own affair: scenarios send garbage on purpose.
    """
    ours = _connections_of_media_service(events)
    faults = [
        f"{seen.event.sender} {seen.event.event} at {seen.at:.3f}: {seen.violation}"
        for seen in events
        if seen.violation and (seen.event.sender == "sts" or seen.event.connection in ours)
    ]
    expect(
        not faults,
        expected="every event of both services as services/contracts has it",
        seen="; ".join(faults[:_MOST_TOLD]),
        evidence=folder,
        hint="events.jsonl there has the payloads; services/contracts/events.py is the contract.",
    )


def _connections_of_media_service(events: Sequence[Observation]) -> set[str]:
    return {
        seen.event.connection
        for seen in events
        if seen.event.sender == "media"
        and str(seen.payload.get("worker_id", "")).startswith(OUR_WORKER)
    }
