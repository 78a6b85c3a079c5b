"""Measures what a fault costs: STS killed, media-service restarted once, and many times."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from environment.bench.rows import Row
from environment.errors import HarnessError
from environment.faults.outages import killed
from environment.runs.live_stream import LiveStream, is_dubbed, put_on_the_air

if TYPE_CHECKING:
    from environment.scenario import ScenarioRun
    from environment.session import Session
    from environment.stack.containers import ServiceContainer

RESTARTS: Final = 20
BEYOND_SEGMENT_S: Final = 3.0
NO_DELAY_S: Final = 0.5
MORE_FILES: Final = 2
GROWTH_MIB: Final = 16.0

_CLIP: Final = "5min-loop.mp4"
_STREAM: Final = "live/bench/in"
_SEGMENT_WITHIN_S: Final = 60.0
# MediaMTX's own image has no more than busybox. A folder that cannot be read leaves one word. An
# init that only reaps is not the one to ask.
_HOLDINGS: Final = """pid=1
read -r name < /proc/1/comm
case $name in tini|docker-init) read -r pid others < /proc/1/task/1/children;; esac
set -- /proc/$pid/fd/*
[ $# -gt 1 ] && echo $# && awk '/^VmRSS/ { print $2 }' /proc/$pid/status"""
_FIGURES: Final = 2
_KIBI: Final = 1024


def measure(session: Session) -> tuple[Row, ...]:
    """Break the session's stack, and heal it; nothing else may be under way."""
    session.stack().media_service.wait_idle()
    return (
        _in_a_run(session, "bench: STS killed", _sts_killed_row),
        _in_a_run(session, "bench: media-service restarted", _restart_row),
        *_restarts_rows(session),
    )


def _in_a_run(session: Session, name: str, row: Callable[[ScenarioRun], Row]) -> Row:
    run = session.begin(name)
    try:
        return row(run)
    finally:
        run.finish(failed=False)
        session.scenario = None


def _sts_killed_row(run: ScenarioRun) -> Row:
    """By how much the output is later behind the input, once originals go out, than before."""
    stream, stack = _on_the_air(run), run.session.stack()
    before_s = float(stream.report["output"]["delay_s"])
    at = time.time()
    run.faults.inflict("sts-service is killed", killed(stack.sts_service))
    stream.wait_segments(
        "with fallback audio",
        2,
        lambda s: s["outcome"] == "original" and s["cut_at"] > at,
        timeout_s=_SEGMENT_WITHIN_S,
    )
    later_s = float(stream.report["output"]["delay_s"]) - before_s
    return Row("STS killed: delay of the output, more than before", "s", None, NO_DELAY_S, later_s)


def _restart_row(run: ScenarioRun) -> Row:
    """The longest time without a byte of output around a restart, as the media server counts."""
    stream, service = _on_the_air(run), run.session.stack().media_service
    at = time.time()
    service.restart()
    # What is cut while it ends goes out before it has ended.
    again_at = time.time()
    stream.wait_segments(
        "dubbed again",
        1,
        lambda s: is_dubbed(s) and s["cut_at"] > again_at,
        timeout_s=_SEGMENT_WITHIN_S,
    )
    silent_s = longest_silence_s([s for s in stream.output_bytes if s[0] >= at - 2])
    bound_s = run.session.settings.segment_duration_s + BEYOND_SEGMENT_S
    return Row("media-service restarted: output silent", "s", None, bound_s, silent_s)


def longest_silence_s(samples: Sequence[tuple[float, int]]) -> float:
    """The longest time from one growth of a count to the next, though nobody could be asked.

    A count that is lower than before has begun anew: that is growth, too.
    """
    grown_at = [
        now for (_, count), (now, later) in pairwise(samples) if later != count and later > 0
    ]
    return max((after - before for before, after in pairwise(grown_at)), default=0.0)


def _restarts_rows(session: Session) -> Iterable[Row]:
    """What its peers hold more of after restarts of media-service in a row."""
    stack = session.stack()
    peers: dict[str, ServiceContainer] = {
        "sts-service": stack.sts_service,
        "media server": stack.media_server,
    }
    stack.media_service.wait_ready()
    members = len(stack.network.members())
    before = {name: holds(peer) for name, peer in peers.items()}
    for _ in range(RESTARTS):
        stack.media_service.restart()
        stack.media_service.wait_healthy()
    stack.media_service.wait_ready()
    times = f"{RESTARTS} restarts of media-service"
    for name, peer in peers.items():
        files, memory_mib = holds(peer)
        yield Row(
            f"{times}: open files of {name}", "more", None, MORE_FILES, files - before[name][0]
        )
        grown_mib = max(0.0, memory_mib - before[name][1])
        yield Row(f"{times}: memory of {name}", "MiB more", None, GROWTH_MIB, grown_mib)
    yield Row(f"{times}: containers", "more", None, 0, len(stack.network.members()) - members)


def holds(container: ServiceContainer) -> tuple[int, float]:
    """How many files its main process has open, and how much memory it holds, in MiB.

    Raises:
        HarnessError: the container does not tell.
    """
    said = container.exec("sh", "-c", _HOLDINGS)
    told = said.output.split()
    if said.exit_code != 0 or len(told) != _FIGURES or not all(each.isdigit() for each in told):
        raise HarnessError(f"{container.name} does not tell what it holds: {said.output.strip()}")
    files, memory_kib = told
    return int(files), int(memory_kib) / _KIBI


def _on_the_air(run: ScenarioRun) -> LiveStream:
    run.session.stack().media_service.wait_idle()
    return put_on_the_air(run, run.session.clip(_CLIP), _STREAM)
