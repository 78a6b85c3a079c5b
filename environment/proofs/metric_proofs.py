"""Proofs about the services' metrics: they count what can be heard and seen (FR-044).

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
STS_RECEIVED: Final = "sts_fragments_received_total"
STS_PROCESSED: Final = "sts_fragments_processed_total"
STS_SECONDS: Final = "sts_fragment_processing_seconds"
_RESULTS: Final = ("success", "partial", "failed")
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


def prove_sts_counted(run: PipelineRun) -> None:
    """The counters of sts-service grew by the results of the wire, and by their times (FR-044).

    They are not asked where the endpoint is somebody else's: the run has none of them then.
    """
    before, after = run.sts_metrics_before, run.sts_metrics_after
    if before is None or after is None:
        return
    told = Counter(str(fragment.status) for fragment in run.fragments)
    took_s = sum(fragment.processing_time_ms or 0 for fragment in run.fragments) / 1000
    wanted: dict[str, float] = {status: told[status] for status in sorted({*told, *_RESULTS})}
    wanted |= {"received": len(run.fragments), "in all": len(run.fragments)}
    wanted |= {"timed": len(run.fragments), "seconds": took_s}
    asked = {status: (STS_PROCESSED, {"status": status}) for status in {*told, *_RESULTS}}
    asked |= {"received": (STS_RECEIVED, {}), "in all": (STS_PROCESSED, {})}
    asked |= {"timed": (f"{STS_SECONDS}_count", {}), "seconds": (f"{STS_SECONDS}_sum", {})}
    grown = {key: total(after, *asked[key]) - total(before, *asked[key]) for key in wanted}
    expect(
        run.fragments and all(abs(grown[key] - wanted[key]) < _ROUNDED_S for key in wanted),
        expected=f"{STS_RECEIVED}, {STS_PROCESSED} and {STS_SECONDS} grown by what the wire "
        f"shows: {wanted}",
        seen=grown,
        evidence=run.folder / "run.json",
        hint="sts_before and sts_after in run.json; processing_time_ms in events.jsonl.",
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
