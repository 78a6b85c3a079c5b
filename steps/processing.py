"""Real processing: fragments in their order, unequal latency, and a rate that obeys."""

from __future__ import annotations

from environment.expectations import expect
from environment.faults.remade import with_variables
from environment.proofs.exchange_proofs import COUNTING_TOLERANCE, prove_transcripts
from environment.proofs.in_flight_proofs import prove_full_and_never_over
from environment.proofs.latency_proofs import prove_dubs_received, prove_latency_varied
from environment.proofs.order_proofs import (
    prove_all_in_order,
    prove_none_lost_or_doubled,
    prove_overtaken,
    prove_own_sounds,
    prove_side_by_side,
)
from environment.proofs.output_proofs import (
    prove_as_long_as_input,
    prove_dubbed,
    prove_in_sync,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.proofs.pace_proofs import (
    prove_pace_kept,
    prove_pressure_cost_nothing,
    prove_pressure_rose_and_fell,
)
from environment.runs.exchange import cut_speech, exchange
from environment.runs.pipeline import run_pipeline
from environment.runs.wire_client import WireClient
from environment.vocabulary import Context, given, then, when

AT_ONCE = 3
UNEQUAL_DELAYS_S = "5,12.5,7,11,6"
"""For five fragments; what the engines themselves take comes on top."""
DURATION_TOLERANCE_MS = 500
LOADED = {
    "DEBUG_DELAY_S": ",".join(["12", *["0.2"] * 14]),
    "STS_WORKERS": "1",
    "MAX_INFLIGHT": "10",
    "BACKPRESSURE_SLOW_DOWN_AT": "2",
    "BACKPRESSURE_PAUSE_AT": "4",
    "BACKPRESSURE_RELIEVED_AT": "1",
}
"""Its one worker is kept busy by the first of fifteen fragments, and the others queue up."""
SHORT_SEGMENT_S = "2"


@given("STS-service running in Docker container")
def sts_in_container(context: Context) -> None:
    """Find its container running, of this run's image, and its /health answering."""
    service = context.session.stack().sts_service
    expect(
        service.status == "running" and service.get("/health")["status"] == "healthy",
        expected="sts-service running and healthy in a container of its own",
        seen=service.status,
        hint="`docker ps -a`, and `docker logs` of the container.",
    )


@when("multiple fragments arrive in sequence")
def fragments_in_sequence(context: Context) -> None:
    """Send all six-second fragments of the counting clip, three under way at a time."""
    stack, settings = context.session.stack(), context.session.settings
    speech = cut_speech(context.session.clip(context.session.main_clip))
    stream_id = context.run.stream_name("sequence")
    with WireClient(stack.sts_url, api_key=settings.sts_api_key) as client:
        folder = context.run.artifacts / "sequence"
        context.run.notes["exchange"] = exchange(
            client, speech, stream_id, folder, settings.timeout, at_once=AT_ONCE
        )


@when("fragments arrive in sequence")
def fragments_in_sequence_side_by_side(context: Context) -> None:
    """Send them likewise, and see that two of them were at work at the same time."""
    fragments_in_sequence(context)
    prove_side_by_side(context.run.notes["exchange"])


@then("a later fragment was done before an earlier one")
def later_done_first(context: Context) -> None:
    """Compare when the workers took each fragment, and how long it took: by the wire's events."""
    prove_overtaken(context.run.notes["exchange"])


@then("all fragments are processed and returned in order")
def all_in_order(context: Context) -> None:
    """Hold the results against what was sent: number, order, and the words of the clip."""
    made = context.run.notes["exchange"]
    prove_all_in_order(made)
    prove_transcripts(made, COUNTING_TOLERANCE[context.session.system().sts["profile"]])


@then("no fragments lost or duplicated")
def none_lost_or_doubled(context: Context) -> None:
    """Count the results by id, and what the stream's end says of them."""
    prove_none_lost_or_doubled(context.run.notes["exchange"])
    prove_own_sounds(context.run.notes["exchange"])


@given("STS processing latency varies ({lowest:d}-{highest:d}s)")
def latency_varies(context: Context, lowest: int, highest: int) -> None:
    """Make sts-service anew so that its engines take unequally long; the run will be measured."""
    stack = context.session.stack()
    context.run.notes["latency_s"] = (lowest, highest)
    slow = with_variables(
        stack, stack.sts_service, {"DEBUG_DELAY_S": UNEQUAL_DELAYS_S, "STS_WORKERS": "3"}
    )
    context.run.faults.inflict("unequally slow engines", slow)


@when("media-service receives dubbed audio")
def dubbed_audio_received(context: Context) -> None:
    """Record a run of the clip of its own; every result took that long, and every dub was used."""
    session = context.session
    run = run_pipeline(session, session.clip(session.main_clip), name="latency")
    context.run.pipeline_folder, context.run.notes["run"] = run.folder, run
    prove_latency_varied(run, *context.run.notes["latency_s"])
    prove_dubs_received(run)


@then("A/V sync mechanism compensates for latency variance")
def variance_compensated(context: Context) -> None:
    """Find all pictures at their times, no hole in either track, and each dub in its place."""
    run = context.run.notes["run"]
    prove_picture_untouched(run)
    prove_nothing_missing(run)
    prove_as_long_as_input(run, DURATION_TOLERANCE_MS)
    prove_dubbed(run)


@then("output sync remains <{limit:d}ms")
def output_in_sync(context: Context, limit: int) -> None:
    """Measure the skew of every segment in the recorded output."""
    prove_in_sync(context.run.notes["run"], limit)


@given("STS-service processing under load")
def under_load(context: Context) -> None:
    """Make sts-service anew with one busy worker, and media-service with short segments."""
    stack, faults = context.session.stack(), context.run.faults
    faults.inflict("an overloaded STS", with_variables(stack, stack.sts_service, LOADED))
    short = with_variables(stack, stack.media_service, {"SEGMENT_DURATION_S": SHORT_SEGMENT_S})
    faults.inflict("short segments", short)


@when("backpressure event emitted")
def backpressure_emitted(context: Context) -> None:
    """Record a run of the clip; find backpressure in it that rises, and falls again."""
    session = context.session
    run = run_pipeline(session, session.clip(session.main_clip), name="pressure")
    context.run.pipeline_folder, context.run.notes["run"] = run.folder, run
    prove_pressure_rose_and_fell(run)


@then("media-service respects backpressure and adjusts sending rate")
def backpressure_respected(context: Context) -> None:
    """Hold the time of every fragment against what was asked for then; the output must go on."""
    run = context.run.notes["run"]
    prove_pace_kept(run)
    prove_pressure_cost_nothing(run)
    prove_nothing_missing(run)
    prove_as_long_as_input(run, DURATION_TOLERANCE_MS)


@then("{limit:d} fragments were in flight at a time, never more, and another waited for its turn")
def in_flight_limited(context: Context, limit: int) -> None:
    """Count them in the events of the wire; find a segment that was cut, and sent later."""
    run = context.run.notes["run"]
    prove_full_and_never_over(run, limit)
    prove_pressure_cost_nothing(run)
