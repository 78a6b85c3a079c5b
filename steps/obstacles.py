"""Obstacles: what another run of the suite says when something stands in its way."""

from __future__ import annotations

import time

from environment.evidence.artifacts import RUN_LOG
from environment.evidence.log_lines import read_log
from environment.expectations import expect
from environment.proofs.nested_proofs import (
    prove_failed,
    prove_first_alone_started,
    prove_no_test_had_control,
    prove_said,
    prove_skipped,
    prove_waited,
)
from environment.proofs.network_proofs import prove_rebuilt
from environment.runs.engine_gate import EngineGate
from environment.runs.nested import NestedRun, nested_run_id
from environment.runs.obstacles import (
    OBSTACLES,
    Obstacle,
    lent_network,
    one_port_for_both,
    rtmp_port_of_this_run,
)
from environment.runs.watching import watch
from environment.stack.blueprint import ALIASES, RTMP_PORT
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for

NESTED = "containers_up.feature"
PASSES = "passes"
# Nothing is said in these runs: the engines that load fastest will do.
FAST = {"STS_PROFILE": "embedded"}
ASKED_S = 120.0
WATCHED_S = 3.0


@given("another run of the suite is started, though {obstacle}")
def started_though(context: Context, obstacle: str) -> None:
    """Put the obstacle up, start the run; both go with the scenario."""
    _start(context, OBSTACLES[obstacle])


@given("a bridge network that no run of the suite has made")
def network_provided(context: Context) -> None:
    """Have the engine make one, as a build server may; it goes with the scenario."""
    name = f"lent-{nested_run_id(PASSES)}"
    context.run.notes["network"] = context.run.cleanup.enter_context(lent_network(name))


@when("another run of the suite is told to use that network")
def run_on_network(context: Context) -> None:
    """Start it, and note until its end who joins the network."""
    notes, log = context.run.notes, context.run.artifacts / "nested.log"
    network, joined = notes["network"], set[str]()
    run = NestedRun(NESTED, PASSES, log, variables={**FAST, "E2E_NETWORK_NAME": network.name})
    notes["nested"], notes["joined"] = context.run.cleanup.enter_context(run), joined

    def look() -> None:
        network.reload()
        joined.update(member["Name"] for member in network.attrs["Containers"].values())

    timeout_s = context.session.settings.timeout(60)
    notes["status"] = run.wait_ended(timeout_s=timeout_s, meanwhile=look)


@then("it has passed, with all its containers on that network")
def passed_on_network(context: Context) -> None:
    """Compare its exit status, and who has joined."""
    nested, joined = context.run.notes["nested"], context.run.notes["joined"]
    expect(
        context.run.notes["status"] == 0
        and {name.removesuffix(f"-{nested.run_id}") for name in joined} == set(ALIASES),
        expected=f"exit status 0, and on the network {sorted(ALIASES)}",
        seen=f"status {context.run.notes['status']}; {sorted(joined)}; {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="environment/stack/network.py takes what is provided, if it is fit.",
    )


@then("nothing of it is left but that network, which is empty")
def network_left(context: Context) -> None:
    """Look for its objects, and for the network with nobody on it (FR-010)."""
    network, nested = context.run.notes["network"], context.run.notes["nested"]
    network.reload()
    left = nested.objects()
    expect(
        left == [f"network {network.name}"] and not network.attrs["Containers"],
        expected=f"network {network.name} without members, and nothing else",
        seen=f"{left}; members: {network.attrs['Containers']}",
        hint="environment/stack/network.py removes what this run has made, no other network.",
    )


@given("another run of the suite is to publish both services on the same port")
def same_port(context: Context) -> None:
    """Start a run with one value for both MEDIA_SERVICE_PORT and STS_PORT."""
    _start(context, one_port_for_both)


