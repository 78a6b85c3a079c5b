"""The bridge network: its members, its names, its speed and its way out."""

from __future__ import annotations

from urllib.parse import urlsplit

from environment.expectations import expect
from environment.proofs import inside, reachability
from environment.proofs.network_proofs import (
    prove_accepted,
    prove_bridge,
    prove_connected,
    prove_mutual_resolution,
    prove_named,
    prove_names,
    prove_network_came_first,
    prove_outside,
    prove_ping,
    prove_reached,
    prove_resolved,
    prove_session,
    prove_way_out,
)
from environment.stack.containers import ServiceContainer
from environment.vocabulary import Context, given, then, when


@when("media-service attempts to connect to STS")
def connect_to_sts(context: Context) -> None:
    """Wait for an established TCP connection to the port of its STS endpoint."""
    service, url = context.session.stack().media_service, urlsplit(context.run.notes["url"])
    context.run.notes["connection"] = inside.wait_for_connection(
        service, url.port or 80, timeout_s=context.session.settings.timeout(10)
    )


@then("connection succeeds via Docker bridge network using container name resolution")
def connected_by_name(context: Context) -> None:
    """Prove that the URL holds STS's name, that it resolves, and that the peer is STS.

    Both kernels must hold the connection, both services the session: each has its own view.
    """
    stack, notes = context.session.stack(), context.run.notes
    prove_named(stack, notes["url"], stack.sts_service)
    prove_resolved(stack, notes["url"], stack.media_service, stack.sts_service)
    prove_connected(stack, notes["connection"], stack.media_service, stack.sts_service)
    prove_accepted(stack, notes["connection"], stack.sts_service)
    prove_session(stack)


@when("media-service ingests a stream")
def media_service_ingests(context: Context) -> None:
    """Publish a clip and wait for an established connection to the media server's RTMP port."""
    clip, url = context.session.clip("30s-english-counting.mp4"), context.run.notes["url"]
    timeout_s = context.session.settings.timeout(10)
    context.run.publish(clip, "live/test/in").wait_active(timeout_s)
    context.run.notes["connection"] = inside.wait_for_connection(
        context.session.stack().media_service, urlsplit(url).port or 1935, timeout_s=timeout_s
    )


@when("media-service asks for the paths that are published")
def media_service_asks(context: Context) -> None:
    """Wait for an established connection to the port of the media server's Control API."""
    service, url = context.session.stack().media_service, urlsplit(context.run.notes["url"])
    context.run.notes["connection"] = inside.wait_for_connection(
        service, url.port or 80, timeout_s=context.session.settings.timeout(10)
    )


@then("it is connected to the media server's container by name")
def connected_to_media_server(context: Context) -> None:
    """Prove that the URL holds the media server's name, that it resolves, and who the peer is."""
    stack, notes = context.session.stack(), context.run.notes
    prove_named(stack, notes["url"], stack.media_server)
    prove_resolved(stack, notes["url"], stack.media_service, stack.media_server)
    prove_connected(stack, notes["connection"], stack.media_service, stack.media_server)
    prove_accepted(stack, notes["connection"], stack.media_server)


@when("media-service container queries DNS")
def query_dns(context: Context) -> None:
    """Ask the resolver inside media-service for the name that the text gives to STS."""
    service, timeout_s = context.session.stack().media_service, context.session.settings.timeout(10)
    context.run.notes["address"] = inside.resolve(service, "sts-service", timeout_s=timeout_s)


@then("`{name}` resolves to correct container IP")
def resolves_to_container(context: Context, name: str) -> None:
    """Compare the answer with the network's own list of members."""
    stack, seen = context.session.stack(), context.run.notes["address"]
    expect(
        seen == stack.network.members()[stack.settings.named(name)],
        expected=f"{name} at {stack.network.members()}",
        seen=seen,
        hint="`docker network inspect` lists the members' addresses and aliases.",
    )


@given("custom bridge network `{name}` created")
def network_created(context: Context, name: str) -> None:
    """Find this run's network of that name: a bridge, made before any container was started."""
    stack = context.session.stack()
    prove_bridge(stack, {name, stack.network.name})
    prove_network_came_first(stack)


@when("both containers join network with names `{first}` and `{second}`")
def containers_join(context: Context, first: str, second: str) -> None:
    """Resolve both names on the network: each must lead to the container it stands for."""
    stack, timeout_s = context.session.stack(), context.session.settings.timeout(10)
    named: dict[str, ServiceContainer] = {first: stack.media_service, second: stack.sts_service}
    context.run.notes["joined"] = {service.name: service.address for service in named.values()}
    answers = {n: inside.resolve(stack.media_service, n, timeout_s=timeout_s) for n in named}
    expect(
        answers == {name: service.address for name, service in named.items()},
        expected=f"{first} and {second} as names of {context.run.notes['joined']}",
        seen=answers,
        hint="environment/stack/production.py gives each container its aliases.",
    )


