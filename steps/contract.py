"""The wire's contract: what a stranger's client gets for what it does, at its edges as well."""

from __future__ import annotations

from dataclasses import replace

from environment.expectations import expect
from environment.proofs.exchange_proofs import prove_answered, prove_fitted
from environment.proofs.refusal_proofs import (
    prove_each_code_answered,
    prove_each_counted_once,
    prove_ended_in_order,
    prove_only_last_admitted,
    prove_taken_up_whole,
)
from environment.runs import provocations
from environment.runs.bad_data import opening
from environment.runs.exchange import cut_speech, exchange
from environment.runs.provocations import SLOW, Target
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for

CLIP = "30s-english-counting.mp4"
SERVICE = "sts-service-for-strangers"
STREAM = "a-strangers-stream"


@given("an sts-service of its own with two tokens and small limits")
def own_service(context: Context) -> None:
    """Start it beside the stack's own, with variables of its own, and wait for its health."""
    spare = context.session.production_stack().spare_sts_service(SERVICE)
    service = context.run.cleanup.enter_context(spare)
    context.run.on_failure(lambda: context.run.evidence(f"{SERVICE}.log", service.logs()))
    variables = {**service.spec.environment, **provocations.VARIABLES}
    service.remake(replace(service.spec, environment=variables))
    service.wait_healthy()
    context.run.notes["target"] = Target(service, context.session.settings.timeout)


@when("a stranger provokes each error:")
def errors_provoked(context: Context) -> None:
    """Do what each row says, over a connection of its own; keep what is answered."""
    target = context.run.notes["target"]
    answers = [provocations.provoke(row["code"], target) for row in context.table]
    context.run.notes["answers"] = answers


@then("each was answered with its code, in words, and with whether to try again")
def each_code_answered(context: Context) -> None:
    """Compare with services/contracts: every code there is, and what it says of trying again."""
    prove_each_code_answered(context.run.notes["answers"])


@then("`sts_errors_total` counts each of them once")
def each_code_counted(context: Context) -> None:
    """Read its metrics: one each, and none of another kind."""
    prove_each_counted_once(context.run.notes["answers"], context.run.notes["target"].service)


@then("that sts-service still dubs the first words of the counting clip")
def still_dubs(context: Context) -> None:
    """Send the clip's first fragment, which has to come back as a dub."""
    target, settings = context.run.notes["target"], context.session.settings
    speech = cut_speech(context.session.clip(CLIP), 1)
    with target.client() as client:
        folder = context.run.artifacts / "afterwards"
        made = exchange(client, speech, "afterwards", folder, settings.timeout)
    prove_answered(made, 1)
    prove_fitted(made)


@given("a stranger whose connection breaks while its second fragment is being dubbed")
def connection_broken(context: Context) -> None:
    """Have the first answered and the second in a worker's hands; then break off."""
    notes, target = context.run.notes, context.run.notes["target"]
    with target.client() as client:
        ready = provocations.open_stream(client, STREAM, target)
        sent = [provocations.numbered(STREAM, number) for number in range(3)]
        for fragment in sent:
            client.send("fragment:data", fragment)
        begun = {"fragment_id": sent[SLOW]["fragment_id"], "status": "processing"}
        client.wait_for("fragment:ack", timeout_s=target.timeout(30), **begun)
        client.vanish()
        notes |= {"first": client.received("fragment:processed"), "sent": sent, "ready": ready}


@when("it takes its session up and sends again what it has no result of")
def session_taken_up(context: Context) -> None:
    """Come back with the session's id; send again the rest in order, then the end."""
    notes, target = context.run.notes, context.run.notes["target"]
    have = {result["fragment_id"] for result in notes["first"]}
    with target.client() as client:
        session = notes["ready"]["session_id"]
        notes["again"] = provocations.open_stream(client, STREAM, target, session_id=session)
        for fragment in notes["sent"]:
            if fragment["fragment_id"] not in have:
                client.send("fragment:data", fragment)
        client.send("stream:end", {"stream_id": STREAM})
        notes["complete"] = client.wait_for("stream:complete", timeout_s=target.timeout(30))
        notes["second"] = client.received("fragment:processed")


