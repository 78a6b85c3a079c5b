"""Chaos: a stream in a storm of faults that a seed decides, and what is left of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from environment.chance import roll
from environment.evidence.artifacts import write_json
from environment.faults.chaos import draw, faults_for
from environment.faults.link import linked_through_proxy
from environment.proofs.aftermath import Aftermath, end_stream
from environment.proofs.chaos_proofs import (
    prove_accounted_for,
    prove_all_well,
    prove_clock_over_breaks,
    prove_dubbed_where_possible,
    prove_playable,
    prove_stops_in_order,
)
from environment.runs.live_stream import is_dubbed
from environment.runs.storm import Storm
from environment.vocabulary import Context, given, then, when

CLIP = "5min-loop.mp4"
STREAM = "live/storm/in"
PEER = "sts-service"
SEGMENT_WITHIN_S = 60.0
# Away for a storm's fault, a stream comes back as the one it was.
PATIENT = {"STS_RECONNECT_BASE_S": "0.5", "STREAM_RESUME_S": "60"}


@given("a stream is on the air, and the way to `sts-service` leads through a proxy")
def stream_in_the_storm(context: Context) -> None:
    """Make media-service anew, with short waits to reconnect; publish, see a segment dubbed."""
    run, stack = context.run, context.session.production_stack()
    stack.media_service.wait_idle()
    fault = linked_through_proxy(stack, PEER, PATIENT)
    run.notes["link"] = run.faults.inflict("a proxy to sts-service", fault)
    folder = Path(run.cleanup.enter_context(TemporaryDirectory(prefix="storm-")))
    storm = run.notes["storm"] = Storm(run, context.session.clip(CLIP), STREAM, folder)
    storm.begin().wait_segments("on the air", 1, is_dubbed, timeout_s=SEGMENT_WITHIN_S)


@when("for {seconds:d} seconds faults strike at random")
def faults_strike(context: Context, seconds: int) -> None:
    """Draw them by E2E_CHAOS_SEED, which is printed; carry them out, one after the other."""
    run, session = context.run, context.session
    storm: Storm = run.notes["storm"]
    strikes = draw(roll("chaos", session.settings, session.announce_event), seconds)
    session.log_event("storm_drawn", strikes="; ".join(map(str, strikes)))
    faults = faults_for(session.stack(), run.notes["link"], lambda: storm.publication)
    run.on_failure(lambda: write_json(run.artifacts / "storm.json", {"blows": storm.blows}))
    storm.rage(strikes, faults)


@then("the stream comes to its end, and can be played from its first segment to its last")
def comes_to_its_end(context: Context) -> None:
    """See two more segments dubbed, end the publisher, and decode all that was recorded."""
    run = context.run
    storm: Storm = run.notes["storm"]
    known = len(storm.stream.segments)
    storm.calm(
        lambda: sum(is_dubbed(s) and s["number"] > known for s in storm.stream.segments) > 1,
        "two segments dubbed behind the storm",
    )
    run.notes["aftermath"] = end_stream(context.session, storm.stream, run.artifacts / "aftermath")
    prove_playable(run.notes["aftermath"])


@then("its clock is unbroken")
def clock_unbroken(context: Context) -> None:
    """Lay its recordings together: timestamps only grow, breaks are as long as what was done."""
    prove_clock_over_breaks(_aftermath(context), context.run.notes["storm"].blows)


@then("every segment is accounted for, and dubbed wherever STS was there")
def accounted_for(context: Context) -> None:
    """Hear each in the output; those for which STS was there all the time must be dubbed."""
    aftermath = _aftermath(context)
    prove_accounted_for(aftermath)
    prove_dubbed_where_possible(aftermath, context.run.notes["storm"].blows)


@then("all services are healthy, and the stream is over")
def all_well(context: Context) -> None:
    """Ask each, and how those ended that were told to stop.

    What else could be left is looked at behind every scenario.
    """
    prove_stops_in_order(context.run.notes["storm"].blows)
    prove_all_well(context.session.stack(), _aftermath(context).report["path_in"])


def _aftermath(context: Context) -> Aftermath:
    aftermath: Aftermath = context.run.notes["aftermath"]
    return aftermath
