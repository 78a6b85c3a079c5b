"""Endpoints on the host: health, and the ports that the containers publish."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.endpoints import ask, ask_until_ok, speaks_rtmp
from environment.proofs.network_proofs import prove_published
from environment.vocabulary import Context, given, then, when


@given("pytest test framework on host")
def suite_on_host(context: Context) -> None:
    """Have the stack up and this process outside of it: it is no member of the network."""
    stack = context.session.stack()
    names = {container.name for container in stack.containers.values()}
    expect(
        set(stack.network.members()) == names,
        expected=f"only the system's containers on {stack.network.name}: {sorted(names)}",
        seen=stack.network.members(),
        hint="the suite must reach the services from outside, over published ports.",
    )


@when("pytest queries health endpoints")
def query_health(context: Context) -> None:
    """Ask both services over their published ports until they answer 200, or time is up."""
    stack = context.session.stack()
    context.run.notes["answers"] = [
        ask_until_ok(service, "/health", timeout_s=stack.settings.timeout(30))
        for service in (stack.media_service, stack.sts_service)
    ]


@then("both services return 200 OK within {limit_s:d} seconds")
def healthy_within(context: Context, limit_s: int) -> None:
    """Hold the answers, and the time the whole stack took from its start, against the bound."""
    stack, answers = context.session.stack(), context.run.notes["answers"]
    limit, startup_s = stack.settings.timeout(limit_s), stack.started_in_s
    in_time = startup_s is not None and max(startup_s, *(a.after_s for a in answers)) <= limit
    expect(
        in_time and [(a.status, a.body["status"]) for a in answers] == [(200, "healthy")] * 2,
        expected=f"200 and healthy from both, within {limit:g} s of the start",
        seen=f"stack healthy after {startup_s} s; {answers}",
        hint="run.log has the time of each container's start and first healthy answer.",
    )


@when("tests query services via published ports")
def query_published_ports(context: Context) -> None:
    """Ask each HTTP service on localhost, and shake hands with the media server's RTMP."""
    stack = context.session.stack()
    context.run.notes["media-service"] = ask(
        f"http://localhost:{stack.media_service.host_port(8080)}/health"
    )
    context.run.notes["sts-service"] = ask(
        f"http://localhost:{stack.sts_service.host_port(3000)}/health"
    )
    context.run.notes["api"] = ask(
        f"http://localhost:{stack.media_server.host_port(9997)}/v3/paths/list"
    )
    context.run.notes["rtmp"] = speaks_rtmp("localhost", stack.media_server.host_port(1935))


@then("localhost port mapping works correctly for external access")
def port_mapping_works(context: Context) -> None:
    """See that the right one answered on each port, and that all of FR-005 are published."""
    notes = context.run.notes
    expect(
        notes["rtmp"]
        and "items" in notes["api"].body
        and "media_server" in notes["media-service"].body
        and "asr" in notes["sts-service"].body,
        expected="each service answers, as itself, on its published port",
        seen={name: str(notes[name]) for name in ("rtmp", "api", "media-service", "sts-service")},
        hint="`docker ps` shows who holds which port.",
    )
    prove_published(context.session.stack())
