"""In flight: how many fragments were at a time, and whether that was as agreed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.in_flight_proofs import (
    prove_full_and_never_over,
    prove_in_flight_fell_back,
)
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


GONE_AT, NOTICED_AT = 100.0, 102.0


def left(
    *,
    sent_at: float = 99.0,
    answered_at: float | None = None,
    dubbed: bool = False,
    heard: str = "original",
    reason: str | None = "sts_unavailable",
    out_at: float = NOTICED_AT + 1,
) -> Any:
    """What is left of a stream whose second fragment was sent then, and answered then."""

    def fragment(sent_at: float, processed_at: float | None, audio: object) -> Any:
        return SimpleNamespace(sent_at=sent_at, processed_at=processed_at, dubbed_audio=audio)

    return SimpleNamespace(
        fragments={
            0: fragment(90.0, 93.0, b"dub"),
            1: fragment(sent_at, answered_at, b"dub" if dubbed else None),
        },
        fates={
            0: SimpleNamespace(number=0, heard="dubbed", skew_ms=1.0),
            1: SimpleNamespace(number=1, heard=heard, skew_ms=2.0),
        },
        segments=[
            {"number": 0, "reason": None, "cut_at": 89, "released_at": 91, "duration_s": 6},
            {"number": 1, "reason": reason, "cut_at": 95, "released_at": out_at, "duration_s": 6},
        ],
        output_bytes=[(90 + second, 100 * second) for second in range(30)],
        seen_dubs=frozenset({0}),
        folder=Path("/made"),
    )


def test_what_was_in_flight_is_passed_through() -> None:
    prove_in_flight_fell_back(left(), gone_at=GONE_AT, noticed_at=NOTICED_AT)
    # An answer that says it failed is no dub.
    prove_in_flight_fell_back(left(answered_at=105.0), gone_at=GONE_AT, noticed_at=NOTICED_AT)


@pytest.mark.parametrize(
    "wrong",
    [
        left(sent_at=101.0),  # nothing was in flight
        left(answered_at=99.5, dubbed=True),  # it was answered before
        left(answered_at=103.0, dubbed=True, heard="dubbed"),  # and within the grace
        left(heard="silent"),  # lost
        left(heard="dubbed"),
        left(reason="timeout"),  # held until its time was over
        left(out_at=NOTICED_AT + 10),  # held for another reason
    ],
)
def test_what_was_in_flight_and_is_lost_or_held_is_noticed(wrong: Any) -> None:
    with pytest.raises(ExpectationFailed):
        prove_in_flight_fell_back(wrong, gone_at=GONE_AT, noticed_at=NOTICED_AT)
