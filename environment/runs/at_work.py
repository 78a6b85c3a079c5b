"""When sts-service had each fragment at work, by its own words on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from environment.runs.observations import Observation


@dataclass(frozen=True)
class AtWork:
    """From when a worker took a fragment until it was done with it, in Unix seconds.

    Done is not given out: a result waits for those of the fragments before it.
    """

    number: int
    begun_at: float
    done_at: float

    def __str__(self) -> str:
        return f"{self.number}: {self.begun_at % 1000:.2f} to {self.done_at % 1000:.2f} s"


def at_work(events: Iterable[Observation]) -> tuple[AtWork, ...]:
    """Return each fragment's time at work, in the order in which the results came.

    A worker's taking it is acknowledged as ``processing``; how long it then took stands in its
    result. Fragments of which either is missing are left out.
    """
    begun: dict[str, float] = {}
    found = []
    for seen in events:
        said = seen.payload
        if seen.event.event == "fragment:ack" and said.get("status") == "processing":
            begun.setdefault(str(said["fragment_id"]), said["timestamp"] / 1000)
        elif seen.event.event == "fragment:processed" and str(said["fragment_id"]) in begun:
            begun_at = begun[str(said["fragment_id"])]
            done_at = begun_at + said["processing_time_ms"] / 1000
            found.append(AtWork(int(said["sequence_number"]), begun_at, done_at))
    return tuple(found)


def overtakings(spans: Sequence[AtWork], least_s: float) -> list[tuple[int, int]]:
    """Return the pairs of numbers of which the second was done before the first, by that much."""
    return [
        (one.number, other.number)
        for one in spans
        for other in spans
        if one.number < other.number and one.done_at - other.done_at >= least_s
    ]


def side_by_side(spans: Sequence[AtWork], least_s: float) -> list[tuple[int, int]]:
    """Return the pairs of numbers that were at work at the same time, for that long or longer."""
    return [
        (one.number, other.number)
        for one, other in combinations(spans, 2)
        if min(one.done_at, other.done_at) - max(one.begun_at, other.begun_at) >= least_s
    ]
