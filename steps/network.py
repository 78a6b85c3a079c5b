"""The bridge network: its members, its names, its speed and its way out."""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from environment import inside, reachability
from environment.containers import ServiceContainer
from environment.expectations import expect
from environment.vocabulary import Context, given, then, when


@when("media-service attempts to connect to STS")
def connect_to_sts(context: Context) -> None:
    """Wait for an established TCP connection to the port of its STS endpoint."""
    service, url = context.session.stack().media_service, urlsplit(context.run.notes["url"])
    context.run.notes["connection"] = inside.wait_for_connection(service, url.port or 80)


@then("connection succeeds via Docker bridge network using container name resolution")
def connected_by_name(context: Context) -> None:
    """Prove that the peer is STS, both ends lie on the network, and the URL holds its name."""
    stack, connection = context.session.stack(), context.run.notes["connection"]
    _expect_named(context, "sts-service")
    members = stack.network.members()
    ends = (connection.local_address, connection.remote_address)
    expect(
        ends == (members[stack.media_service.name], members[stack.sts_service.name]),
        expected=f"both ends on {stack.network.name}: {members}",
        seen=connection,
        hint="`docker network inspect` shows the addresses, /proc/net/tcp the connection.",
    )
    expect(
        stack.media_service.health()["sts"]["connected"],
        expected="media-service knows its STS session",
        seen=stack.media_service.health(),
        hint="the TCP connection stands: look at the Socket.IO handshake in its log.",
    )


@when("media-service ingests a stream")
def media_service_ingests(context: Context) -> None:
    """Publish a clip and wait for an established connection to the media server's RTMP port."""
    clip, url = context.session.clip("30s-english-counting.mp4"), context.run.notes["url"]
    context.run.publish(clip, "live/test/in").wait_active()
    context.run.notes["connection"] = inside.wait_for_connection(
        context.session.stack().media_service, urlsplit(url).port or 1935
    )


@then("it reads from the media server's container by name")
def reads_by_name(context: Context) -> None:
    """Prove that the peer is the media server, and that the URL holds its container's name."""
    stack, connection = context.session.stack(), context.run.notes["connection"]
    _expect_named(context, "e2e-mediamtx")
    expect(
        connection.remote_address == stack.network.members()[stack.media_server.name],
        expected=f"a connection to {stack.media_server.address}",
        seen=connection,
        hint="MEDIAMTX_RTMP_URL inside media-service, and what its host resolves to.",
    )


@when("media-service container queries DNS")
def query_dns(context: Context) -> None:
    """Ask the resolver inside media-service for the name that the text gives to STS."""
    context.run.notes["address"] = inside.resolve(
        context.session.stack().media_service, "sts-service"
    )


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
    """Find this run's network of that name: a bridge, older than every container on it."""
    stack = context.session.stack()
    network = stack.network.inspect()
    created = [container.inspect()["Created"] for container in stack.containers.values()]
    expect(
        network["Driver"] == "bridge" and network["Name"] in {name, stack.settings.network_name},
        expected=f"a bridge network {name} (FR-006)",
        seen=(network["Name"], network["Driver"]),
        hint="environment/network.py makes it.",
    )
    expect(
        datetime.fromisoformat(network["Created"]) < min(map(datetime.fromisoformat, created)),
        expected="the network made before the containers (FR-006)",
        seen=(network["Created"], created),
        hint="environment/production.py starts them in order.",
    )


@when("both containers join network with names `{first}` and `{second}`")
def containers_join(context: Context, first: str, second: str) -> None:
    """Resolve both names on the network: each must lead to the container it stands for."""
    stack = context.session.stack()
    named: dict[str, ServiceContainer] = {first: stack.media_service, second: stack.sts_service}
    context.run.notes["joined"] = {service.name: service.address for service in named.values()}
    answers = {name: inside.resolve(stack.media_service, name) for name in named}
    expect(
        answers == {name: service.address for name, service in named.items()},
        expected=f"{first} and {second} as names of {context.run.notes['joined']}",
        seen=answers,
        hint="the aliases given when the containers are connected (environment/production.py).",
    )


@then("`docker network inspect` shows both containers connected")
def inspect_shows_both(context: Context) -> None:
    """Find both, with the addresses they themselves have, in the engine's description."""
    members = context.session.stack().network.members()
    expect(
        context.run.notes["joined"].items() <= members.items(),
        expected=f"members {context.run.notes['joined']}",
        seen=members,
        hint="`docker network inspect` by hand.",
    )


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
    context.run.notes["ping"] = inside.ping(context.session.stack().media_service, name, count=5)


@then("DNS resolves to correct IP and ping succeeds with <{limit_ms:g}ms latency")
def ping_is_fast(context: Context, limit_ms: float) -> None:
    """Compare the address ping used with the network's, count the answers, time them."""
    report, address = context.run.notes["ping"], context.session.stack().sts_service.address
    expect(
        report.address == address,
        expected=f"ping went to {address}",
        seen=report.address,
        hint="the aliases of sts-service on the network.",
    )
    expect(
        len(report.round_trips_ms) == report.sent and report.average_ms < limit_ms,
        expected=f"{report.sent} answers, {limit_ms:g} ms at most on average",
        seen=f"{report.round_trips_ms} ms",
        hint="a loaded host answers late: `uptime`.",
    )


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


@when("containers need external access (model downloads)")
def need_external_access(context: Context) -> None:
    """Look for the way out of each service, then take it: connect to the external probe."""
    stack, probe = context.session.stack(), reachability.external_probe(context.session.settings)
    services = (stack.media_service, stack.sts_service)
    context.run.notes["gateways"] = {s.name: inside.default_gateway(s) for s in services}
    context.run.notes["peers"] = {s.name: inside.connect(s, *probe) for s in services}


@then("containers can reach internet while maintaining internal connectivity")
def reach_outside_and_each_other(context: Context) -> None:
    """Prove default route and address translation, the peer outside, and the one inside."""
    stack, notes = context.session.stack(), context.run.notes
    gateway = stack.network.inspect()["IPAM"]["Config"][0]["Gateway"]
    expect(
        set(notes["gateways"].values()) == {gateway}
        and reachability.translates_addresses(stack.network),
        expected=f"default route over {gateway}, addresses translated by the host",
        seen=notes["gateways"],
        hint="`iptables -t nat -S POSTROUTING` wants a MASQUERADE rule for the subnet.",
    )
    outside = set(notes["peers"].values()) - set(stack.network.members().values())
    inner = inside.connect(stack.media_service, "sts-service", 3000)
    expect(
        outside and inner == stack.sts_service.address,
        expected="a peer outside of the network, and sts-service inside of it",
        seen=(notes["peers"], inner),
        hint="E2E_EXTERNAL_PROBE=host:port names another probe.",
    )


def _expect_named(context: Context, plain: str) -> None:
    """Assert that the URL names that container, as the network's DNS knows it (FR-013)."""
    stack, host = context.session.stack(), urlsplit(context.run.notes["url"]).hostname or ""
    aliases = stack.network.aliases(stack.containers[plain].name)
    expect(
        host in aliases and not _is_address(host),
        expected=f"one of the container's names {aliases}, not an address (FR-013)",
        seen=context.run.notes["url"],
        hint="the variable that media-service is started with.",
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