@then("each fragment has one result, in order, and the end counts each once")
def taken_up_whole(context: Context) -> None:
    """Lay the results of both connections together; the session must have been the same."""
    notes = context.run.notes
    expect(
        notes["again"]["resumed"] and notes["again"]["next_sequence"] == len(notes["sent"]),
        expected="the session resumed, with all fragments known",
        seen=notes["again"],
        hint="SESSION_RESUME_S of sts-service.",
    )
    prove_taken_up_whole(notes["first"], notes["second"], notes["sent"], notes["complete"])


@when("strangers observe it without a token, with the clients', and with the observers'")
def strangers_observe(context: Context) -> None:
    """Connect to `/observe` with each; the last one asks for a stream there."""
    url = context.run.notes["target"].service.url()
    context.run.notes["refusals"] = [
        provocations.observation_refusal(url, None),
        provocations.observation_refusal(url, provocations.TOKEN),
        provocations.observation_refusal(url, provocations.OBSERVER_TOKEN, says="stream:init"),
    ]


@then("only the last of them may")
def only_last_observes(context: Context) -> None:
    """Find the others refused, and told why."""
    prove_only_last_admitted(context.run.notes["refusals"])


@then("what that one says is counted, and opens no stream")
def observer_not_heard(context: Context) -> None:
    """Wait for the counter; there must be no stream."""
    service, timeout = context.run.notes["target"].service, context.session.settings.timeout
    wait_for(
        "one event of an observer in sts_observer_events_ignored_total",
        lambda: service.metric("sts_observer_events_ignored_total") == 1,
        timeout_s=timeout(5),
    )
    expect(
        service.metric("sts_streams_active") == 0,
        expected="no stream",
        seen=service.metric("sts_streams_active"),
        hint="/observe is for watching only.",
    )


@given("a stranger whose fragment is being dubbed")
def fragment_in_hand(context: Context) -> None:
    """Send a slow fragment, and wait until a worker has it."""
    target = context.run.notes["target"]
    client = context.run.cleanup.enter_context(target.client())
    context.run.notes["client"] = client
    context.run.notes["sent"] = provocations.begin_slow_fragment(client, STREAM, target)


@when("that sts-service is told to stop, and the stranger asks for another stream")
def told_to_stop(context: Context) -> None:
    """Send SIGTERM, wait until it is healthy no more, and ask."""
    notes, target = context.run.notes, context.run.notes["target"]
    target.service.kill("SIGTERM")
    wait_for(
        "its health to be good no more",
        lambda: not target.service.is_answering(),
        timeout_s=target.timeout(2),
        interval_s=0.05,
    )
    notes["client"].send("stream:init", opening("another-stream"))


@then("the fragment is answered, the stream refused for now, and the session closed")
def ended_in_order(context: Context) -> None:
    """Read the result, the refusal of the new stream, and the last word about the old one."""
    client, target = context.run.notes["client"], context.run.notes["target"]
    wanted = {"fragment_id": context.run.notes["sent"]["fragment_id"]}
    refusal = client.wait_for("error", timeout_s=target.timeout(5), stream_id="another-stream")
    farewell = client.wait_for("error", timeout_s=target.timeout(10), stream_id=STREAM)
    results = [r for r in client.received("fragment:processed") if wanted.items() <= r.items()]
    prove_ended_in_order(results[0] if results else {"status": "none"}, refusal, farewell)


@then("that sts-service ends with status 0")
def ends_well(context: Context) -> None:
    """Wait for its end, and read its exit status off the engine."""
    target = context.run.notes["target"]
    wait_for(
        "the end of its container",
        lambda: target.service.status == "exited",
        timeout_s=target.timeout(10),
    )
    expect(
        target.service.exit_code == 0,
        expected="exit status 0",
        seen=target.service.exit_code,
        hint="the log of the scenario's own sts-service.",
    )
