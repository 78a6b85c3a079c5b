"""Edge cases of the two compose projects, in specification 019's words where it has any."""

from __future__ import annotations

import time

from environment.expectations import expect
from environment.proofs.backoff_proofs import (
    prove_backed_off,
    prove_not_again_so_soon,
    wait_first_probe,
)
from environment.proofs.degradation_proofs import (
    NO_OUTPUT,
    prove_failed_alone,
    prove_goes_out,
    prove_no_output,
)
from environment.proofs.dual_proofs import prove_dubbed_to_its_end, prove_on_one_network
from environment.proofs.nested_dual_proofs import prove_skipped_for_port
from environment.proofs.warning_proofs import prove_failed_on
from environment.runs.live_stream import LiveStream
from environment.runs.nested import NestedRun
from environment.runs.obstacles import fixed_ports
from environment.runs.publisher import publish
from environment.runs.recorder import fetch_both
from environment.runs.sibling import sibling_projects
from environment.runs.stream_reports import wait_for_state
from environment.stack.compose_variables import MEDIA_NETWORK, STS_NETWORK
from environment.vocabulary import Context, given, then, when

NESTED = "dual_degraded.feature"
CLIP, SEGMENTS = "30s-english-speech.mp4", 5
GIVEN_UP = "STS is unavailable"
REFUSED = "cannot publish to"
# An attempt at a peer that is not there may take that long by itself.
ATTEMPT_S = 7.0
GIVES_UP_WITHIN_S = 60.0
# The pause behind its last attempt, and an attempt at the end of it.
ASKS_AGAIN_WITHIN_S = 60.0
NOBODY = "rtmp://mediamtx:1936"


@then("media-service retries after 2, 4 and 8 seconds, and then fails that stream and no more")
def backs_off_and_fails(context: Context) -> None:
    """Wait until it has given the stream up; hold the waits of its attempts against the log's.

    From then on it only asks now and then whether STS is back: after a pause that is longer.
    """
    stack, notes = context.session.stack(), context.run.notes
    since, waits_s = notes["at"], (2.0, 4.0, 8.0)
    given_up_for_good(context)
    prove_failed_alone(stack, notes["stream"].report, GIVEN_UP, since=notes["since"])
    wait_first_probe(stack, since=since, timeout_s=ASKS_AGAIN_WITHIN_S)
    prove_backed_off(stack, waits_s, since=since, slack_s=ATTEMPT_S)
    before, pause_s = notes["metrics"], 2 * waits_s[-1]
    prove_not_again_so_soon(stack, len(waits_s), before, since=since, pause_s=pause_s)


@then("media-service has given that stream up for good")
def given_up_for_good(context: Context) -> None:
    """Wait until its report says so."""
    stream: LiveStream = context.run.notes["stream"]
    stream.wait_ended(timeout_s=GIVES_UP_WITHIN_S)
    expect(
        stream.report["state"] == "failed" and GIVEN_UP in str(stream.report["error"]),
        expected=f"the stream failed: {GIVEN_UP}",
        seen=(stream.report["state"], stream.report["error"]),
        hint="STS_RECONNECT_ATTEMPTS and STS_UNAVAILABLE_POLICY in the compose file.",
    )


@given("another run of the suite, with projects of its own on a port that is taken")
def run_on_taken_port(context: Context) -> None:
    """Start it with the RTMP port on which this run's own media server listens."""
    port = context.session.dual_stack().outside(1935)
    variables = {"STS_PROFILE": "embedded", **fixed_ports(MEDIAMTX_RTMP_PORT=port)}
    run = NestedRun(NESTED, "taken", context.run.artifacts / "nested.log", variables=variables)
    context.run.notes |= {"nested": context.run.cleanup.enter_context(run), "port": port}


@then("its test is skipped, and its summary says which port is taken, and by whom")
def skipped_for_port(context: Context) -> None:
    """Find it skipped, the run successful, and in what it printed the port and who holds it."""
    notes, holder = context.run.notes, context.session.dual_stack().media_server.name
    prove_skipped_for_port(notes["nested"], notes["status"], notes["port"], holder)


