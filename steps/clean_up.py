"""Other runs of the suite: how they end, and what they leave behind."""

from __future__ import annotations

import signal
import time

from environment.expectations import expect, fail
from environment.proofs.evidence_proofs import prove_logs_kept
from environment.runs.nested import NestedRun
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for, wait_within

# An interrupted nested run whose signal gets lost must not last for ever.
LASTS_S = 120.0


@given("another run of the suite has its containers up, in a scenario that {tag}")
def other_run_up(context: Context, tag: str) -> None:
    """Start it, wait until its containers and network are on the engine and it knows them ready."""
    context.session.stack()
    log = context.run.artifacts / "nested.log"
    nested = context.run.cleanup.enter_context(NestedRun("containers_up.feature", tag, log))
    context.run.notes["nested"] = nested
    made = nested.wait_stack(3, timeout_s=context.session.settings.timeout(60))
    expect(
        any(name.startswith("network ") for name in made),
        expected="a network of its own",
        seen=made,
        evidence=log,
        hint="E2E_RUN_ID stands behind every name of a run.",
    )


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


@then("nothing of it is left: no container, no network, no volume")
def nothing_left(context: Context) -> None:
    """Look for its run id in the names of everything on the engine (FR-010)."""
    nested: NestedRun = context.run.notes["nested"]
    left = nested.objects()
    expect(
        not left,
        expected="no container, network or volume of that run",
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


@then("this scenario lasts until the run is told to stop")
def lasts_until_told(context: Context) -> None:
    """Wait for a signal that ends the run; give up after two minutes."""
    wait_for("the run to be told to stop", lambda: None, timeout_s=LASTS_S)
    context.session.log_event("nested_run_never_told")
