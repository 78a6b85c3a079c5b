"""Proofs about media-service's metrics: they count what can be heard and seen (FR-044).

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.stack.metrics import Metrics, total

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath
    from environment.runs.observations import Observation
    from environment.runs.run import PipelineRun
    from environment.stack.topology import Topology

FALLBACKS: Final = "media_service_fragments_fallback_total"
PROCESSING: Final = "media_service_fragment_processing_seconds_sum"
_ROUNDED_S: Final = 0.001
"""The wire's times are whole milliseconds."""


def prove_fallbacks_counted(stack: Topology, aftermath: Aftermath, before: Metrics) -> None:
    """The counter of fallbacks grew by the segments that kept their own sound, reason by reason.

    Those that media-service reported, and as many as can be heard in the output. ``before`` was
    read when no stream was there; this one is the only one since.
    """
    after = stack.media_service.metrics()
    reasons = {dict(labels).get("reason", "") for name, labels in after if name == FALLBACKS}
    counted = {reason: grown for reason in reasons if (grown := _grown(before, after, reason))}
    told = Counter(str(s["reason"]) for s in aftermath.segments if s["outcome"] == "original")
    heard = Counter(fate.heard for fate in aftermath.fates.values())
    in_all = total(after, FALLBACKS, {}) - total(before, FALLBACKS, {})
    expect(
        counted == told and heard["original"] <= in_all <= heard["original"] + heard["silent"],
        expected=f"{FALLBACKS} grown by {dict(told)}, as reported, and by the "
        f"{heard['original']} segments that are heard with their original sound",
        seen=f"{counted}, {in_all:g} in all; heard: {dict(heard)}",
        evidence=aftermath.folder / "aftermath.json",
        hint="/metrics of media-service; its log: segment_released, with the reason.",
    )


def prove_processing_time_counted(run: PipelineRun) -> None:
    """The sum of the processing times grew by what the round trips took, as seen on the wire.

    A round trip is within the time from a segment's cut to the word that its result is there, and
    around that from the fragment's coming to sts-service to its result's going.
    """
    trips = [_trip(run, fragment.fragment_id) for fragment in run.fragments]
    whole = [trip for trip in trips if None not in trip.values()]
    within = len(trips) * _ROUNDED_S
    least_s = sum(trip["answered"] - trip["taken"] for trip in whole) - within
    most_s = sum(trip["received"] - trip["cut"] for trip in whole) + within
    grown_s = run.metric_increase(PROCESSING)
    expect(
        trips and len(whole) == len(trips) and least_s <= grown_s <= most_s,
        expected=f"{PROCESSING} grown by {least_s:.3f} to {most_s:.3f} s, in {len(trips)} trips",
        seen=f"{grown_s:.3f} s; trips seen from end to end: {len(whole)}",
        evidence=run.folder / "events.jsonl",
        hint="metrics_before and metrics_after in run.json.",
    )


def _grown(before: Metrics, after: Metrics, reason: str) -> float:
    labels = {"reason": reason}
    return total(after, FALLBACKS, labels) - total(before, FALLBACKS, labels)


def _trip(run: PipelineRun, fragment_id: str) -> dict[str, Any]:
    """When a fragment was cut, taken and answered by STS, and its result received; None: unseen."""
    first: dict[tuple[str, str | None], Observation] = {}
    for seen in run.events:
        if seen.payload.get("fragment_id") == fragment_id:
            sender, status = str(seen.event.sender), seen.payload.get("status")
            of_media = sender == "media" and seen.event.event == "fragment:ack"
            first.setdefault((seen.event.event, status if of_media else None), seen)
    sent = first.get(("fragment:data", None))
    answered = first.get(("fragment:processed", None))
    received = first.get(("fragment:ack", "received"))
    return {
        "cut": sent and sent.payload["timestamp"] / 1000,
        "taken": sent and sent.at,
        "answered": answered and answered.at,
        "received": received and received.at,
    }
