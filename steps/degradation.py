"""Degradation: what goes out, and what is said of it, when STS or a track is missing."""

from __future__ import annotations

import time

from environment.bring_up import DUAL_TAG
from environment.faults.listening import listening_in_place_of
from environment.proofs.aftermath import Aftermath, end_stream
from environment.proofs.backoff_proofs import (
    prove_backed_off,
    prove_knocked_only_then,
    prove_not_again_so_soon,
    wait_first_probe,
)
from environment.proofs.degradation_proofs import (
    prove_complete,
    prove_degraded,
    prove_dropped_late,
    prove_failed_alone,
    prove_no_error_logged,
    prove_timed_out,
)
from environment.proofs.metric_proofs import prove_fallbacks_counted
from environment.proofs.warning_proofs import prove_failed_on, prove_passed_with_warning
from environment.runs.live_stream import LiveStream
from environment.runs.nested import NestedRun
from environment.vocabulary import Context, given, then, when

MUTE_CLIP = "no-audio.mp4"
STREAM = "live/test/in"
NESTED = "degraded.feature"
DUAL_NESTED = "dual_degraded.feature"
# Nested runs need no real waits: what they are about is what the suite makes of it.
IN_A_HURRY = {
    "STS_PROFILE": "embedded",
    "SEGMENT_DURATION_S": "2",
    "FRAGMENT_TIMEOUT_S": "5",
    "STS_RECONNECT_BASE_S": "0.2",
}
# An attempt at a peer that is not there may take that long by itself.
ATTEMPT_S = 7.0
LISTENER = "somebody in the place of sts-service"
TIMED_OUT_WITHIN_S = 3.0
# Its five waits, the pause behind them, and an attempt at the end of each.
ASKS_AGAIN_WITHIN_S = 180.0
SEGMENT_WITHIN_S = 60.0


@then("media-service retries after 2, 4, 8, 16 and 32 seconds, and not again so soon")
def backs_off(context: Context) -> None:
    """Wait until it has asked again behind its giving up; compare all waits with the log's times.

    The first pause after its last attempt is at least as long as the last wait before it.
    """
    stack, notes = context.session.stack(), context.run.notes
    since, waits_s = notes["at"], (2.0, 4.0, 8.0, 16.0, 32.0)
    wait_first_probe(stack, since=since, timeout_s=ASKS_AGAIN_WITHIN_S)
    prove_backed_off(stack, waits_s, since=since, slack_s=ATTEMPT_S)
    prove_not_again_so_soon(stack, len(waits_s), notes["metrics"], since=since, pause_s=waits_s[-1])


@given("whoever asks for STS-service while it is away is turned away, and noted")
def listened_in_its_place(context: Context) -> None:
    """Let another container bear its name, too: it matters once STS-service is gone."""
    stack = context.session.production_stack()
    listening = listening_in_place_of(stack, stack.sts_service)
    context.run.notes["listening"] = context.run.faults.inflict(LISTENER, listening)


@then("nobody asked for it but at those times")
def asked_only_then(context: Context) -> None:
    """Hold the connections that were noted against the waits; then nobody listens any more."""
    notes, waits_s = context.run.notes, (2.0, 4.0, 8.0, 16.0, 32.0)
    came_at = notes["listening"].came_at(since=notes["at"])
    prove_knocked_only_then(came_at, waits_s, slack_s=ATTEMPT_S, pause_s=waits_s[-1])
    context.run.faults.undo(LISTENER)


@when("the next {count:d} segments have gone out with their original audio")
def next_segments_original(context: Context, count: int) -> None:
    """Wait for that many, in the report of media-service; what they are is proven afterwards."""
    stream: LiveStream = context.run.notes["stream"]
    known = len(stream.segments)
    stream.wait_segments(
        "with their original audio",
        count,
        lambda s: s["outcome"] == "original" and s["number"] >= known - 1,
        timeout_s=SEGMENT_WITHIN_S,
    )


