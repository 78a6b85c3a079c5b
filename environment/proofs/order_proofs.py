"""Proofs about several fragments of one stream: none lost, none twice, all in their order.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.runs.at_work import at_work, overtakings, side_by_side

if TYPE_CHECKING:
    from environment.runs.exchange import Exchange


_SURELY_S: Final = 0.2
_AT_ONCE_S: Final = 0.05
"""Far more than what one service's own clock, told in milliseconds, can be off."""


def prove_overtaken(exchange: Exchange) -> None:
    """A fragment was done with before one of a lower number, and its result came behind that."""
    spans = at_work(exchange.events)
    expect(
        overtakings(spans, _SURELY_S) and [s.number for s in spans] == sorted(_numbers(exchange)),
        expected=f"a fragment that is done {_SURELY_S:g} s or more before an earlier one, and "
        "given out behind it",
        seen=[str(span) for span in spans],
        evidence=exchange.folder / "events.jsonl",
        hint="fragment:ack with status processing, and processing_time_ms; STS_WORKERS.",
    )


def prove_side_by_side(exchange: Exchange) -> None:
    """sts-service had two fragments of the stream at work at the same time."""
    spans = at_work(exchange.events)
    expect(
        side_by_side(spans, _AT_ONCE_S),
        expected=f"two fragments at work at once, for {_AT_ONCE_S:g} s or more",
        seen=[str(span) for span in spans],
        evidence=exchange.folder / "events.jsonl",
        hint="fragment:ack with status processing, and processing_time_ms; STS_WORKERS.",
    )


def prove_all_in_order(exchange: Exchange) -> None:
    """Every fragment was processed well, and the results came in the order of their numbers."""
    numbers = [int(result["sequence_number"]) for result in exchange.results]
    states = [result["status"] for result in exchange.results]
    expect(
        exchange.fragments
        and numbers == list(range(len(exchange.fragments)))
        and set(states) == {"success"},
        expected=f"{len(exchange.fragments)} successes, in the order 0, 1, 2 ...",
        seen=list(zip(numbers, states, strict=True)),
        evidence=exchange.folder / "events.jsonl",
        hint="sts-service gives results out in order, whatever order its workers finish in.",
    )


def prove_none_lost_or_doubled(exchange: Exchange) -> None:
    """Each fragment that was sent has one result, its own; the stream's sum says the same."""
    sent = [fragment.fragment_id for fragment in exchange.fragments]
    answered = Counter(str(result["fragment_id"]) for result in exchange.results)
    statistics = _sum_of(exchange)
    expect(
        answered == Counter(dict.fromkeys(sent, 1))
        and statistics == {"total": len(sent), "success": len(sent), "partial": 0, "failed": 0}
        and not exchange.violations,
        expected="one result for each fragment that was sent, and stream:complete counts as many",
        seen=f"{dict(answered)} for {sent}; {statistics}; {exchange.violations}",
        evidence=exchange.folder / "events.jsonl",
        hint="the ids in fragment:data and fragment:processed; sts-service's ordering.",
    )


def prove_own_sounds(exchange: Exchange) -> None:
    """Each result speaks of its own fragment: no two say the same of different sounds."""
    said = [fragment.transcript for fragment in exchange.fragments]
    expect(
        len(set(said)) == len(said) and all(said),
        expected="a transcript of its own for each fragment",
        seen=said,
        evidence=exchange.folder / "run.json",
        hint="the workers of sts-service: a result that went to another fragment's id.",
    )


def _numbers(exchange: Exchange) -> list[int]:
    return [fragment.sequence_number for fragment in exchange.fragments]


def _sum_of(exchange: Exchange) -> dict[str, Any]:
    for seen in exchange.events:
        if seen.event.event == "stream:complete":
            counted = seen.payload["statistics"]
            counts = {name: counted[f"{name}_count"] for name in ("success", "partial", "failed")}
            return {"total": seen.payload["total_fragments"], **counts}
    return {}
