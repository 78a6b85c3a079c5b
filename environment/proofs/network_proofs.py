"""Proofs about the network: its names, its links, its way out; taken from the running system.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from environment.expectations import expect
from environment.proofs import inside, reachability

if TYPE_CHECKING:
    from environment.evidence.log_lines import LogLine
    from environment.proofs.inside import PingReport, TcpConnection
    from environment.stack.containers import ServiceContainer
    from environment.stack.topology import Topology


_REBUILDING = ("network_missing", "network_created", "container_started")


def prove_named(stack: Topology, url: str, container: ServiceContainer) -> None:
    """The URL names that container as the network's DNS knows it, by no address (FR-013)."""
    host, names = urlsplit(url).hostname or "", stack.network.aliases(container.name)
    expect(
        host in names and not _is_address(host),
        expected=f"one of the container's names {names}, not an address (FR-013)",
        seen=url,
        hint="the variable that media-service is started with.",
    )


def prove_sends_to(media_service: ServiceContainer, endpoint: str) -> None:
    """media-service was started with that endpoint of sts-service."""
    expect(
        media_service.environment["STS_SERVICE_URL"] == endpoint,
        expected=f"media-service sends to {endpoint}",
        seen=media_service.environment["STS_SERVICE_URL"],
        hint="the variables that media-service is started with.",
    )


def prove_connected(
    stack: Topology, connection: TcpConnection, client: ServiceContainer, server: ServiceContainer
) -> None:
    """Both ends of the connection are those two containers, on the run's network."""
    members = stack.network.members()
    expect(
        connection.local_address == members.get(client.name)
        and connection.remote_address == members.get(server.name),
        expected=f"{client.name} connected to {server.name} on {stack.network.name}: {members}",
        seen=connection,
        hint="`docker network inspect` shows the addresses, /proc/net/tcp the connection.",
    )


def prove_resolved(
    stack: Topology, url: str, client: ServiceContainer, server: ServiceContainer
) -> None:
    """The resolver inside of the client leads from the URL's host to that server (FR-009)."""
    host = urlsplit(url).hostname or ""
    address = inside.resolve(client, host, timeout_s=stack.settings.timeout(10))
    expect(
        address == stack.network.members().get(server.name),
        expected=f"{host} at {server.name}'s address, of {stack.network.members()}",
        seen=f"{address}, by the resolver inside {client.name}",
        hint="`docker network inspect` lists the members' addresses and aliases.",
    )


def prove_accepted(stack: Topology, connection: TcpConnection, server: ServiceContainer) -> None:
    """The server's kernel holds the other end of the connection."""
    held = inside.established_connections(server, timeout_s=stack.settings.timeout(10))
    expect(
        connection.reversed in held,
        expected=f"the other end of {connection} inside {server.name}",
        seen=held,
        hint=f"`docker exec {server.name} cat /proc/net/tcp`",
    )


def prove_session(stack: Topology) -> None:
    """The Socket.IO session stands by the word of both sides: each has its own view of it."""
    health, clients = stack.media_service.health(), stack.sts_service.metric("sts_connections")
    expect(
        health["sts"]["connected"] and clients >= 1,
        expected="media-service connected by its own word, a client counted by sts-service",
        seen=f"{health}, sts_connections {clients:g}",
        hint="the TCP connection stands: look at the Socket.IO handshake in both logs.",
    )


def prove_linked(stack: Topology) -> None:
    """media-service is connected to both its peers, and both ends know it (SC-002)."""
    service, timeout_s = stack.media_service, stack.settings.timeout(10)
    peers: dict[str, ServiceContainer] = {
        "STS_SERVICE_URL": stack.sts_service,
        "MEDIAMTX_API_URL": stack.media_server,
    }
    for variable, server in peers.items():
        port = urlsplit(service.environment[variable]).port or 80
        connection = inside.wait_for_connection(service, port, timeout_s=timeout_s)
        prove_connected(stack, connection, service, server)
        prove_accepted(stack, connection, server)
    prove_session(stack)


def prove_names(stack: Topology) -> None:
    """Every container has the one name that the settings give it, and its plain name on the
    network (FR-004, FR-008).
    """
    wanted = {plain: stack.settings.named(plain) for plain in stack.containers}
    seen = {plain: container.name for plain, container in stack.containers.items()}
    aliases = {name: stack.network.aliases(name) for name in seen.values()}
    expect(
        seen == wanted
        and set(wanted.values()) <= set(stack.network.members())
        and all(plain in aliases[name] for plain, name in seen.items()),
        expected=f"on {stack.network.name}: {wanted}, each answering to its plain name",
        seen=f"{seen}; aliases {aliases}; members {stack.network.members()}",
        hint="environment/stack/blueprint.py names the containers.",
    )