@then("`docker network inspect` shows both containers connected")
def inspect_shows_both(context: Context) -> None:
    """Find both, with the addresses they themselves have, in the engine's description.

    The third container must be there as well, each under its name (FR-004, FR-008).
    """
    members = context.session.stack().network.members()
    expect(
        context.run.notes["joined"].items() <= members.items(),
        expected=f"members {context.run.notes['joined']}",
        seen=members,
        hint="`docker network inspect` by hand.",
    )
    prove_names(context.session.stack())


@given("both containers on bridge network")
def both_on_network(context: Context) -> None:
    """Find both services among the members of this run's bridge network."""
    stack = context.session.stack()
    names = {stack.media_service.name, stack.sts_service.name}
    expect(
        stack.network.inspect()["Driver"] == "bridge" and names <= set(stack.network.members()),
        expected=f"{sorted(names)} on a bridge network",
        seen=stack.network.members(),
        hint="`docker network inspect` by hand.",
    )


@when("media-service container pings `{name}`")
def ping_by_name(context: Context, name: str) -> None:
    """Send five echo requests from inside media-service, to the name."""
    service, timeout_s = context.session.stack().media_service, context.session.settings.timeout(20)
    context.run.notes["ping"] = inside.ping(service, name, count=5, timeout_s=timeout_s)


@then("DNS resolves to correct IP and ping succeeds with <{limit_ms:g}ms latency")
def ping_is_fast(context: Context, limit_ms: float) -> None:
    """Compare the address ping used with the network's, count the answers, time them."""
    address = context.session.stack().sts_service.address
    prove_ping(context.run.notes["ping"], address, limit_ms)


@given("network configured with `--internal={value}`")
def network_internal(context: Context, value: str) -> None:
    """Read the flag off the engine's description of the network (FR-007)."""
    network = context.session.stack().network.inspect()
    expect(
        str(network["Internal"]).lower() == value,
        expected=f"--internal={value}",
        seen=f"Internal: {network['Internal']}",
        hint="a network of that name made by somebody else: `docker network inspect`.",
    )


@when("each container asks for the others by name")
def each_asks(context: Context) -> None:
    """Ask the resolver inside all three for every name of the other two."""
    stack, timeout_s = context.session.stack(), context.session.settings.timeout(10)
    context.run.notes["answers"] = {
        (asked, name): inside.resolve(container, name, timeout_s=timeout_s)
        for asked, container in stack.containers.items()
        for other, answering in stack.containers.items()
        if other != asked
        for name in answering.spec.aliases
    }


@then("every name leads to its container")
def every_name_leads_home(context: Context) -> None:
    """Compare each answer with the network's own list of members (FR-009)."""
    prove_mutual_resolution(context.session.stack(), context.run.notes["answers"])


@when("containers need external access (model downloads)")
def need_external_access(context: Context) -> None:
    """Look for the way out of each service, then take it: connect to the external probe."""
    stack, timeout_s = context.session.stack(), context.session.settings.timeout(10)
    host, port = reachability.external_probe(context.session.settings)
    services = (stack.media_service, stack.sts_service)
    context.run.notes["gateways"] = {
        s.name: inside.default_gateway(s, timeout_s=timeout_s) for s in services
    }
    context.run.notes["peers"] = {
        s.name: inside.connect(s, host, port, timeout_s=timeout_s) for s in services
    }


@then("containers can reach internet while maintaining internal connectivity")
def reach_outside_and_each_other(context: Context) -> None:
    """Prove default route and address translation, the peer outside, and the one inside.

    A peer on this host counts only where E2E_EXTERNAL_PROBE names it; run.log then says so.
    """
    stack, notes, settings = context.session.stack(), context.run.notes, context.session.settings
    prove_way_out(stack, notes["gateways"])
    named = bool(settings.e2e_external_probe)
    if on_host := prove_outside(stack, notes["peers"], host_accepted=named):
        context.session.log_event("outside_is_this_host", probe=settings.e2e_external_probe)
        context.run.evidence("outside.txt", f"only {on_host}, on this host, was reached\n")
    peer = inside.connect(stack.media_service, "sts-service", 3000, timeout_s=settings.timeout(5))
    prove_reached(stack, peer, stack.sts_service)
