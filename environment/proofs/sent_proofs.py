"""Proofs that behind a fault each segment is still dubbed for what is said in it.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.measuring.sendings import repeated_dubs
from environment.proofs.wire_proofs import PLACE_WITHIN_S

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath

_WITHIN_MS: Final = 1000 * PLACE_WITHIN_S


def prove_dubs_are_theirs(aftermath: Aftermath) -> None:
    """What was sent for each segment is the source's sound of its place (FR-024, SC-006).

    And no dub is that of the segment before it: it answers what was sent.
    """
    elsewhere = [
        str(sending)
        for sending in aftermath.sent
        if sending.off_ms is None or abs(sending.off_ms) > _WITHIN_MS
    ]
    expect(
        not elsewhere,
        expected=f"in each fragment the source's sound of its segment, within {_WITHIN_MS:g} "
        "ms of its place",
        seen="; ".join(elsewhere),
        evidence=aftermath.folder,
        hint="the segmenter behind a resumption: its time zero, and the samples that it drops.",
    )
    repeated = repeated_dubs(aftermath.parts)
    expect(
        not repeated,
        expected="another dub for each segment",
        seen=f"one and the same for the segments {repeated}",
        evidence=aftermath.folder,
        hint="sts-service's answers by their sequence_number: what is kept for repeats?",
    )
