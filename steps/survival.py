"""Survival: a stream that goes on, as the same one, whatever was done to those that carry it."""

from __future__ import annotations

import time

from environment.expectations import expect
from environment.proofs.aftermath import Aftermath, end_stream
from environment.proofs.restart_proofs import (
    prove_all_out,
    prove_pieces,
    prove_same_stream,
    prove_went_on,
)
from environment.proofs.service_log import logged
from environment.proofs.survival_proofs import prove_disconnect_noticed
from environment.runs.live_stream import LiveStream, is_dubbed, put_rest_on_the_air
from environment.vocabulary import Context, then, when
from environment.waiting import wait_for

CLIP = "5min-loop.mp4"
SEGMENT_WITHIN_S = 60.0
READY_WITHIN_S = 30.0
# Where the clip goes on behind a break: no picture comes twice.
REST_FROM_S = 60.0


@then("media-service says within {limit_s:d} seconds that STS is gone")
def says_sts_gone(context: Context, limit_s: int) -> None:
    """Ask its /health, /ready and metrics until they say so; note when."""
    stack, notes = context.session.stack(), context.run.notes
    prove_disconnect_noticed(stack, since=notes["broken"], limit_s=limit_s)
    notes["noticed"] = time.time()


@when("the stream's worker is killed")
def worker_killed(context: Context) -> None:
    """Send SIGKILL to the process that carries the stream, inside the container."""
    notes, service = context.run.notes, context.session.stack().media_service
    notes["broken"], notes["at"] = time.monotonic(), time.time()
    pid = notes["stream"].report["worker"]["pid"]
    killed = service.exec("python3", "-c", f"import os; os.kill({pid}, 9)")
    expect(
        killed.exit_code == 0,
        expected=f"the worker, process {pid}, killed",
        seen=killed.output,
        hint="/v1/streams of media-service has the worker's process id.",
    )


@when("the stream's publisher is killed, and back {seconds:d} seconds later")
def publisher_killed(context: Context, seconds: int) -> None:
    """Let ffmpeg die as in a power cut; then publish the rest of the clip at the same path."""
    run = context.run
    stream: LiveStream = run.notes["stream"]
    run.notes["broken"], run.notes["at"] = time.monotonic(), time.time()
    stream.publication.kill()
    wait_for(
        f"{seconds} s without a publisher",
        lambda: time.time() - run.notes["at"] >= seconds,
        timeout_s=context.session.settings.timeout(seconds + 5),
    )
    put_rest_on_the_air(run, stream, context.session.clip(CLIP), REST_FROM_S)


@then("the stream goes on as the same one: `{reason}`")
def goes_on(context: Context, reason: str) -> None:
    """See two segments dubbed that were cut since; find the one interruption in the report.

    Every segment is in the output, numbers and clock go on, and no more is missing than nobody
    could read.
    """
    notes, session = context.run.notes, context.session
    session.stack().media_service.wait_ready(READY_WITHIN_S)
    away_s = time.monotonic() - notes["broken"]
    _wait_dubbed_since(context, time.time())
    aftermath = _ended(context)
    prove_same_stream(aftermath, notes["stream"].reports, notes["stream"].report["stream_id"])
    prove_went_on(aftermath, reason, away_s, session.settings.segment_duration_s)


@then("media-service logs `{event}`, and the stream is dubbed all the same")
def logs_and_goes_on(context: Context, event: str) -> None:
    """Find the line in its log; see two segments dubbed that were cut after it."""
    service, since = context.session.stack().media_service, context.run.notes["since"]
    wait_for(
        f"{event} in the log of media-service",
        lambda: logged(service, event, since=since),
        timeout_s=context.session.settings.timeout(SEGMENT_WITHIN_S),
    )
    _wait_dubbed_since(context, time.time())


@then("the stream comes to its end, whole and dubbed")
def whole_and_dubbed(context: Context) -> None:
    """End the publisher; find every segment in the output, in one piece."""
    aftermath = _ended(context)
    prove_all_out(aftermath)
    prove_pieces(aftermath, 1)


def _wait_dubbed_since(context: Context, at: float) -> None:
    context.run.notes["stream"].wait_segments(
        "dubbed since", 2, lambda s: is_dubbed(s) and s["cut_at"] > at, timeout_s=SEGMENT_WITHIN_S
    )


def _ended(context: Context) -> Aftermath:
    folder = context.run.artifacts / "aftermath"
    return end_stream(context.session, context.run.notes["stream"], folder)
