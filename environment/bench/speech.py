"""Measures the speech engines: load, memory, time for a fragment, four streams at once."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from environment.bench.rows import Row
from environment.errors import HarnessError
from environment.proofs import examination
from environment.runs.fragments import collect_fragments
from environment.runs.publisher import publish
from environment.runs.stream_reports import wait_for_state
from environment.session import Session
from environment.stack.topology import Topology

STREAMS_AT_ONCE: Final = 4
FRAGMENT_LIMIT_S: Final = 30.0
"""FRAGMENT_TIMEOUT_S: what a fragment has before its original sound goes out."""

_STREAMS_TIMEOUT_S: Final = 180.0
_MEBI: Final = 1024 * 1024
_KIBI: Final = 1024
_CLIP: Final = "30s-english-counting.mp4"
# What each process has to itself, and its share of what several have mapped.
_PROPORTIONAL_KIB: Final = "cat /proc/[0-9]*/smaps_rollup | awk '/^Pss:/ {s += $2} END {print s}'"


@dataclass(frozen=True)
class Bounds:
    """What a profile may take: seconds to load, MiB in all, seconds for a fragment on one core."""

    load_s: float
    memory_mib: float
    fragment_s: float


_BOUNDS: Final = {
    "pocket": Bounds(load_s=15, memory_mib=1600, fragment_s=0.5),
    "embedded": Bounds(load_s=10, memory_mib=700, fragment_s=1.0),
}
# As many seconds as a fragment lasts: beyond that one core cannot keep up with one stream.
_FULL_WEIGHTS: Final = Bounds(load_s=60, memory_mib=8000, fragment_s=6.0)


def measure(session: Session) -> tuple[Row, ...]:
    """Measure the session's engines; its stack is started, and sts-service restarted.

    Raises ``HarnessError`` when something cannot be measured at all.
    """
    stack = session.stack()
    bounds = _BOUNDS.get(session.settings.sts_profile, _FULL_WEIGHTS)
    return (
        Row("sts-service, start to healthy", "s", 60, bounds.load_s, _load_s(stack)),
        Row(
            "sts-service, memory of all processes",
            "MiB",
            None,
            bounds.memory_mib,
            memory_mib(stack),
        ),
        _fragment_row(session, bounds),
        *_concurrent_rows(session),
    )


def _load_s(stack: Topology) -> float:
    begun = time.monotonic()
    stack.sts_service.restart()
    stack.sts_service.wait_healthy()
    took_s = time.monotonic() - begun
    stack.media_service.wait_ready()
    return took_s


def memory_mib(stack: Topology) -> float:
    """Return the MiB that sts-service's processes have between them."""
    said = stack.sts_service.exec("sh", "-c", _PROPORTIONAL_KIB)
    if said.exit_code != 0 or not said.output.strip().isdigit():
        raise HarnessError(f"sts-service does not tell its memory: {said.output.strip()}")
    return int(said.output) * _KIBI / _MEBI


def _fragment_row(session: Session, bounds: Bounds) -> Row:
    """The engines are single-threaded, so their time is that of one core, where it is free."""
    timings = examination.stage_timings(session.pipeline_run())
    spent_s = [sum(each.values()) / 1000 for each in timings]
    stages = {name: [each[name] for each in timings] for name in timings[0]} if timings else {}
    said = ", ".join(f"{name} {sum(ms) / len(ms):.0f}" for name, ms in stages.items())
    return Row(
        "6 s fragment on one core, mean",
        "s",
        15,
        bounds.fragment_s,
        sum(spent_s) / len(spent_s) if spent_s else None,
        said,
    )


def _concurrent_rows(session: Session) -> Iterable[Row]:
    """Publish one clip four times over, and look whether any fragment came too late."""
    stack, clip = session.stack(), session.clip(_CLIP)
    stack.media_service.wait_idle()
    paths = [f"live/{session.new_stream_name('bench')}/in" for _ in range(STREAMS_AT_ONCE)]
    timeout_s = session.settings.timeout(_STREAMS_TIMEOUT_S)
    with ExitStack() as publications:
        for path in paths:
            publications.enter_context(publish(stack, clip, path, on_event=session.log_event))
        reports = [wait_for_state(stack, path, "finished", timeout_s=timeout_s) for path in paths]
    trips = [trip for report in reports for trip in _round_trips_s(session, report)]
    segments = [segment for report in reports for segment in report["segments"]]
    # The tail, too short for speech, is never sent.
    lost = [s["reason"] for s in segments if s["outcome"] != "dubbed" and s["reason"] != "tail"]
    lost += ["never answered"] * trips.count(None)
    answered = [trip for trip in trips if trip is not None]
    yield Row(
        f"{STREAMS_AT_ONCE} streams at once: fragments not dubbed",
        "",
        None,
        0,
        len(lost) if segments else None,
        ", ".join(str(reason) for reason in lost),
    )
    yield Row(
        f"{STREAMS_AT_ONCE} streams at once: slowest fragment",
        "s",
        FRAGMENT_LIMIT_S,
        15,
        max(answered, default=None),
    )


def _round_trips_s(session: Session, report: dict[str, Any]) -> list[float | None]:
    events = session.observer().events(str(report["stream_id"]))
    return [each.round_trip_s for each in collect_fragments(events, report["segments"])]
