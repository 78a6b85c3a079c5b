"""Life cycle: sts-service stopped and started again while a stream is on the air.

A stream here is the beginning of the five-minute clip, followed from beside until the scenario has
seen enough of it; then its publisher ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from environment.faults.outages import stopped
from environment.proofs.aftermath import Aftermath, end_stream
from environment.proofs.container_proofs import (
    prove_exit_code_zero,
    prove_healthy,
    prove_started_anew,
)
from environment.proofs.continuity_proofs import prove_clock_unbroken
from environment.proofs.in_flight_proofs import prove_in_flight_fell_back
from environment.proofs.metric_proofs import prove_fallbacks_counted
from environment.proofs.network_proofs import prove_linked
from environment.proofs.sent_proofs import prove_dubs_are_theirs
from environment.proofs.survival_proofs import (
    prove_disconnect_noticed,
    prove_fates,
    prove_none_waited,
    prove_numbers_whole,
    prove_reconnections_logged,
    prove_reconnects_counted,
    prove_resumed_with_next,
    prove_told_as_heard,
)
from environment.runs.live_stream import Report, is_dubbed, put_on_the_air
from environment.vocabulary import Context, given, then, when

CLIP = "5min-loop.mp4"
STREAM = "live/test/in"
# A stop is told by the closing connection, so it is seen at once; a silent cut within 10 s.
AT_ONCE_S = 2.0
# A segment of six seconds, 30 s for its dub, and as much again for a slow machine.
SEGMENT_WITHIN_S = 60.0
ATTEMPTS_SEEN = 2


@given("all containers running and pipeline processing")
def pipeline_processing(context: Context) -> None:
    """Find all healthy; publish a clip, and wait until its first segment is on the air, dubbed."""
    stack, run = context.session.stack(), context.run
    for container in stack.containers.values():
        prove_healthy(container)
    stack.media_service.wait_idle()
    run.notes |= {"since": time.time(), "metrics": stack.media_service.metrics()}
    run.notes["stream"] = put_on_the_air(run, context.session.clip(CLIP), STREAM)


@given("a fragment is with STS-service")
def fragment_with_sts(context: Context) -> None:
    """Wait until one was sent that is not out yet."""
    context.run.notes["stream"].wait_segments(
        "with STS",
        1,
        lambda s: bool(s["sent_at"] and s["outcome"] == "pending"),
        timeout_s=SEGMENT_WITHIN_S,
    )


@when("STS-service container is stopped")
def sts_is_stopped(context: Context) -> None:
    """Stop it with SIGTERM, in the middle of the stream; by the engine's word it ends with 0."""
    run, stack = context.run, context.session.stack()
    run.notes["before"] = stack.sts_service.inspect()["State"]
    run.notes["at"] = time.time()
    run.notes["exit code"] = run.faults.inflict(
        "sts-service is stopped", stopped(stack.sts_service)
    )
    # Its end is what has to be seen; how long it takes for that is its own affair.
    run.notes["broken"] = time.monotonic()
    prove_exit_code_zero(stack.sts_service.name, run.notes["exit code"])


@then("media-service detects disconnect")
def disconnect_detected(context: Context) -> None:
    """Ask its /health, /ready and metrics until they say so: at once, since it was told."""
    notes = context.run.notes
    prove_disconnect_noticed(context.session.stack(), since=notes["broken"], limit_s=AT_ONCE_S)
    notes["noticed"] = time.time()


@then("uses fallback audio")
def fallback_used(context: Context) -> None:
    """Wait for two segments cut since; find those before dubbed, these original, at once, in sync.

    The output is one piece: its clock goes on as if nothing had happened. All of it is counted.
    """
    notes, stream, at = context.run.notes, context.run.notes["stream"], context.run.notes["at"]
    stream.wait_segments("with fallback audio", 2, _fell_back_since(at), timeout_s=SEGMENT_WITHIN_S)
    aftermath = notes["aftermath"] = _ended(context)
    fell_back = [s["number"] for s in aftermath.segments if s["cut_at"] > at]
    first = [s["number"] for s in aftermath.segments if (s["released_at"] or at) < at]
    prove_none_waited(aftermath, gone_at=at, noticed_at=notes["noticed"])
    prove_fates(aftermath, dubbed=first, original=fell_back)
    _prove_whole(aftermath)
    prove_fallbacks_counted(context.session.stack(), aftermath, notes["metrics"])


