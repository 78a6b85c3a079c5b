"""Endpoints on the host: health, and the ports that the containers publish."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.container_proofs import prove_published
from environment.proofs.endpoints import ask, ask_until_ok, speaks_rtmp, speaks_rtsp
from environment.proofs.network_proofs import prove_linked
from environment.vocabulary import Context, given, then, when

# Who answers over HTTP, and a word that only its answer holds.
DOORS = {"media-service": "media_server", "sts-service": "asr", "api": "items"}


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
    """Ask both services, and the media server's API, on their published ports until they say 200.

    The wait is stretched on slow machines; the bound that the next step holds it against is not.
    """
    stack = context.session.stack()
    context.run.notes["answers"] = {
        container.name: ask_until_ok(
            container, container.health_path, timeout_s=stack.settings.timeout(30)
        )
        for container in stack.containers.values()
    }


@then("both services return 200 OK within {limit_s:d} seconds")
def healthy_within(context: Context, limit_s: int) -> None:
    """Hold the answers, and the time the whole stack took from its start, against the bound.

    The media server's API counts too, and so do the links from media-service to both (SC-002).
    """
    stack, answers = context.session.stack(), context.run.notes["answers"]
    startup_s, waited_s = stack.started_in_s, max(a.after_s for a in answers.values())
    words = [answers[s.name].body["status"] for s in (stack.media_service, stack.sts_service)]
    expect(
        startup_s is not None and max(startup_s, waited_s) <= limit_s and words == ["healthy"] * 2,
        expected=f"200 from all, healthy from both services, within {limit_s} s of the start",
        seen=f"stack healthy after {startup_s} s; {answers}",
        hint="run.log has the time of each container's start and first healthy answer.",
    )
    prove_linked(stack)


@when("tests query services via published ports")
def query_published_ports(context: Context) -> None:
    """Ask each HTTP service on localhost, and greet the media server's RTMP and RTSP."""
    stack, timeout_s = context.session.stack(), context.session.settings.timeout(5)
    doors = {
        "media-service": (stack.media_service.host_port(8080), "/health"),
        "sts-service": (stack.sts_service.host_port(3000), "/health"),
        "api": (stack.media_server.host_port(9997), "/v3/paths/list"),
    }
    for name, (port, path) in doors.items():
        context.run.notes[name] = ask(f"http://localhost:{port}{path}", timeout_s=timeout_s)
    rtmp_port = stack.media_server.host_port(1935)
    rtsp_port = stack.media_server.host_port(8554)
    context.run.notes["rtmp"] = speaks_rtmp("localhost", rtmp_port, timeout_s=timeout_s)
    context.run.notes["rtsp"] = speaks_rtsp("localhost", rtsp_port, timeout_s=timeout_s)


@then("localhost port mapping works correctly for external access")
def port_mapping_works(context: Context) -> None:
    """See that the right one answered on each port, and that all of FR-005 are published."""
    seen = {name: context.run.notes[name] for name in (*DOORS, "rtmp", "rtsp")}
    expect(
        (seen["rtmp"], seen["rtsp"]) == (True, True)
        and all(word in seen[name].body for name, word in DOORS.items()),
        expected="each service answers, as itself, on its published port",
        seen={name: str(answer) for name, answer in seen.items()},
        hint="`docker ps` shows who holds which port.",
    )
    prove_published(context.session.stack())