@given("port {port:d} is in use by this run's media server")
def port_in_use(context: Context, port: int) -> None:
    """Find what the text calls that port published by the media server, where this run has it."""
    server = context.session.stack().media_server
    server_port = server.host_port(RTMP_PORT)
    expect(
        context.run.url(f"rtmp://localhost:{port}/live/test/in").startswith(
            f"rtmp://127.0.0.1:{server_port}/"
        )
        and server.status == "running",
        expected=f"the media server running, and published as port {port} of the text",
        seen=f"{server.name} {server.status}, published on {server_port}",
        hint="environment/stack/addresses.py resolves the ports of the text.",
    )
    context.run.notes["port"] = server_port


@when("another run of the suite is to publish on that very port")
def publishes_on_taken_port(context: Context) -> None:
    """Start a run that has that port among its own, and may take no other."""
    _start(context, rtmp_port_of_this_run)


@when("another run of the suite is to do so, and may choose other ports")
def may_choose_ports(context: Context) -> None:
    """Start a run with the same ports and E2E_DYNAMIC_PORTS=1."""
    _start(context, rtmp_port_of_this_run, E2E_DYNAMIC_PORTS="1")


@given("another run of the suite has its containers up, behind a gate to the engine")
def behind_a_gate(context: Context) -> None:
    """Start a run whose DOCKER_HOST is a socket of ours that leads to the engine."""
    gate = context.run.cleanup.enter_context(EngineGate())
    log = context.run.artifacts / "nested.log"
    run = NestedRun(NESTED, "asks", log, variables={**FAST, "DOCKER_HOST": gate.host})
    context.run.notes["gate"] = gate
    context.run.notes["nested"] = context.run.cleanup.enter_context(run)
    run.wait_stack(3, timeout_s=context.session.settings.timeout(60))


@when("the gate is shut")
def gate_shut(context: Context) -> None:
    """Cut that run off from the engine; nobody else notices."""
    context.run.notes["gate"].shut()
    context.run.notes["shut"] = time.time()


@when("the gate is opened again")
def gate_opened(context: Context) -> None:
    """Let its watchdog, which waits for the engine, through."""
    context.run.notes["gate"].open()
    context.run.notes["ended"] = time.monotonic()


@then("its watchdog waits for the engine")
def watchdog_waits(context: Context) -> None:
    """Watch the process table for three seconds, in which there is no engine."""
    nested: NestedRun = context.run.notes["nested"]
    looks = watch(nested.objects, duration_s=WATCHED_S)
    expect(
        all(any("environment.stack.reaper" in name for name in seen) for seen in looks),
        expected=f"a watchdog that lives for {WATCHED_S:g} s without an engine",
        seen=looks[-1],
        hint="environment/stack/reaper.py: _clear tries again until the engine is back.",
    )


@then("the engine is asked how they are until it goes away")
def asked_until_gone(context: Context) -> None:
    """Ask the engine for the containers' states, again and again: some time it does not answer."""
    containers = context.session.stack().containers.values()
    wait_for(
        "the engine to go away",
        lambda: any(each.status == "absent" for each in containers),
        timeout_s=ASKED_S,
    )


@then("it has failed within {limit_s:d} seconds of its start")
def failed_soon(context: Context, limit_s: int) -> None:
    """Compare exit status and time, from the start of its process to its end."""
    nested: NestedRun = context.run.notes["nested"]
    prove_failed(nested, context.run.notes["status"], nested.started_at, limit_s)


@then(
    "it has given up `{service}` {limit_s:d} seconds after its start, or {slack_s:d} more at most"
)
def gave_up_in_time(context: Context, service: str, limit_s: int, slack_s: int) -> None:
    """Compare the times in its log, of that container's start and of the stack's failure."""
    prove_waited(context.run.notes["nested"], service, limit_s, slack_s)


@then("it has failed within {limit_s:d} seconds of the shutting")
def failed_soon_after_shutting(context: Context, limit_s: int) -> None:
    """Compare exit status and time, from the moment at which the engine was gone."""
    nested: NestedRun = context.run.notes["nested"]
    prove_failed(nested, context.run.notes["status"], context.run.notes["shut"], limit_s)


