"""Questions asked from inside a container: its names, its connections, its way out.

Every ``timeout_s`` is a deadline already multiplied (``Settings.timeout``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Final

from environment.errors import HarnessError
from environment.waiting import wait_for

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer

ESTABLISHED: Final = "01"
_IPV4_MAPPED: Final = "0000000000000000FFFF0000"
_CONNECT: Final = (
    "import socket,sys; "
    "s=socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])); "
    "print(s.getpeername()[0])"
)


class UnreachableError(HarnessError):
    """A container could not resolve, ping or connect to what it was asked to."""


@dataclass(frozen=True)
class TcpConnection:
    """One established IPv4 connection as the kernel shows it inside the container."""

    local_address: str
    local_port: int
    remote_address: str
    remote_port: int

    @property
    def reversed(self) -> TcpConnection:
        """The same connection as its other end sees it."""
        return TcpConnection(
            self.remote_address, self.remote_port, self.local_address, self.local_port
        )


@dataclass(frozen=True)
class PingReport:
    """What ``ping`` said: the address it resolved the name to, and each answer's round trip."""

    address: str
    sent: int
    round_trips_ms: tuple[float, ...]

    @property
    def average_ms(self) -> float:
        """Mean round trip in milliseconds; infinite when nothing came back."""
        if not self.round_trips_ms:
            return float("inf")
        return sum(self.round_trips_ms) / len(self.round_trips_ms)


def resolve(container: ServiceContainer, host: str, *, timeout_s: float = 10.0) -> str:
    """Ask the container's own resolver for ``host``; return the IPv4 address.

    ``getent`` asks as every program in there does; the images of all three containers have it.
    """
    argv = ("getent", "hosts", host)
    answer = _ask(container, f"cannot resolve {host!r}", *argv, timeout_s=timeout_s)
    return answer.split()[0]


def connect(container: ServiceContainer, host: str, port: int, *, timeout_s: float = 5.0) -> str:
    """Open, and close, a TCP connection from inside the container; return the peer's address.

    The container gives up after ``timeout_s``, and has as long again to start asking.
    """
    argv = ("python3", "-c", _CONNECT, host, str(port), str(timeout_s))
    return _ask(container, f"cannot connect to {host}:{port}", *argv, timeout_s=2 * timeout_s)


def ping(
    container: ServiceContainer, host: str, *, count: int = 5, timeout_s: float = 20.0
) -> PingReport:
    """Send ``count`` echo requests, five a second, from inside the container."""
    argv = ("ping", "-4", "-c", str(count), "-i", "0.2", "-W", "2", host)
    text = _ask(container, f"cannot ping {host!r}", *argv, timeout_s=timeout_s)
    address = re.search(r"^PING \S+ \(([\d.]+)\)", text, flags=re.M)
    if address is None:
        raise UnreachableError(f"ping inside {container.name} said something unforeseen: {text!r}")
    times = re.findall(r"time[=<]([\d.]+) ?ms", text)
    return PingReport(address[1], count, tuple(float(time) for time in times))


def established_connections(
    container: ServiceContainer, *, timeout_s: float = 10.0
) -> list[TcpConnection]:
    """List the container's established TCP connections, from ``/proc/net/tcp`` and ``tcp6``."""
    argv = ("cat", "/proc/net/tcp", "/proc/net/tcp6")
    trouble = "cannot read the connection table"
    return parse_tcp_table(_ask(container, trouble, *argv, timeout_s=timeout_s))


def wait_for_connection(
    container: ServiceContainer, port: int, *, timeout_s: float = 10.0
) -> TcpConnection:
    """Wait until the container holds a connection to that remote port. ``WaitTimeout``."""

    def probe() -> TcpConnection | None:
        held = established_connections(container, timeout_s=timeout_s)
        return next((connection for connection in held if connection.remote_port == port), None)

    what = f"{container.name} to be connected to port {port}"
    return wait_for(what, probe, timeout_s=timeout_s)


def default_gateway(container: ServiceContainer, *, timeout_s: float = 10.0) -> str | None:
    """Return the address of the container's default route; None when it has none."""
    argv = ("cat", "/proc/net/route")
    table = _ask(container, "cannot read the routing table", *argv, timeout_s=timeout_s)
    return parse_default_gateway(table)


def parse_tcp_table(text: str) -> list[TcpConnection]:
    """Read the kernel's table; IPv4 addresses mapped into IPv6 count as IPv4."""
    found = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[3] != ESTABLISHED:
            continue
        local, remote = (_endpoint(field) for field in fields[1:3])
        if local and remote:
            found.append(TcpConnection(*local, *remote))
    return found


def parse_default_gateway(table: str) -> str | None:
    """Read ``/proc/net/route``: the gateway of the destination 0.0.0.0/0."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 8 and fields[1] == "00000000" and fields[7] == "00000000":
            return _address(fields[2])
    return None


def _endpoint(field: str) -> tuple[str, int] | None:
    address, _, port = field.rpartition(":")
    if len(address) > 8:
        if not address.startswith(_IPV4_MAPPED):
            return None
        address = address[-8:]
    return _address(address), int(port, 16)


def _address(hexadecimal: str) -> str:
    # The kernel prints the address as one word in its own, little-endian byte order.
    return str(IPv4Address(bytes.fromhex(hexadecimal)[::-1]))


def _ask(container: ServiceContainer, trouble: str, *argv: str, timeout_s: float) -> str:
    answer = container.exec(*argv, timeout_s=timeout_s)
    if answer.exit_code:
        said = answer.output.strip().splitlines()[-1:]
        raise UnreachableError(
            f"{container.name} {trouble}: {argv[0]} ended with {answer.exit_code} {said}",
            remedy=f"`docker exec {container.name} {argv[0]} ...` shows the same by hand.",
        )
    return answer.output.strip()
