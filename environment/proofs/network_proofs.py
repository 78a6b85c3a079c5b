"""Proofs about containers, their network and their endpoints, taken from the running system.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from environment.expectations import expect
from environment.proofs import reachability
from environment.proofs.endpoints import ask, published_ports

if TYPE_CHECKING:
    from environment.proofs.inside import PingReport, TcpConnection
    from environment.stack.containers import ServiceContainer
    from environment.stack.topology import Topology

# FR-005: the container ports that must be published, by the container's plain name.
PUBLISHED: Final[Mapping[str, tuple[int, ...]]] = {
    "e2e-mediamtx": (1935, 8554),
    "e2e-media-service": (8080,),
    "sts-service": (3000,),
}


def prove_named(stack: Topology, url: str, container: ServiceContainer) -> None:
    """The URL names that container as the network's DNS knows it, by no address (FR-013)."""
    host, names = urlsplit(url).hostname or "", stack.network.aliases(container.name)
    expect(
        host in names and not _is_address(host),
        expected=f"one of the container's names {names}, not an address (FR-013)",
        seen=url,
        hint="the variable that media-service is started with.",
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


def prove_session(stack: Topology) -> None:
    """media-service itself knows that its session with STS stands."""
    health = stack.media_service.health()
    expect(
        health["sts"]["connected"],
        expected="media-service connected to STS by its own word",
        seen=health,
        hint="the TCP connection stands: look at the Socket.IO handshake in its log.",
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
    """The network is older than every container on it (FR-006)."""
    network = datetime.fromisoformat(stack.network.inspect()["Created"])
    created = [datetime.fromisoformat(c.inspect()["Created"]) for c in stack.containers.values()]
    expect(
        network < min(created),
        expected="the network made before the containers (FR-006)",
        seen=(network.isoformat(), [time.isoformat() for time in created]),
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


def prove_outside(stack: Topology, peers: Mapping[str, str]) -> None:
    """The addresses that the containers reached lie outside of their network."""
    inner = set(stack.network.members().values())
    expect(
        peers and not inner & set(peers.values()),
        expected="peers outside of the network",
        seen=dict(peers),
        hint="E2E_EXTERNAL_PROBE=host:port names another probe.",
    )


def prove_published(stack: Topology) -> None:
    """Every port of FR-005 is published on the host."""
    for name, wanted in PUBLISHED.items():
        published = published_ports(stack.containers[name])
        expect(
            set(wanted) <= set(published),
            expected=f"{name} publishes {wanted} (FR-005)",
            seen=published,
            hint="environment/stack/blueprint.py lists the ports of each container.",
        )


def prove_same_process(before: Mapping[str, Any], states: list[Mapping[str, Any]]) -> None:
    """A container was running, as the process it was before, whenever it was looked at."""
    seen = {(s["Status"], s["Pid"], s["StartedAt"]) for s in states}
    expect(
        seen == {("running", before["Pid"], before["StartedAt"])},
        expected=f"always running, as process {before['Pid']}, started at {before['StartedAt']}",
        seen=seen,
        hint="`docker ps -a`, and `docker logs` of the one that changed.",
    )


def prove_healthy(container: ServiceContainer) -> None:
    """Its /health answers 200, and the engine never had to start it again."""
    answer, restarts = ask(container.url("/health")), container.inspect()["RestartCount"]
    expect(
        answer.status == 200 and restarts == 0,
        expected=f"200 from {answer.url}, and no restart",
        seen=f"{answer.status} {answer.body}, {restarts} restarts",
        hint=f"`docker logs {container.name}`",
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
