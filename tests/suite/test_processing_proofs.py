"""Order and latency: each proof is shown what it must accept and what it must refuse."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import latency_proofs, order_proofs
from environment.runs.exchange import Exchange
from environment.runs.run import PipelineRun


def event(name: str, **payload: Any) -> Any:
    return SimpleNamespace(event=SimpleNamespace(event=name), payload=payload, violation=None)


def made(
    *numbers: int, sent: int = 3, counted: int = 3, said: str = "abc", status: str = "success"
) -> Exchange:
    """An exchange whose results came in the order of ``numbers``."""
    results = [
        event("fragment:processed", fragment_id=f"id-{n}", sequence_number=n, status=status)
        for n in numbers
    ]
    statistics = {"success_count": counted, "partial_count": 0, "failed_count": 0}
    end = event("stream:complete", total_fragments=counted, statistics=statistics)
    fragments = tuple(
        cast("Any", SimpleNamespace(fragment_id=f"id-{n}", sequence_number=n, transcript=said[n]))
        for n in range(sent)
    )
    return Exchange(None, Path("/made"), fragments, (*results, end))


def worked(*spans_s: tuple[float, float], given_out: tuple[int, ...] | None = None) -> Exchange:
    """An exchange whose fragments were at work from then to then, given out in that order."""
    acks = [
        event("fragment:ack", fragment_id=f"id-{n}", status=status, timestamp=round(1000 * begun_s))
        for n, (begun_s, _) in enumerate(spans_s)
        for status in ("queued", "processing")
    ]
    results = [
        event(
            "fragment:processed",
            fragment_id=f"id-{n}",
            sequence_number=n,
            processing_time_ms=round(1000 * (spans_s[n][1] - spans_s[n][0])),
        )
        for n in given_out or range(len(spans_s))
    ]
    fragments = tuple(cast("Any", SimpleNamespace(sequence_number=n)) for n in range(len(spans_s)))
    return Exchange(None, Path("/made"), fragments, (*acks, *results))


def run(*times_s: float | None, outcome: str = "dubbed", audio: object = b"") -> PipelineRun:
    fragments = [
        SimpleNamespace(
            sequence_number=n, round_trip_s=time_s, status="success", dubbed_audio=audio, error=None
        )
        for n, time_s in enumerate(times_s)
    ]
    segments = [
        *({"number": n, "outcome": outcome, "reason": None} for n in range(len(times_s))),
        {"number": len(times_s), "outcome": "original", "reason": "tail"},
    ]
    shown = SimpleNamespace(fragments=fragments, segments=segments, folder=Path("/made"))
    return cast("PipelineRun", shown)


def test_all_results_in_order_are_accepted() -> None:
    exchange = made(0, 1, 2)

    order_proofs.prove_all_in_order(exchange)
    order_proofs.prove_none_lost_or_doubled(exchange)
    order_proofs.prove_own_sounds(exchange)


@pytest.mark.parametrize(
    "wrong", [made(0, 2, 1), made(0, 1), made(0, 1, 2, status="failed"), made(sent=0)]
)
def test_another_order_is_refused(wrong: Exchange) -> None:
    with pytest.raises(ExpectationFailed, match="in the order"):
        order_proofs.prove_all_in_order(wrong)


@pytest.mark.parametrize("wrong", [made(0, 1), made(0, 1, 1, 2), made(0, 1, 2, counted=2)])
def test_lost_and_doubled_results_are_refused(wrong: Exchange) -> None:
    with pytest.raises(ExpectationFailed, match="one result for each"):
        order_proofs.prove_none_lost_or_doubled(wrong)


def test_the_same_words_twice_are_refused() -> None:
    with pytest.raises(ExpectationFailed, match="of its own"):
        order_proofs.prove_own_sounds(made(0, 1, 2, said="aba"))


def test_an_overtaken_fragment_is_seen() -> None:
    order_proofs.prove_overtaken(worked((0, 4), (0.1, 1.2), (1.2, 5)))


@pytest.mark.parametrize(
    "wrong",
    [
        worked((0, 1), (0.1, 1.2), (1.2, 5)),  # each done in its turn
        worked((0, 1), (0.1, 0.95)),  # nobody could tell
        worked((0, 4), (0.1, 1.2), given_out=(1, 0)),  # and given out before it
        worked((0, 4), (0.1, 1.2), (4, 5), given_out=(0, 1)),  # one has no result
        worked(),
    ],
)
def test_fragments_that_did_not_overtake_are_refused(wrong: Exchange) -> None:
    with pytest.raises(ExpectationFailed, match="before an earlier one"):
        order_proofs.prove_overtaken(wrong)


def test_fragments_side_by_side_are_seen() -> None:
    order_proofs.prove_side_by_side(worked((0, 1), (1, 2), (1.5, 3)))


@pytest.mark.parametrize("wrong", [worked((0, 1), (1, 2), (2, 3)), worked((0, 1), (0.98, 2))])
def test_fragments_one_after_another_are_refused(wrong: Exchange) -> None:
    with pytest.raises(ExpectationFailed, match="two fragments at work at once"):
        order_proofs.prove_side_by_side(wrong)


def test_latency_that_varies_is_accepted() -> None:
    latency_proofs.prove_latency_varied(run(5.2, 14.0, 9.0), 5, 15)
    latency_proofs.prove_dubs_received(run(5.2, 14.0, 9.0))


@pytest.mark.parametrize(
    "wrong", [run(4.9, 14.0), run(5.2, 15.1), run(6.0, 7.0), run(5.2, 14.0, None), run()]
)
def test_other_latency_is_refused(wrong: PipelineRun) -> None:
    with pytest.raises(ExpectationFailed, match="results after 5 to 15 s"):
        latency_proofs.prove_latency_varied(wrong, 5, 15)


@pytest.mark.parametrize("wrong", [run(6.0, outcome="original"), run(6.0, audio=None), run()])
def test_a_dub_that_was_not_used_is_refused(wrong: PipelineRun) -> None:
    with pytest.raises(ExpectationFailed, match="a dub for every segment"):
        latency_proofs.prove_dubs_received(wrong)