@then("the fragment that was in flight went out with its original audio, and did not wait")
def in_flight_fell_back(context: Context) -> None:
    """Find on the wire what STS had when it was stopped, and never answered; and in the output."""
    notes = context.run.notes
    prove_in_flight_fell_back(notes["aftermath"], gone_at=notes["at"], noticed_at=notes["noticed"])


@then("logs reconnection attempts")
def reconnections_logged(context: Context) -> None:
    """Find them in its log: the first wait as configured, each next one twice as long."""
    stack, notes = context.session.stack(), context.run.notes
    prove_reconnections_logged(
        stack,
        stack.settings.sts_reconnect_base_s,
        ATTEMPTS_SEEN,
        notes["metrics"],
        since=notes["at"],
    )


@given("STS-service container stopped")
def sts_stopped(context: Context) -> None:
    """Stop it while a stream is dubbed, and wait for a segment that goes out undubbed."""
    pipeline_processing(context)
    service = context.session.stack().media_service
    context.run.notes["reconnects"] = service.metric("media_service_sts_reconnects_total")
    sts_is_stopped(context)
    stream, at = context.run.notes["stream"], context.run.notes["at"]
    stream.wait_segments("with fallback audio", 1, _fell_back_since(at), timeout_s=SEGMENT_WITHIN_S)


@when("STS-service container restarted")
def sts_restarted(context: Context) -> None:
    """Start the same container again, and wait until its models are loaded."""
    notes, sts = context.run.notes, context.session.stack().sts_service
    context.run.faults.undo("sts-service is stopped")
    sts.wait_healthy()
    prove_started_anew(notes["before"], sts.inspect()["State"], notes["exit code"])


@then("media-service reconnects via Socket.IO")
def reconnected(context: Context) -> None:
    """Wait until it is ready; find its connection at sts-service, and the count gone up by one."""
    stack = context.session.stack()
    stack.media_service.wait_ready(SEGMENT_WITHIN_S)
    context.run.notes["connected at"] = time.time()
    prove_linked(stack)
    prove_reconnects_counted(stack, context.run.notes["reconnects"] + 1)


@then("pipeline resumes with next segment")
def pipeline_resumes(context: Context) -> None:
    """Wait for two segments that were cut after it; find the very next one dubbed, and the rest.

    Dubbed are those before the stop and all since; those between have their original audio.
    """
    notes = context.run.notes
    stream, back_at = notes["stream"], notes["connected at"]
    stream.wait_segments("dubbed again", 2, _dubbed_since(back_at), timeout_s=SEGMENT_WITHIN_S)
    aftermath = _ended(context)
    prove_resumed_with_next(aftermath, gone_at=notes["at"], back_at=back_at)
    _prove_whole(aftermath)
    prove_fallbacks_counted(context.session.stack(), aftermath, notes["metrics"])


def _ended(context: Context) -> Aftermath:
    folder = context.run.artifacts / "aftermath"
    return end_stream(context.session, context.run.notes["stream"], folder)


def _fell_back_since(at: float) -> Callable[[Report], bool]:
    return lambda segment: segment["outcome"] == "original" and segment["cut_at"] > at


def _dubbed_since(at: float) -> Callable[[Report], bool]:
    return lambda segment: is_dubbed(segment) and segment["cut_at"] > at


def _prove_whole(aftermath: Aftermath) -> None:
    prove_numbers_whole(aftermath)
    prove_told_as_heard(aftermath)
    prove_dubs_are_theirs(aftermath)
    prove_clock_unbroken(aftermath)
