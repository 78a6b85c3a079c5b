"""Backpressure: what a sender may do after each advice, and what it may not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import pace_proofs

if TYPE_CHECKING:
    from environment.runs.observations import Observation
    from environment.runs.run import PipelineRun


def event(at: float, name: str, **payload: object) -> Observation:
    made = SimpleNamespace(at=at, event=SimpleNamespace(event=name), payload=payload)
    return cast("Observation", made)


def sent(at: float, number: int) -> Observation:
    return event(at, "fragment:data", sequence_number=number)


def advice(at: float, action: str, delay_ms: int | None = None) -> Observation:
    return event(at, "backpressure", action=action, recommended_delay_ms=delay_ms)


RISE_AND_FALL = (
    sent(2, 0),
    sent(4, 1),
    advice(4, "slow_down", 3000),
    sent(7, 2),
    advice(7, "pause", 3000),
    sent(7.3, 3),  # it was on its way
    advice(12, "slow_down", 1000),
    sent(12.1, 4),
    advice(14, "none"),
    sent(14.1, 5),
    sent(14.2, 6),
)


def run(
    events: tuple[Observation, ...] = RISE_AND_FALL,
    waited_s: float = 5.0,
    reason: str | None = None,
) -> PipelineRun:
    segment: dict[str, Any] = {"number": 0, "cut_at": 1.0, "sent_at": 1.0 + waited_s}
    shown = SimpleNamespace(
        events=events, segments=[segment | {"reason": reason}], folder=Path("/made")
    )
    return cast("PipelineRun", shown)


def test_a_sender_that_obeys_is_accepted() -> None:
    pace_proofs.prove_pressure_rose_and_fell(run())
    pace_proofs.prove_pace_kept(run())
    pace_proofs.prove_pressure_cost_nothing(run())


@pytest.mark.parametrize(
    ("events", "complaint"),
    [
        ((sent(1, 0), advice(2, "pause"), sent(3, 1)), "fragment 1 1.0 s after pause"),
        (
            (sent(1, 0), advice(1, "slow_down", 3000), sent(3, 1)),
            "fragment 1 2.00 s after the last, asked 3.00 s",
        ),
    ],
)
def test_a_sender_that_does_not_is_told(events: tuple[Observation, ...], complaint: str) -> None:
    assert pace_proofs.out_of_pace(events) == [complaint]
    with pytest.raises(ExpectationFailed, match=complaint):
        pace_proofs.prove_pace_kept(run(events))


def test_a_run_in_which_nothing_waited_proves_nothing() -> None:
    with pytest.raises(ExpectationFailed, match="waited: none"):
        pace_proofs.prove_pace_kept(run(waited_s=0.1))


def test_a_run_that_was_never_slowed_down_proves_nothing() -> None:
    # Under the first slow_down nothing is sent, and under the second only what was on its way.
    events = tuple(each for each in RISE_AND_FALL if each.payload.get("sequence_number") != 2)
    late = (*events[:-4], advice(12, "slow_down", 1000), sent(12.4, 4), *events[-3:])

    assert pace_proofs.sent_while_slowed(RISE_AND_FALL) == [2]
    assert pace_proofs.out_of_pace(late) == []
    with pytest.raises(ExpectationFailed, match="under slow_down: none"):
        pace_proofs.prove_pace_kept(run(late))


@pytest.mark.parametrize("left_out", ["slow_down", "pause", "none"])
def test_pressure_has_to_rise_and_to_fall(left_out: str) -> None:
    events = tuple(each for each in RISE_AND_FALL if each.payload.get("action") != left_out)

    with pytest.raises(ExpectationFailed, match="rises to slow_down"):
        pace_proofs.prove_pressure_rose_and_fell(run(events))


def test_a_dub_lost_to_the_waiting_is_refused() -> None:
    with pytest.raises(ExpectationFailed, match="segment 0: timeout"):
        pace_proofs.prove_pressure_cost_nothing(run(reason="timeout"))
