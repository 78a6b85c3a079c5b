"""Proofs about the wire of a recorded run: what was sent, what came back, what was logged.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from environment.expectations import expect, fail
from environment.proofs import examination
from environment.runs.fragments import result_order

if TYPE_CHECKING:
    from environment.proofs.examination import FragmentPlace
    from environment.runs.observer import Observer
    from environment.runs.run import PipelineRun

# US2's success criterion for the 30 s clip, from its publishing to the end of the output; it
# includes the 180 s of FR-019 and SC-001.
WHOLE_RUN_S: Final = 120.0
# Where a fragment's sound may lie beside its place: FLV counts in milliseconds.
PLACE_WITHIN_S: Final = 0.005
KEPT_BACK_S: Final = 0.022
"""One frame of AAC at 48 kHz, and a little more."""

_ONCE: Final = (
    ("media", "stream:init"),
    ("sts", "stream:ready"),
    ("media", "stream:end"),
    ("sts", "stream:complete"),
)
_ACKS: Final = {
    ("sts", "queued"): "sts-service queued it",
    ("sts", "processing"): "sts-service took it up",
    ("media", "received"): "media-service received its result",
    ("media", "applied"): "media-service applied its result",
}


def prove_contract_kept(run: PipelineRun) -> None:
    """Every event of the stream, of either side, is valid, and they make a whole conversation.

    Opened, answered, ended and completed once; each fragment acknowledged by both sides; all of
    it on one connection.
    """
    faults = [*run.violations, *_conversation_faults(run)]
    expect(
        run.events and not faults,
        expected="one whole conversation on the wire, every event as the contract has it",
        seen="; ".join(faults) or "no event at all",
        evidence=run.folder / "events.jsonl",
        hint="services/contracts/events.py is the contract.",
    )


def prove_nothing_unseen(run: PipelineRun, observer: Observer) -> None:
    """The observer was connected all through the run, and has let no event go."""
    blind = [
        (begun_at, ended_at)
        for begun_at, ended_at in observer.outages
        if begun_at <= run.finished_at and (ended_at is None or ended_at >= run.published_at)
    ]
    expect(
        observer.dropped == 0 and not blind,
        expected="every event of the run seen",
        seen=f"{observer.dropped} events dropped; blind from, to: {blind or 'never'}",
        evidence=run.folder / "events.jsonl",
        hint="the observer's bounds, and sts-service's log: observer.",
    )


def prove_fragments_in_place(run: PipelineRun, length_s: float) -> None:
    """Each fragment lasts exactly that long, and its sound lies in the source where it should.

    The last may lack the one frame of sound that a publisher over RTSP keeps back at its end, if
    the recorded source lacks it too.
    """
    places = examination.fragment_places(run)
    expect(
        places
        and all(
            place.number == number
            and (place.duration_s == length_s or _lacks_a_frame(place, places[-1], length_s))
            and place.start_s is not None
            and abs(place.start_s - number * length_s) <= PLACE_WITHIN_S
            for number, place in enumerate(places)
        ),
        expected=f"fragments of exactly {length_s:g} s, each found in the source within "
        f"{1000 * PLACE_WITHIN_S:g} ms of the end of the one before it",
        seen=[(place.number, place.start_s, place.duration_s) for place in places],
        evidence=run.folder,
        hint="the segmenter of media-service counts audio samples.",
    )


def prove_fragments_hold_the_source(run: PipelineRun) -> None:
    """Each fragment carries the source's sound of its own place."""
    heard = examination.fragments_against_source(run)
    expect(
        heard and all(verdict.verdict == "original" for verdict in heard),
        expected="in each fragment the source's sound of that segment",
        seen=[str(verdict) for verdict in heard],
        evidence=run.folder,
        hint="the segmenter's time zero, or the sample format on the wire.",
    )


def prove_processing_within(run: PipelineRun, limit_s: float) -> None:
    """The stream was detected, taken up and opened at sts-service that soon after its publishing.

    By media-service's word, and by the harness's clock when it saw ``stream:init`` on the wire.
    """
    opened_s = min(
        (s.received_at - run.published_at for s in run.events if s.event.event == "stream:init"),
        default=None,
    )
    took_s = run.processing_at - run.published_at
    expect(
        opened_s is not None
        and max(opened_s, took_s) <= limit_s
        and run.published_at < run.ready_at <= run.processing_at
        and run.detected_at <= run.processing_at,
        expected=f"processing within {limit_s:g} s of publishing",
        seen=f"{took_s:.2f} s; ready {run.ready_at - run.published_at:.2f} s, "
        f"detected {run.detected_at - run.published_at:.2f} s after publishing; "
        f"stream:init seen {'never' if opened_s is None else f'{opened_s:.2f} s'} after it",
        evidence=run.folder / "run.json",
        hint="media-service's log: stream detected, worker started.",
    )