@then("the output stream is complete, which is worth a warning and no failure")
def complete_with_a_warning(context: Context) -> None:
    """Find all that was published in the output; say in the summary what of it was not dubbed."""
    session, notes = context.session, context.run.notes
    prove_no_error_logged(session.stack(), notes["stream"].report, since=notes["since"])
    aftermath = _ended(context)
    prove_complete(aftermath)
    prove_fallbacks_counted(session.stack(), aftermath, notes["metrics"])
    context.run.warn(prove_degraded(aftermath))


@then("segment {number:d} goes out with its original audio {seconds:d} seconds after it was cut")
def goes_out_when_its_time_is_over(context: Context, number: int, seconds: int) -> None:
    """Wait for its release and one more; end the stream, and compare the times."""
    stream: LiveStream = context.run.notes["stream"]
    stream.wait_segments(
        "released after it",
        2,
        lambda s: s["released_at"] and s["number"] >= number,
        timeout_s=seconds + SEGMENT_WITHIN_S,
    )
    length_s = context.session.settings.segment_duration_s
    prove_timed_out(_ended(context), number, seconds, TIMED_OUT_WITHIN_S, length_s=length_s)


@then("the result of segment {number:d}, which comes too late, is dropped and counted")
def dropped_and_counted(context: Context, number: int) -> None:
    """Find it on the wire, in the log, and in the counter."""
    notes = context.run.notes
    stack, before, since = context.session.stack(), notes["metrics"], notes["since"]
    prove_dropped_late(stack, _ended(context), number, before, since=since)


@when("a clip without an audio track is published")
def mute_published(context: Context) -> None:
    """Publish it, and wait until media-service has come to an end with it."""
    run = context.run
    run.notes["since"] = time.time()
    publication = run.publish(context.session.clip(MUTE_CLIP), STREAM)
    stream = run.cleanup.enter_context(LiveStream(context.session, publication))
    run.notes["stream"] = stream
    stream.wait_ended(timeout_s=SEGMENT_WITHIN_S)


@then('media-service logs error "{text}" and its worker exits')
def logs_error_and_exits(context: Context, text: str) -> None:
    """Find the error in the log and the report; the worker gone, with an error; the rest well."""
    notes = context.run.notes
    report = notes["stream"].wait_ended(timeout_s=SEGMENT_WITHIN_S)
    prove_failed_alone(context.session.stack(), report, text, since=notes["since"])


@given("another run of the suite, with shorter waits, of the scenario @{tag}")
@when("another run of the suite sees the like, with shorter waits: @{tag}")
def another_run_sees(context: Context, tag: str) -> None:
    """Start a run of the scenario of that tag in fixtures/nested, and wait for its end."""
    log = context.run.artifacts / "nested.log"
    feature = DUAL_NESTED if DUAL_TAG in context.scenario.effective_tags else NESTED
    run = NestedRun(feature, tag, log, variables=IN_A_HURRY)
    context.run.notes["nested"] = nested = context.run.cleanup.enter_context(run)
    timeout_s = context.session.settings.timeout(180)
    context.run.notes["status"] = nested.wait_ended(timeout_s=timeout_s)


@then("that run has passed, and its summary warns: {text}")
def passed_with_a_warning(context: Context, text: str) -> None:
    """Compare its exit status and outcome; find the warning in summary, log and what it printed."""
    prove_passed_with_warning(context.run.notes["nested"], context.run.notes["status"], text)


@then("that run has failed on the error in the log: {text}")
def failed_on_the_log(context: Context, text: str) -> None:
    """Compare its exit status and outcome; find the error as what was seen."""
    prove_failed_on(context.run.notes["nested"], context.run.notes["status"], text)


def _ended(context: Context) -> Aftermath:
    notes = context.run.notes
    if "aftermath" not in notes:
        folder = context.run.artifacts / "aftermath"
        notes["aftermath"] = end_stream(context.session, notes["stream"], folder)
    aftermath: Aftermath = notes["aftermath"]
    return aftermath
