"""Restarts: media-service and the media server restarted while a stream is on the air.

The stream is dubbed from its first segment on when that happens; it is followed from beside.
"""

from __future__ import annotations

import time

from environment.expectations import expect
from environment.proofs.aftermath import Aftermath, end_stream
from environment.proofs.container_proofs import prove_started_anew
from environment.proofs.inside import wait_for_connection
from environment.proofs.network_proofs import prove_connected
from environment.proofs.restart_proofs import (
    prove_all_out,
    prove_clock_goes_on,
    prove_gap_reported,
    prove_interrupted_once,
    prove_nothing_held_back,
    prove_resumed_at_boundary,
    prove_same_stream,
)
from environment.proofs.source_proofs import prove_answered, prove_source_gone
from environment.runs.live_stream import is_dubbed, put_on_the_air, put_rest_on_the_air
from environment.runs.stream_reports import wait_for_state
from environment.stack.blueprint import RTMP_PORT
from environment.vocabulary import Context, given, then, when

CLIP = "5min-loop.mp4"
STREAM = "live/test/in"
SEGMENT_WITHIN_S = 60.0
# Where the clip goes on behind a break: no picture comes twice.
REST_FROM_S = 60.0


@given("media-service container restarted during processing")
def media_service_restarted(context: Context) -> None:
    """Stop it with SIGTERM while its stream is on the air; note how it ended; start it again."""
    _on_the_air(context)
    notes, service = context.run.notes, context.session.stack().media_service
    notes["before"] = service.inspect()["State"]
    notes["broken"], notes["at"] = time.monotonic(), time.time()
    notes["exit code"] = service.stop()
    service.start()


@when("container restarts")
def container_restarts(context: Context) -> None:
    """Wait until it is healthy and ready again, as another process; see how long that took."""
    notes, service = context.run.notes, context.session.stack().media_service
    service.wait_healthy()
    service.wait_ready()
    notes["away"], notes["back"] = time.monotonic() - notes["broken"], time.time()
    prove_started_anew(notes["before"], service.inspect()["State"], notes["exit code"])


@then("stream processing resumes from last checkpoint (segment boundary)")
def resumes_from_checkpoint(context: Context) -> None:
    """See two segments dubbed that were cut since; find all of the stream in the two recordings.

    The same stream, its numbers and its clock go on; what is missing is what nobody could read.
    """
    notes = context.run.notes
    _wait_dubbed_since(context, notes["back"])
    aftermath = _ended(context)
    prove_same_stream(aftermath, notes["stream"].reports, notes["stream id"])
    said = prove_interrupted_once(aftermath, ["service_restarted"])
    prove_resumed_at_boundary(
        aftermath, said, notes["away"], context.session.settings.segment_duration_s
    )
    prove_all_out(aftermath)
    prove_clock_goes_on(aftermath, notes["away"])
    prove_gap_reported(aftermath, said)


@given("MediaMTX container restarted")
def media_server_restarted(context: Context) -> None:
    """Restart it while a stream is on the air: its publisher and its readers are cut off."""
    _on_the_air(context)
    notes, server = context.run.notes, context.session.stack().media_server
    notes["broken"], notes["at"] = time.monotonic(), time.time()
    server.restart()
    server.wait_healthy()


@when("input stream restored")
def input_restored(context: Context) -> None:
    """Publish the rest of the clip at the same path; see how long it was gone."""
    run = context.run
    put_rest_on_the_air(run, run.notes["stream"], context.session.clip(CLIP), REST_FROM_S)
    run.notes["away"] = time.monotonic() - run.notes["broken"]


@then("media-service detects stream")
def stream_detected(context: Context) -> None:
    """See it processing: the same stream, if it was back in the time that this is for."""
    stack, notes = context.session.stack(), context.run.notes
    wait_for_state(
        stack, notes["stream"].path_in, "processing", timeout_s=stack.settings.timeout(10)
    )


@then("reconnects, and resumes processing")
def resumes_processing(context: Context) -> None:
    """Find its connection to the RTMP port, two more segments dubbed, and all in the recordings.

    Numbers and clock go on; what was in hand when the server went is published behind it.
    """
    notes = context.run.notes
    _prove_reconnected(context)
    _wait_dubbed_since(context, time.time())
    aftermath = _ended(context)
    prove_same_stream(aftermath, notes["stream"].reports, notes["stream id"])
    said = prove_interrupted_once(aftermath, ["media_server_lost", "input_lost"])
    prove_all_out(aftermath)
    prove_clock_goes_on(aftermath, notes["away"])
    prove_gap_reported(aftermath, said)


@then("media-service says within {limit_s:d} seconds that its source is gone")
def source_gone(context: Context, limit_s: int) -> None:
    """See the stream no longer processing, and the media server unreachable by /health."""
    stack, stream = context.session.stack(), context.run.notes["stream"]
    prove_source_gone(stack, stream, limit_s=limit_s)


@then("every fragment that it had sent is answered")
def fragments_answered(context: Context) -> None:
    """Wait until the wire has a result for each."""
    stream = context.run.notes["stream"]
    prove_answered(context.session, str(stream.report["stream_id"]), within_s=SEGMENT_WITHIN_S)


@then("media-service publishes what it had in hand, and finishes the stream")
def publishes_and_finishes(context: Context) -> None:
    """Wait until its report says so; nobody has published again."""
    notes = context.run.notes
    notes["aftermath"] = _ended(context)
    report = notes["aftermath"].report
    expect(
        report["state"] == "finished" and report["error"] is None,
        expected="the stream finished, without an error",
        seen=(report["state"], report["error"]),
        evidence=notes["aftermath"].folder,
        hint="media-service's log: stream_interrupted, segments_recovered, output_resumed.",
    )


@then("the partial output has all that was published, in its place")
def partial_output_correct(context: Context) -> None:
    """Find each segment in the recordings before and after the stop, on one clock, in sync."""
    aftermath: Aftermath = context.run.notes["aftermath"]
    prove_all_out(aftermath)
    prove_nothing_held_back(aftermath)
    prove_clock_goes_on(aftermath, 0.0)


def _wait_dubbed_since(context: Context, at: float) -> None:
    context.run.notes["stream"].wait_segments(
        "dubbed again", 2, lambda s: is_dubbed(s) and s["cut_at"] > at, timeout_s=SEGMENT_WITHIN_S
    )


def _on_the_air(context: Context) -> None:
    context.session.stack().media_service.wait_idle()
    stream = put_on_the_air(context.run, context.session.clip(CLIP), STREAM)
    context.run.notes["stream"] = stream
    context.run.notes["stream id"] = stream.report["stream_id"]


def _ended(context: Context) -> Aftermath:
    folder = context.run.artifacts / "aftermath"
    return end_stream(context.session, context.run.notes["stream"], folder)


def _prove_reconnected(context: Context) -> None:
    stack = context.session.stack()
    timeout_s = stack.settings.timeout(SEGMENT_WITHIN_S)
    connection = wait_for_connection(stack.media_service, RTMP_PORT, timeout_s=timeout_s)
    prove_connected(stack, connection, stack.media_service, stack.media_server)
