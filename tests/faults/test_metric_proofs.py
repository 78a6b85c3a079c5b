"""The proofs about the services' metrics: each fails on what is not so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.account import Fate, Heard
from environment.proofs.metric_proofs import (
    FALLBACKS,
    PROCESSING,
    STS_PROCESSED,
    STS_RECEIVED,
    STS_SECONDS,
    prove_fallbacks_counted,
    prove_processing_time_counted,
    prove_sts_counted,
)
from environment.stack.metrics import MetricMissing, Metrics, total

REASONS = ("timeout", "sts_unavailable")


def fallbacks(**counted: float) -> Metrics:
    return {
        (FALLBACKS, frozenset({("reason", reason)})): counted.get(reason, 0.0) for reason in REASONS
    }


def stack(after: Metrics) -> Any:
    return SimpleNamespace(media_service=SimpleNamespace(metrics=lambda: after))


def left(heard: Mapping[int, Heard], reasons: Mapping[int, str]) -> Any:
    """A stream whose segments sound like that; those that have a reason are reported undubbed."""
    return SimpleNamespace(
        fates={n: Fate(n, word, 6.0 * n, 3.0, 0.9) for n, word in heard.items()},
        segments=[
            {
                "number": n,
                "outcome": "original" if n in reasons else "dubbed",
                "reason": reasons.get(n),
            }
            for n in heard
        ],
        folder=Path("kept"),
    )


HEARD: dict[int, Heard] = {0: "dubbed", 1: "original", 2: "original", 3: "dubbed", 4: "original"}
WHY = {1: "timeout", 2: "sts_unavailable", 4: "sts_unavailable"}


def test_fallbacks_are_counted_by_their_reasons() -> None:
    prove_fallbacks_counted(
        stack(fallbacks(timeout=4, sts_unavailable=2)), left(HEARD, WHY), fallbacks(timeout=3)
    )
    prove_fallbacks_counted(stack(fallbacks()), left({0: "dubbed"}, {}), fallbacks())
    # What is silent in the source is so in the output, dubbed or not.
    quiet: dict[int, Heard] = {**HEARD, 4: "silent"}
    prove_fallbacks_counted(
        stack(fallbacks(timeout=1, sts_unavailable=2)), left(quiet, WHY), fallbacks()
    )


@pytest.mark.parametrize(
    ("after", "stream"),
    [
        (fallbacks(), left(HEARD, WHY)),  # never counted
        (fallbacks(timeout=1, sts_unavailable=1), left(HEARD, WHY)),  # one of them not
        (fallbacks(timeout=2, sts_unavailable=1), left(HEARD, WHY)),  # by another reason
        (fallbacks(timeout=1, sts_unavailable=3), left(HEARD, WHY)),  # once too often
        (fallbacks(), left(HEARD, {})),  # told and counted as dubbed, and heard otherwise
        (fallbacks(timeout=1), left({0: "dubbed"}, {0: "timeout"})),  # dubbed all the same
    ],
)
def test_fallbacks_that_are_counted_otherwise_are_noticed(after: Metrics, stream: Any) -> None:
    with pytest.raises(ExpectationFailed, match=FALLBACKS):
        prove_fallbacks_counted(stack(after), stream, fallbacks())


def test_a_counter_of_another_name_is_noticed() -> None:
    with pytest.raises(MetricMissing, match=FALLBACKS):
        prove_fallbacks_counted(stack({}), left({0: "dubbed"}, {}), {})


def seen(at: float, sender: str, event: str, **payload: object) -> Any:
    return SimpleNamespace(
        at=at, event=SimpleNamespace(sender=sender, event=event), payload=payload
    )


def trip(fragment_id: str, cut_at: float, took_s: float) -> list[Any]:
    """Cut, 0.1 s later with STS, dubbed, and 0.1 s later said to be there."""
    answered_at = cut_at + 0.1 + took_s
    of: dict[str, Any] = {"fragment_id": fragment_id}
    return [
        seen(cut_at + 0.1, "media", "fragment:data", timestamp=1000 * cut_at, **of),
        seen(cut_at + 0.11, "sts", "fragment:ack", status="received", **of),
        seen(answered_at, "sts", "fragment:processed", status="success", **of),
        seen(answered_at + 0.1, "media", "fragment:ack", status="received", **of),
        seen(answered_at + 2.0, "media", "fragment:ack", status="applied", **of),
    ]


def run(grown_s: float, events: list[Any], name: str = PROCESSING) -> Any:
    after = {(name, frozenset[tuple[str, str]]()): grown_s}
    return SimpleNamespace(
        fragments=[SimpleNamespace(fragment_id="a"), SimpleNamespace(fragment_id="b")],
        events=events,
        folder=Path("kept"),
        metric_increase=lambda wanted: total(after, wanted, {}),
    )


TRIPS = [*trip("a", 10.0, 1.0), *trip("b", 16.0, 2.0)]


@pytest.mark.parametrize("grown_s", [3.0, 3.2, 3.4])
def test_the_processing_time_is_that_of_the_round_trips(grown_s: float) -> None:
    prove_processing_time_counted(run(grown_s, TRIPS))


@pytest.mark.parametrize("grown_s", [0.0, 0.003, 2.9, 3.5, 3200.0])
def test_another_processing_time_is_noticed(grown_s: float) -> None:
    with pytest.raises(ExpectationFailed, match=r"grown by 2\.998 to 3\.402 s"):
        prove_processing_time_counted(run(grown_s, TRIPS))


def test_a_trip_that_was_not_seen_to_its_end_proves_nothing() -> None:
    unsaid = [
        e for e in TRIPS if e.payload["fragment_id"] == "a" or e.payload.get("status") is None
    ]
    with pytest.raises(ExpectationFailed, match="seen from end to end: 1"):
        prove_processing_time_counted(run(1.2, unsaid))
    with pytest.raises(MetricMissing):
        prove_processing_time_counted(run(3.2, TRIPS, name="renamed_seconds_sum"))


def sts(received: float = 7, took_s: float = 4.5, timed: float = 7, **results: float) -> Metrics:
    """Samples of an sts-service that had counted five fragments of 0.5 s before."""
    results = {"success": 7, "partial": 0, "failed": 0} | results
    plain = {STS_RECEIVED: received, f"{STS_SECONDS}_sum": took_s, f"{STS_SECONDS}_count": timed}
    return {(name, frozenset[tuple[str, str]]()): value for name, value in plain.items()} | {
        (STS_PROCESSED, frozenset({("status", status)})): count for status, count in results.items()
    }


def answered(after: Metrics | None, second: str = "success") -> Any:
    times = (("success", 800), (second, 1200))
    return SimpleNamespace(
        fragments=[SimpleNamespace(status=word, processing_time_ms=ms) for word, ms in times],
        folder=Path("kept"),
        sts_metrics_before=None if after is None else sts(5, 2.5, 5, success=5),
        sts_metrics_after=after,
    )


def test_sts_counts_what_the_wire_shows() -> None:
    prove_sts_counted(answered(sts()))
    prove_sts_counted(answered(sts(success=6, failed=1), second="failed"))
    prove_sts_counted(answered(None))


@pytest.mark.parametrize(
    ("after", "second"),
    [
        (sts(received=6), "success"),
        (sts(success=5), "success"),
        (sts(failed=2), "success"),  # counted twice, once as something else
        (sts(dubbed=2), "success"),  # by a name of its own
        (sts(), "failed"),
        (sts(timed=5), "success"),
        (sts(took_s=2.5), "success"),
        (sts(took_s=2002.5), "success"),  # milliseconds
    ],
)
def test_what_sts_counts_otherwise_is_noticed(after: Metrics, second: str) -> None:
    with pytest.raises(ExpectationFailed, match=STS_PROCESSED):
        prove_sts_counted(answered(after, second))


def test_a_metric_of_sts_that_is_not_there_is_noticed() -> None:
    with pytest.raises(MetricMissing):
        prove_sts_counted(answered({}))
