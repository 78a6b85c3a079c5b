"""Containers: what they were started with, whether they run, and what outlives them."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.container_proofs import (
    prove_healthy,
    prove_independent,
    prove_same_process,
    prove_started_anew,
)
from environment.proofs.network_proofs import prove_linked, prove_names
from environment.proofs.readiness_proofs import prove_says_not_ready
from environment.runs.watching import watch
from environment.settings import Settings
from environment.stack.containers import ServiceContainer
from environment.vocabulary import Context, given, then, when

# Longer than the 10 s in which sts-service notices a silent peer (DESIGN: ping 5 s + 5 s).
WATCHED_S = 12.0
NOTICED_S = 15.0


@given("media-service Docker container started with `{name}={value}`")
def media_service_started_with(context: Context, name: str, value: str) -> None:
    """Find the variable inside the container: the text's value, unless the run overrides it.

    The container must be one of its own, made by no orchestrator (FR-001).
    """
    prove_independent(context.session.stack())
    settings = context.session.settings
    overridden = name.lower() in settings.model_fields_set
    wanted = str(getattr(settings, name.lower())) if overridden else value
    seen = context.session.stack().media_service.environment.get(name)
    context.run.notes["url"] = wanted
    expect(
        seen == wanted,
        expected=f"{name}={wanted} inside media-service (FR-011 to FR-013)",
        seen=f"{name}={seen}",
        hint="environment/stack/production.py hands media-service its variables.",
    )


@given("STS-service Docker container started on bridge network with name `{name}`")
def sts_service_started_as(context: Context, name: str) -> None:
    """Find the container running, under that name, among the network's members (FR-004).

    The other two must bear the names of their own as well, and answer to them.
    """
    stack = context.session.stack()
    container, wanted = stack.sts_service, stack.settings.named(name)
    expect(
        container.status == "running" and wanted in stack.network.members(),
        expected=f"a running container {wanted!r} on {stack.network.name}",
        seen=f"{container.name} {container.status}; members {stack.network.members()}",
        hint="`docker ps -a` and `docker network inspect` show the same.",
    )
    prove_names(stack)


@given("both containers running on custom bridge network `{network}`")
def both_run_on_network(context: Context, network: str) -> None:
    """Find both services running, as members of this run's network of that name."""
    stack = context.session.stack()
    services: tuple[ServiceContainer, ...] = (stack.media_service, stack.sts_service)
    expect(
        all(s.status == "running" and s.name in stack.network.members() for s in services)
        and stack.network.name == _network_name(stack.settings, network),
        expected=f"both services running on {network}",
        seen={s.name: s.status for s in services} | {"members": stack.network.members()},
        hint="`docker ps -a` and `docker network inspect` show the same.",
    )


@given("media-service container stopped")
def media_service_stopped(context: Context) -> None:
    """Stop it with SIGTERM; noting first what sts-service is. The hooks heal it afterwards."""
    stack = context.session.stack()
    context.run.notes["before"] = stack.sts_service.inspect()
    exit_code = stack.media_service.stop()
    expect(
        stack.media_service.status == "exited" and exit_code == 0,
        expected="media-service stopped cleanly, exit code 0 (FR-002)",
        seen=f"{stack.media_service.status}, exit code {exit_code}",
        hint=f"`docker logs {stack.media_service.name}`: what held up its shutdown?",
    )


@when("STS-service container status checked")
def sts_status_checked(context: Context) -> None:
    """Watch its status for as long as it takes to notice the missing peer, and then some."""
    sts = context.session.stack().sts_service
    context.run.notes["states"] = watch(lambda: sts.inspect()["State"], duration_s=WATCHED_S)


@then("STS-service remains running (no cascading failures from service isolation)")
def sts_remains_running(context: Context) -> None:
    """Compare all that was seen: running throughout, the same process, and still healthy."""
    notes = context.run.notes
    prove_same_process(notes["before"]["State"], notes["states"])
    prove_healthy(context.session.stack().sts_service)


@given("all three containers running")
def all_running(context: Context) -> None:
    """Find all three running and healthy; note which processes they are."""
    stack = context.session.stack()
    for container in stack.containers.values():
        prove_healthy(container)
    context.run.notes["before"] = {n: c.inspect()["State"] for n, c in stack.containers.items()}


@when("`{name}` is stopped and started by itself")
def stopped_and_started(context: Context, name: str) -> None:
    """Stop that one alone, look at the others meanwhile, start it, wait for its health (FR-002).

    While a peer of media-service is away, that has to say that it is not ready.
    """
    stack = context.session.stack()
    containers = stack.containers
    context.run.notes["exit code"] = containers[name].stop()
    others = {n: c for n, c in containers.items() if n != name}
    context.run.notes["meanwhile"] = {n: c.inspect()["State"] for n, c in others.items()}
    if containers[name] is not stack.media_service:
        timeout_s = stack.settings.timeout(NOTICED_S)
        prove_says_not_ready(stack.media_service, without=name, timeout_s=timeout_s)
    containers[name].start()
    containers[name].wait_healthy()


@then("`{name}` runs anew, and the others have been running all along")
def others_untouched(context: Context, name: str) -> None:
    """Compare the processes: a clean end and a new start for the one, none for the others."""
    stack, notes = context.session.stack(), context.run.notes
    states = {n: c.inspect()["State"] for n, c in stack.containers.items()}
    prove_started_anew(notes["before"][name], states.pop(name), notes["exit code"])
    for other, after in states.items():
        prove_same_process(notes["before"][other], [notes["meanwhile"][other], after])
    stack.media_service.wait_ready()
    prove_linked(stack)


def _network_name(settings: Settings, said: str) -> str:
    default = type(settings).model_fields["e2e_network_name"].default
    return settings.network_name if said == default else said
