"""The way to STS: silence on it, and an STS that takes too long for what it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable

from environment.faults.link_program import Shape
from environment.proofs.aftermath import Aftermath, end_stream
from environment.proofs.continuity_proofs import prove_clock_unbroken
from environment.proofs.metric_proofs import prove_fallbacks_counted
from environment.proofs.sent_proofs import prove_dubs_are_theirs
from environment.proofs.sts_connection_proofs import (
    prove_circuit_closed_again,
    prove_circuit_opened,
    prove_session_goes_on,
)
from environment.proofs.survival_proofs import (
    prove_disconnect_noticed,
    prove_resumed_with_next,
    prove_told_as_heard,
)
from environment.runs.live_stream import LiveStream, Report, is_dubbed
from environment.vocabulary import Context, then, when

SEGMENT_WITHIN_S = 60.0
SILENCE = "the wire to STS is cut"


@when("the wire to STS is cut and nobody is told")
def wire_cut(context: Context) -> None:
    """Let the proxy pass nothing on: its connections stay open, and carry nothing."""
    notes = context.run.notes
    notes["session"] = dict(notes["stream"].report["sts"])
    notes["at"], cut_at = time.time(), time.monotonic()
    silent = notes["link to sts-service"].shaped(Shape(silent=True))
    context.run.faults.inflict(SILENCE, silent)
    notes["cut"] = cut_at


@then("media-service takes STS for away within {limit:g} seconds")
def taken_for_away(context: Context, limit: float) -> None:
    """Ask /health, /ready and metrics until they say so; wait for a segment that went without."""
    notes = context.run.notes
    prove_disconnect_noticed(context.session.stack(), since=notes["cut"], limit_s=limit)
    stream, at = notes["stream"], notes["at"]
    stream.wait_segments(
        "undubbed",
        1,
        lambda s: s["outcome"] == "original" and s["cut_at"] > at,
        timeout_s=SEGMENT_WITHIN_S,
    )


@when("the wire to STS is mended")
def wire_mended(context: Context) -> None:
    """Let the proxy carry everything again, and wait until media-service is connected."""
    context.run.faults.undo(SILENCE)
    context.session.stack().media_service.wait_ready(SEGMENT_WITHIN_S)
    context.run.notes["connected at"] = time.time()


@then("the session of the stream goes on, and its next segment is dubbed")
def session_goes_on(context: Context) -> None:
    """Compare the session's id; find each segment cut since dubbed in the output's bytes."""
    notes, stream = context.run.notes, context.run.notes["stream"]
    at, connected_at = notes["at"], notes["connected at"]
    stream.wait_segments("dubbed again", 1, _dubbed_since(connected_at), timeout_s=SEGMENT_WITHIN_S)
    aftermath = _ended(context)
    prove_session_goes_on(context.session.stack(), notes["session"], aftermath, since=at)
    prove_resumed_with_next(aftermath, gone_at=at, back_at=connected_at)
    prove_told_as_heard(aftermath)
    prove_dubs_are_theirs(aftermath)
    prove_clock_unbroken(aftermath)
    prove_fallbacks_counted(context.session.stack(), aftermath, notes["metrics"])


@when("STS has been too slow, and then fast enough")
def too_slow_then_fast(context: Context) -> None:
    """Wait for two dubbed segments behind one that was not sent; then end the stream."""
    stream: LiveStream = context.run.notes["stream"]
    held = stream.wait_segments(
        "not sent", 1, lambda s: s["reason"] == "circuit_open", timeout_s=SEGMENT_WITHIN_S
    )
    stream.wait_segments(
        "dubbed behind it",
        2,
        lambda s: is_dubbed(s) and s["number"] > held[0]["number"],
        timeout_s=SEGMENT_WITHIN_S,
    )
    _ended(context)


@then("after {count:d} segments whose time was over nothing is sent and nothing waits")
def nothing_sent(context: Context, count: int) -> None:
    """Hold the wire, the report and the log's times against each other."""
    prove_circuit_opened(
        context.session.stack(), _ended(context), count, since=context.run.notes["since"]
    )


@then("one fragment is sent to see, and from it on all segments are dubbed")
def circuit_closed_again(context: Context) -> None:
    """Find the three states in the log, the count in the metrics, and the dubs in the output."""
    notes = context.run.notes
    stack, since, before = context.session.stack(), notes["since"], notes["metrics"]
    prove_circuit_closed_again(stack, _ended(context), before, since=since)
    prove_fallbacks_counted(stack, _ended(context), before)


def _dubbed_since(at: float) -> Callable[[Report], bool]:
    return lambda segment: is_dubbed(segment) and segment["cut_at"] > at


def _ended(context: Context) -> Aftermath:
    notes = context.run.notes
    if "aftermath" not in notes:
        folder = context.run.artifacts / "aftermath"
        notes["aftermath"] = end_stream(context.session, notes["stream"], folder)
    aftermath: Aftermath = notes["aftermath"]
    return aftermath