@given("media-service is told to publish where nobody listens")
def told_to_publish_nowhere(context: Context) -> None:
    """Run `up` again with an RTMP endpoint at which there is no server; RTSP is read as ever."""
    stack = context.session.dual_stack()
    stack.media_service.wait_idle()
    told = {"MEDIAMTX_RTMP_URL": NOBODY, "INGEST_PROTOCOL": "rtsp"}
    stack.reconfigure("media", told)
    stack.media_service.wait_ready(30)
    context.run.notes["since"] = time.time()


@when("a clip is published that it takes in")
def published_and_taken_in(context: Context) -> None:
    """Publish it, and wait until media-service has come to an end with it."""
    run = context.run
    publication = run.publish(context.session.clip("30s-english-speech.mp4"), "live/test/in")
    stream = run.cleanup.enter_context(LiveStream(context.session, publication))
    run.notes["stream"] = stream
    stream.wait_ended(timeout_s=GIVES_UP_WITHIN_S)


@then("that stream has failed for want of an output, and there is no output stream")
def failed_without_output(context: Context) -> None:
    """Find the error in log and report, the worker gone, the service well, and no output path."""
    stack, stream = context.session.stack(), context.run.notes["stream"]
    prove_failed_alone(stack, stream.report, REFUSED, since=context.run.notes["since"])
    prove_no_output(stack, stream)


@then("that stream goes out, and no error is logged of it")
def goes_out(context: Context) -> None:
    """Ask for its output on the media server, and for the log without an error."""
    notes = context.run.notes
    prove_goes_out(context.session.stack(), notes["stream"], since=notes["since"])


@then("that run has failed on the missing output stream as well")
def failed_on_missing_output(context: Context) -> None:
    """Find in what that run saw that there was never an output stream."""
    prove_failed_on(context.run.notes["nested"], context.run.notes["status"], NO_OUTPUT)


@given("another pair of projects, both told the same network name")
def same_network(context: Context) -> None:
    """Bring a pair up beside this run's own, with one network name for both files."""
    stack, notes = context.session.dual_stack(), context.run.notes
    pair = context.run.cleanup.enter_context(sibling_projects(stack, "merged"))
    network = pair.settings.named("e2e-merged")
    url = f"http://sts-service:{pair.sts_service.spec.http_port}"
    pair.tell("media", {MEDIA_NETWORK: network, "STS_SERVICE_URL": url})
    pair.tell("sts", {STS_NETWORK: network})
    pair.start()
    notes.update(pair=pair, network=network, url=url)


@when("a clip is published to that pair")
def published_to_pair(context: Context) -> None:
    """Publish the clip of the stories, and wait until the pair's media server has it."""
    pair, notes = context.run.notes["pair"], context.run.notes
    path = context.run.path("live/merged/in")
    publication = publish(
        pair, context.session.clip(CLIP), path, on_event=context.session.log_event
    )
    context.run.cleanup.callback(publication.stop)
    publication.wait_active(pair.settings.timeout(10))
    notes |= {"path": path, "clip": publication.clip}


@then("one network has the containers of both, and media-service knows `{name}` by name")
def one_network(context: Context, name: str) -> None:
    """Find all of them on it; the name leads to STS's address, where the connection goes."""
    prove_on_one_network(context.run.notes["pair"], context.run.notes["network"], name)


@then("the clip is dubbed to its end there")
def dubbed_there(context: Context) -> None:
    """Wait for its end; hold report and recordings of that pair against the clip."""
    notes, timeout = context.run.notes, context.session.settings.timeout
    pair = notes["pair"]
    report = wait_for_state(pair, notes["path"], "finished", timeout_s=timeout(90))
    recorded = fetch_both(
        pair, notes["clip"], notes["path"], context.run.artifacts, timeout_s=timeout(30)
    )
    prove_dubbed_to_its_end(report, recorded, SEGMENTS)