@then("it has failed within {limit_s:d} seconds of making its first container")
def failed_fast(context: Context, limit_s: int) -> None:
    """Compare exit status and time; its own log has the container's making."""
    nested: NestedRun = context.run.notes["nested"]
    made = [line.at for line in nested.events if line.event == "container_created"]
    since = min(made, default=0.0)
    prove_failed(nested, context.run.notes["status"], since, limit_s)


@then("it says `{cause}` and tells to try `{remedy}`")
def says_cause_and_remedy(context: Context, cause: str, remedy: str) -> None:
    """Find both in what it printed (FR-045)."""
    prove_said(context.run.notes["nested"], cause, remedy)


@then("it has passed, on other ports")
def passed_on_other_ports(context: Context) -> None:
    """Compare its exit status and outcome; its log has the ports it published on."""
    nested: NestedRun = context.run.notes["nested"]
    used = [line.fields["ports"] for line in nested.events if line.event == "stack_healthy"]
    expect(
        context.run.notes["status"] == 0
        and [result["outcome"] for result in nested.results] == ["passed"]
        and len(used) == 1
        and str(context.run.notes["port"]) not in used[0].split(","),
        expected=f"exit status 0, one scenario passed, and not on port {context.run.notes['port']}",
        seen=f"status {context.run.notes['status']}, ports {used}; {nested.output[-1500:]}",
        evidence=nested.log_file,
        hint="environment/stack/production.py: _choose_ports.",
    )


@then("the engine let only one of the two containers start")
def only_one_started(context: Context) -> None:
    """Find in its log one of the two services started, and the other never."""
    prove_first_alone_started(context.run.notes["nested"])


@then("its tests are skipped, with `{reason}` and the names of both settings")
def tests_skipped(context: Context, reason: str) -> None:
    """Find its scenario skipped, the run no failure, and the reason in what it printed."""
    wanted = (reason, "MEDIA_SERVICE_PORT", "STS_PORT")
    prove_skipped(context.run.notes["nested"], context.run.notes["status"], wanted)


@then("no test of it got control, and the log of every container that was started is kept")
def no_test_had_control(context: Context) -> None:
    """Find nothing published and no stack ready, and each started container's log (FR-021)."""
    prove_no_test_had_control(context.run.notes["nested"])


@given("all three containers stopped, and their network removed")
def network_removed(context: Context) -> None:
    """Stop them, and have the engine remove the network that they were made for."""
    stack = context.session.stack()
    context.run.notes["network before"] = stack.network.inspect()["Id"]
    for container in stack.containers.values():
        container.stop()
    stack.network.remove()


@when("the containers are started again")
def started_again(context: Context) -> None:
    """Start one after the other: the same containers, made for a network that is gone."""
    context.run.notes["since"] = time.time()
    for container in context.session.stack().containers.values():
        container.start()


@then("the engine refused to, for want of the network, until that was made automatically")
def network_made(context: Context) -> None:
    """Find the refusal of each start before it, a new network, and the first start behind that."""
    prove_rebuilt(
        context.session.stack(),
        read_log(context.session.artifacts / RUN_LOG),
        since=context.run.notes["since"],
        former=context.run.notes["network before"],
    )


@then("every container is healthy on the new network")
def healthy_on_network(context: Context) -> None:
    """Wait for their health, and find each among the network's members."""
    stack = context.session.stack()
    for container in stack.containers.values():
        container.wait_healthy()
    stack.media_service.wait_ready()
    expect(
        {c.name for c in stack.containers.values()} <= set(stack.network.members()),
        expected="all three on the network (FR-008)",
        seen=stack.network.members(),
        hint="environment/stack/lifecycle.py joins the network anew before it tries again.",
    )


def _start(context: Context, obstacle: Obstacle, **variables: str) -> None:
    cleanup, log = context.run.cleanup, context.run.artifacts / f"nested-{len(variables)}.log"
    set_up = cleanup.enter_context(obstacle(context.session, nested_run_id(PASSES)))
    run = NestedRun(NESTED, PASSES, log, variables={**FAST, **set_up, **variables})
    context.run.notes["nested"] = cleanup.enter_context(run)