def prove_success_within(run: PipelineRun, limit_s: float) -> None:
    """Each fragment came back as a success, in time."""
    trips = [(f.status, f.round_trip_s) for f in run.fragments]
    expect(
        trips and all(status == "success" and trip and trip <= limit_s for status, trip in trips),
        expected=f"success within {limit_s:g} s for each fragment",
        seen=trips,
        evidence=run.folder / "run.json",
        hint="stage_timings in events.jsonl say which stage was slow.",
    )


def prove_whole_run_within(run: PipelineRun, limit_s: float) -> None:
    """From the start of publishing to the end of the output (US2, FR-019, SC-001)."""
    expect(
        run.elapsed_s <= limit_s,
        expected=f"the whole run in under {limit_s:g} s (US2's success criterion, FR-019, SC-001)",
        seen=f"{run.elapsed_s:.1f} s",
        evidence=run.folder / "run.json",
        hint="the segments' times in run.json say where it waited.",
    )


def prove_results_in_order(run: PipelineRun, count: int) -> None:
    """That many results, numbered from 0, none lost, none twice, none out of turn."""
    returned = [f.sequence_number for f in run.fragments if f.status == "success"]
    order = list(result_order(run.events))
    expect(
        returned == order == list(range(count)),
        expected=f"results 0 to {count - 1}, each once, in order",
        seen=f"fragments {returned}, on the wire {order}",
        evidence=run.folder / "events.jsonl",
        hint="a repeated number is a fragment that was sent again.",
    )


def prove_counted(run: PipelineRun, metric: str, count: float, **labels: str) -> None:
    """A counter of media-service is there, and grew by that much in this run."""
    wanted = labels.items()
    if not any(name == metric and wanted <= set(has) for name, has in run.metrics_after):
        fail(
            expected=f"{metric}{labels or ''} among the metrics of media-service",
            seen="no such sample",
            evidence=run.folder / "run.json",
            hint="a metric that does not exist never grows: look for its new name.",
        )
    grown = run.metric_increase(metric, **labels)
    expect(
        grown == count,
        expected=f"{metric}{labels or ''} grown by {count:g}",
        seen=f"{grown:g}",
        evidence=run.folder / "run.json",
        hint="metrics_before and metrics_after in run.json.",
    )


def prove_transcripts_logged(run: PipelineRun, log: str) -> None:
    """The log of sts-service holds each transcript that was seen on the wire (FR-018)."""
    logged = examination.logged_transcripts(log)
    missing = [f.transcript for f in run.fragments if f.transcript not in logged]
    expect(
        run.fragments and not missing,
        expected="each transcript of the wire in the log of sts-service (FR-018)",
        seen=f"not logged: {missing}",
        evidence=run.folder / "run.json",
        hint="LOG_TRANSCRIPTS is on in the suite.",
    )


def _lacks_a_frame(place: FragmentPlace, last: FragmentPlace, length_s: float) -> bool:
    return place is last and place.ends_source and 0 < length_s - place.duration_s <= KEPT_BACK_S


def _conversation_faults(run: PipelineRun) -> list[str]:
    events = [(str(seen.event.sender), seen.event.event) for seen in run.events]
    faults = [
        f"{sender} {event}: {events.count((sender, event))} times"
        for sender, event in _ONCE
        if events.count((sender, event)) != 1
    ]
    connections = {seen.event.connection for seen in run.events}
    if len(connections) > 1:
        faults.append(f"{len(connections)} connections")
    totals = [
        seen.payload.get("total_fragments")
        for seen in run.events
        if seen.event.event == "stream:complete"
    ]
    faults += [
        f"stream:complete counts {total} fragments of {len(run.fragments)}"
        for total in totals
        if total != len(run.fragments)
    ]
    given = Counter(
        (
            str(seen.event.sender),
            str(seen.payload.get("status")),
            str(seen.payload.get("fragment_id")),
        )
        for seen in run.events
        if seen.event.event == "fragment:ack"
    )
    return faults + [
        f"fragment {fragment.sequence_number}: not once: {meaning}"
        for fragment in run.fragments
        for (sender, status), meaning in _ACKS.items()
        if given[sender, status, fragment.fragment_id] != 1
    ]
