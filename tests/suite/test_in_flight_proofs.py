"""In flight: how many fragments were at a time, and whether that was as agreed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.in_flight_proofs import prove_full_and_never_over
from environment.runs.in_flight import Said, most_in_flight

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun


def sent(number: int) -> Said:
    return "fragment:data", {"fragment_id": f"f{number}"}


def answered(number: int) -> Said:
    return "fragment:processed", {"fragment_id": f"f{number}"}


FULL = (sent(0), sent(1), answered(0), sent(2), answered(1), answered(2))


@pytest.mark.parametrize(
    ("events", "most"),
    [
        ((), 0),
        ((sent(0), answered(0), sent(1), answered(1)), 1),
        (FULL, 2),
        ((sent(0), sent(0), answered(0)), 1),  # sent again
        ((sent(0), sent(1), sent(2), answered(0)), 3),
    ],
)
def test_fragments_in_flight_are_counted(events: tuple[Said, ...], most: int) -> None:
    assert most_in_flight(events) == most


def run(*events: Said, agreed: int = 2, held_s: float = 1.5) -> PipelineRun:
    ready: Said = ("stream:ready", {"max_inflight": agreed})
    seen = [
        SimpleNamespace(event=SimpleNamespace(event=event), payload=payload)
        for event, payload in (ready, *events)
    ]
    segments: list[dict[str, Any]] = [
        {"number": 2, "cut_at": 6.0, "sent_at": 6.0 + held_s},
        {"number": 3, "cut_at": 7.0, "sent_at": None},
    ]
    made = SimpleNamespace(events=seen, segments=segments, folder=Path("/made"))
    return cast("PipelineRun", made)


def test_a_full_wire_with_one_that_waits_is_accepted() -> None:
    prove_full_and_never_over(run(*FULL), 2)


@pytest.mark.parametrize(
    "wrong",
    [
        run(sent(0), answered(0), sent(1), answered(1)),  # never full
        run(sent(0), sent(1), sent(2), answered(0)),  # over it
        run(*FULL, held_s=0.1),  # nothing was there to be sent
        run(*FULL, agreed=3),
    ],
)
def test_a_wire_that_was_never_full_or_over_it_is_refused(wrong: PipelineRun) -> None:
    with pytest.raises(ExpectationFailed, match="never more"):
        prove_full_and_never_over(wrong, 2)
