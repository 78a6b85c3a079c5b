"""Proofs about run.log: that it tells what happened, and when (FR-043).

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from environment.expectations import expect

if TYPE_CHECKING:
    from environment.evidence.log_lines import LogLine
    from environment.runs.run import PipelineRun

# Half a segment: what is seen takes a moment to come, and must not be taken for another's.
_OBSERVED_WITHIN_S: Final = 3.0
_CLOCK_WITHIN_S: Final = 0.1
_SEGMENT: Final = ("segment_cut", "segment_sent", "segment_processed", "segment_released")
_SEEN_AS: Final = {"segment_sent": "fragment:data", "segment_processed": "fragment:processed"}


def prove_starts_logged(lines: Sequence[LogLine], run: PipelineRun, names: Collection[str]) -> None:
    """Each of those containers was started, and healthy, before the clip was published."""
    before = [line for line in lines if line.at < run.published_at]
    told = {
        event: {line.fields["container"] for line in before if line.event == event}
        for event in ("container_started", "container_healthy")
    }
    expect(
        all(set(names) <= containers for containers in told.values()),
        expected=f"container_started and container_healthy of {sorted(names)} before the first "
        "publication (FR-043)",
        seen=told,
        hint="environment/stack/lifecycle.py tells its events to the run's log.",
    )


def prove_publication_logged(lines: Sequence[LogLine], run: PipelineRun) -> None:
    """The publication's start, activity and end are told, at the times at which they were."""
    told = {
        event: [line.at for line in lines if line.event == event and _is_of(line, run.path_in)]
        for event in ("publish_started", "publish_active", "publish_ended")
    }
    wanted = (run.published_at, run.active_at, run.publish_ended_at)
    expect(
        all(
            len(times) == 1 and abs(times[0] - at) <= _CLOCK_WITHIN_S
            for times, at in zip(told.values(), wanted, strict=True)
        ),
        expected=f"each once, at {wanted} (FR-043)",
        seen=told,
        hint="environment/runs/publisher.py tells its events to the run's log.",
    )


def prove_segments_logged(lines: Sequence[LogLine], run: PipelineRun) -> None:
    """Each fragment's way is told in order; the wire's two moments as the observer saw them.

    A rest that is too short to be sent is no fragment.
    """
    numbers = [segment["number"] for segment in run.segments if segment.get("sent_at")]
    counted = [
        line
        for line in _of_stream(lines, run)
        if line.event in _SEGMENT and line.fields.get("number") in {str(n) for n in numbers}
    ]
    told = {(line.event, line.fields.get("number")): line.at for line in counted}
    wrong = [
        problem
        for number in numbers
        for problem in _told_wrongly(told, str(number), _observed(run, number))
    ]
    expect(
        numbers and not wrong and len(counted) == len(_SEGMENT) * len(numbers),
        expected=f"{', '.join(_SEGMENT)} of {len(numbers)} segments, each once, in order, within "
        f"{_OBSERVED_WITHIN_S:g} s of what the observer saw (FR-043)",
        seen=wrong or [(line.event, line.fields.get("number")) for line in counted],
        hint="environment/runs/stream_log.py follows media-service's report.",
    )


def _is_of(line: LogLine, path: str) -> bool:
    return line.fields.get("path") == path


def _of_stream(lines: Sequence[LogLine], run: PipelineRun) -> list[LogLine]:
    return [line for line in lines if line.fields.get("stream") == run.stream_name]


def _observed(run: PipelineRun, number: int) -> dict[str, float]:
    """When the observer got the fragment of that number, and the result, in Unix seconds."""
    return {
        seen.event.event: seen.received_at
        for seen in run.events
        if seen.event.event in _SEEN_AS.values() and seen.payload.get("sequence_number") == number
    }


def _told_wrongly(
    told: Mapping[tuple[str, str | None], float], number: str, observed: Mapping[str, float]
) -> list[str]:
    """What is wrong with a segment's lines, in words; nothing where all is well."""
    times = [told.get((event, number)) for event in _SEGMENT]
    known = [at for at in times if at is not None]
    if len(known) < len(times) or any(a > b for a, b in pairwise(known)):
        return [f"segment {number}: {dict(zip(_SEGMENT, times, strict=True))}"]
    return [
        f"segment {number}: {event} told {told[event, number] - observed.get(name, 0.0):+.2f} s "
        f"from what was seen"
        for event, name in _SEEN_AS.items()
        if abs(told[event, number] - observed.get(name, 0.0)) > _OBSERVED_WITHIN_S
    ]
