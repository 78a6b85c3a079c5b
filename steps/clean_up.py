"""Other runs of the suite: how they end, and what they leave behind."""

from __future__ import annotations

import signal
import time

from environment.chance import roll
from environment.expectations import expect, fail
from environment.proofs.evidence_proofs import prove_logs_kept
from environment.proofs.nested_proofs import prove_explained, prove_healthy_first
from environment.runs.nested import NestedRun
from environment.runs.program import Program
from environment.runs.watching import watch
from environment.stack.sweeping import nobody_sweeps
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for, wait_within

# An interrupted nested run whose signal gets lost must not last for ever.
LASTS_S = 120.0
# Nothing is said in these runs: the engines that load fastest will do.
FAST = {"STS_PROFILE": "embedded"}


@given("another run of the suite has its containers up, in a scenario that {tag}")
def other_run_up(context: Context, tag: str) -> None:
    """Start it, wait until its containers and network are on the engine and it knows them ready."""
    context.session.stack()
    log = context.run.artifacts / "nested.log"
    run = NestedRun("containers_up.feature", tag, log, variables=FAST)
    context.run.notes["nested"] = nested = context.run.cleanup.enter_context(run)
    made = nested.wait_stack(3, timeout_s=context.session.settings.timeout(60))
    expect(
        any(name.startswith("network ") for name in made),
        expected="a network of its own",
        seen=made,
        evidence=log,
        hint="E2E_RUN_ID stands behind every name of a run.",
    )


@given("another run of the suite is started, in a scenario that {tag}")
def other_run_started(context: Context, tag: str) -> None:
    """Start it, and look no further: it is at its very beginning."""
    log = context.run.artifacts / "nested.log"
    nested = NestedRun("containers_up.feature", tag, log, variables=FAST)
    context.run.notes["nested"] = context.run.cleanup.enter_context(nested)


@when("that run ends by itself")
def run_ends(context: Context) -> None:
    """Wait for the end of its process."""
    nested: NestedRun = context.run.notes["nested"]
    context.run.notes["status"] = nested.wait_ended(timeout_s=context.session.settings.timeout(90))


@when("that run is sent {name}")
def run_signalled(context: Context, name: str) -> None:
    """Send its process the signal, and wait for its end."""
    nested: NestedRun = context.run.notes["nested"]
    context.run.notes["ended"] = time.monotonic()
    nested.signal(signal.Signals[name])
    context.run.notes["status"] = nested.wait_ended(timeout_s=context.session.settings.timeout(40))


@when("{name} reaches it at a random moment of its first {life_s:d} seconds")
def run_signalled_at_random(context: Context, name: str, life_s: int) -> None:
    """Let some of that time pass, noting what there is; send the signal, and wait for its end."""
    nested: NestedRun = context.run.notes["nested"]
    _live_a_while(context, f"when {name} comes", life_s)
    context.run.notes["ended"] = time.monotonic()
    nested.signal(signal.Signals[name])
    context.run.notes["status"] = nested.wait_ended(timeout_s=context.session.settings.timeout(40))


@when(
    "that run and its watchdog are killed at a random moment of {life_s:d} seconds "
    "from its first container on"
)
def run_killed_with_watchdog(context: Context, life_s: int) -> None:
    """Wait for the container, let some time pass, and kill both: nobody clears up.

    What is there then is noted before any other run beside this one may sweep it away.
    """
    nested: NestedRun = context.run.notes["nested"]
    nested.wait_container(timeout_s=context.session.settings.timeout(60))
    _live_a_while(context, "when the power is cut", life_s)
    with nobody_sweeps():
        nested.kill_all()
        context.run.notes["left"] = nested.objects()


@given("a program beside the suite that does not end by itself")
def endless_program(context: Context) -> None:
    """Start one, as a step does; unlike ffmpeg it outlives the containers.

    As all that is started beside the system, it comes after the run's watchdog.
    """
    context.session.ground()
    context.run.cleanup.enter_context(Program(["sleep", "600"]))


@then("something of it is left")
def something_left(context: Context) -> None:
    """Find what the next start has to take away: else that would prove nothing."""
    left = context.run.notes["left"]
    context.session.log_event("left_behind", objects="; ".join(left))
    expect(
        any(name.startswith("container ") for name in left)
        and any(name.endswith("sleep 600") for name in left),
        expected="a container that nobody has removed, and a process that nobody has ended",
        seen=left,
        hint="something removed it: is there another watchdog?",
    )