def prove_mutual_resolution(stack: Topology, answers: Mapping[tuple[str, str], str]) -> None:
    """Inside every container the names of the others led to the others (FR-009).

    ``answers``: the address, by the plain name of the container asked and the name asked for.
    """
    wanted = {
        (asked, name): answering.address
        for asked in stack.containers
        for other, answering in stack.containers.items()
        if other != asked
        for name in answering.spec.aliases
    }
    expect(
        wanted and dict(answers) == wanted,
        expected=f"by container and name: {wanted} (FR-009)",
        seen=dict(answers),
        hint="`docker network inspect` lists the members' addresses and aliases.",
    )


def prove_reached(stack: Topology, peer: str, server: ServiceContainer) -> None:
    """The peer of a connection made inside of the network is that container."""
    expect(
        peer == server.address,
        expected=f"{server.name}, {server.address}, reached inside of the network",
        seen=peer,
        hint=f"members of {stack.network.name}: {stack.network.members()}",
    )


def prove_bridge(stack: Topology, names: set[str]) -> None:
    """This run's network is a bridge, under one of these names (FR-003, FR-006)."""
    network = stack.network.inspect()
    expect(
        network["Driver"] == "bridge" and network["Name"] in names,
        expected=f"a bridge network named {' or '.join(sorted(names))}",
        seen=(network["Name"], network["Driver"]),
        hint="environment/stack/network.py makes it.",
    )


def prove_network_came_first(stack: Topology) -> None:
    """The network was there before any container on it was started (FR-006)."""
    network = datetime.fromisoformat(stack.network.inspect()["Created"])
    started = [
        datetime.fromisoformat(c.inspect()["State"]["StartedAt"]) for c in stack.containers.values()
    ]
    expect(
        network < min(started),
        expected="the network made before the containers were started (FR-006)",
        seen=(network.isoformat(), [time.isoformat() for time in started]),
        hint="environment/stack/production.py brings them up in order.",
    )


def prove_ping(report: PingReport, address: str, limit_ms: float) -> None:
    """The ping went to that address, every request was answered, in time on average."""
    expect(
        report.address == address
        and len(report.round_trips_ms) == report.sent
        and report.average_ms < limit_ms,
        expected=f"{report.sent} answers from {address}, in {limit_ms:g} ms on average",
        seen=report,
        hint="the names of sts-service on the network; a loaded host answers late.",
    )


def prove_way_out(stack: Topology, gateways: Mapping[str, str | None]) -> None:
    """Each container's default route is the network's gateway, and addresses are translated."""
    gateway = stack.network.inspect()["IPAM"]["Config"][0]["Gateway"]
    translated = reachability.translates_addresses(stack.network)
    expect(
        gateways and set(gateways.values()) == {gateway} and translated,
        expected=f"default route over {gateway}, addresses translated by the host (FR-007)",
        seen=f"{dict(gateways)}, translated: {translated}",
        hint="`iptables -t nat -S POSTROUTING` wants a MASQUERADE rule for the subnet.",
    )


def prove_outside(
    stack: Topology, peers: Mapping[str, str], *, host_accepted: bool = False
) -> tuple[str, ...]:
    """The addresses that the containers reached lie outside of their network and of this host.

    A peer on this host, such as a proxy of its own, counts only if ``host_accepted``: somebody
    has said that there is no other way. Returns the peers that were let pass so.
    """
    on_host = {peer for peer in peers.values() if reachability.is_of_this_host(peer)}
    inner = {peer for peer in peers.values() if reachability.is_inside(stack.network, peer)}
    expect(
        peers and not inner and (host_accepted or not on_host),
        expected="peers outside of the network, which are not this host either (FR-007)",
        seen=f"{dict(peers)}; inside the network: {inner}; of this host: {on_host}",
        hint="E2E_EXTERNAL_PROBE=host:port names another probe, on this host if need be.",
    )
    return tuple(sorted(on_host))


def prove_rebuilt(stack: Topology, lines: Sequence[LogLine], *, since: float, former: str) -> None:
    """Each start since then was refused for want of the network, and the first refusal made it.

    ``lines`` are this run's log; ``former`` is the id of the network that was removed.
    """
    told = [(line.event, line.fields) for line in lines if line.at >= since]
    refused = {fields["container"] for event, fields in told if event == "network_missing"}
    story = [event for event, _ in told if event in _REBUILDING]
    network = stack.network.inspect()
    expect(
        refused == {container.name for container in stack.containers.values()}
        and story[:3] == list(_REBUILDING)
        and story.count("network_created") == 1
        and network["Id"] != former
        and datetime.fromisoformat(network["Created"]).timestamp() >= since,
        expected="every start refused, one new network made, and the starts tried again",
        seen=f"network {network['Id']} ({network['Created']}), formerly {former}; {told}",
        hint="environment/stack/lifecycle.py: start makes a network that is missing.",
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