@when("the suite is started again")
def suite_started_again(context: Context) -> None:
    """Run a scenario that needs the containers, under another run id, to its end."""
    log = context.run.artifacts / "nested-next.log"
    nested = NestedRun("containers_up.feature", "passes", log, variables=FAST)
    with nested:
        status = nested.wait_ended(timeout_s=context.session.settings.timeout(90))
    expect(
        status == 0,
        expected="a run that passes, whatever the one before has left",
        seen=f"status {status}; {nested.output[-1500:]}",
        evidence=log,
        hint="environment/stack/reaper.py: sweep.",
    )


@when("its stream is on the air")
def stream_on_air(context: Context) -> None:
    """Wait until its own log says so."""
    nested: NestedRun = context.run.notes["nested"]
    wait_for(
        "the other run's stream to be on the air",
        lambda: any(line.event == "publish_active" for line in nested.events),
        timeout_s=context.session.settings.timeout(30),
    )


@then("its log has the time of every start, every container healthy before the first stream")
def healthy_first(context: Context) -> None:
    """Read its log: three starts, three containers healthy, all ready, and then the stream."""
    prove_healthy_first(context.run.notes["nested"].events)


@then("it has failed, and said where the evidence lies")
def run_has_failed(context: Context) -> None:
    """Compare its exit status; find its evidence where it printed, with every container's log."""
    nested: NestedRun = context.run.notes["nested"]
    evidence = context.run.artifacts / "nested"
    expect(
        context.run.notes["status"] != 0
        and f"{evidence.parent.name}/{evidence.name}/" in nested.output,
        expected="an exit status that is not 0, and the path of its artifacts",
        seen=f"status {context.run.notes['status']}; {nested.output[-1500:]}",
        hint="environment/hooks.py prints the summary, also when the run is interrupted.",
    )
    prove_logs_kept(evidence, context.session.stack().containers)


@then("it has said what was expected, what was seen, and what to try")
def run_has_explained(context: Context) -> None:
    """Find all three, and the step, in the report of the scenario that failed on purpose."""
    prove_explained(context.run.notes["nested"], "this scenario fails on purpose")


@then("nothing of it is left: no container, no network, no volume")
def nothing_left(context: Context) -> None:
    """Look for what is its own on the engine, in the process table, and on its ports (FR-010)."""
    nested: NestedRun = context.run.notes["nested"]
    left = nested.objects()
    expect(
        not left,
        expected="no container, network, volume, process or port of that run",
        seen=left,
        hint="environment/stack/reaper.py removes what a run owns.",
    )


@then("within {limit_s:d} seconds nothing of it is left: no container, no network, no volume")
def nothing_left_soon(context: Context, limit_s: int) -> None:
    """Wait for the same: what a killed run had to leave, others take away (FR-010)."""
    nested: NestedRun = context.run.notes["nested"]
    wait_within(
        f"nothing left of {nested.run_id}",
        lambda: not nested.objects(),
        limit_s=limit_s,
        settings=context.session.settings,
        since=context.run.notes["ended"],
        evidence=lambda: ", ".join(nested.objects()),
        hint="environment/stack/reaper.py has a watchdog for what a killed run leaves.",
    )


@then("this scenario fails on purpose")
def fails_on_purpose(_context: Context) -> None:
    """Fail: a nested run needs a scenario that does."""
    fail(expected="a failure, on purpose", seen="this one", hint="none: it is meant to be.")


def _live_a_while(context: Context, what: str, life_s: float) -> None:
    """Let a share of the time pass that chance decides, noting meanwhile what there is."""
    nested: NestedRun = context.run.notes["nested"]
    moment_s = life_s * roll(what, context.session.settings, context.session.log_event).random()
    context.session.log_event("moment_chosen", what=what, after_s=round(moment_s, 3))
    watch(nested.objects, duration_s=moment_s, interval_s=0.2)


@then("this scenario lasts until the run is told to stop")
def lasts_until_told(context: Context) -> None:
    """Wait for a signal that ends the run; give up after two minutes."""
    wait_for("the run to be told to stop", lambda: None, timeout_s=LASTS_S)
    context.session.log_event("nested_run_never_told")
