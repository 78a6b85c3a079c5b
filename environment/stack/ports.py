"""Host ports: which are free, and who holds one that is not."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import docker
from docker.errors import APIError

from environment.errors import PortTaken, SamePortTwice, WaitTimeout
from environment.settings import Settings
from environment.waiting import wait_for

_LISTEN: Final = "0A"
_ENGINE_PROXY: Final = "docker-proxy"
_ENGINE_BUSY_S: Final = 2.0
# A container's name is "already in use" as well.
_CONFLICTS: Final = ("port is already allocated", "address already in use")


def free_ports(count: int) -> tuple[int, ...]:
    """TCP ports that nobody listens on, each different.

    They are chosen here and not by the engine, whose own choice changes at every restart.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("", 0))
        return tuple(each.getsockname()[1] for each in sockets)


def engine_host(client: docker.DockerClient) -> str:
    """The address under which the engine's published ports are reached."""
    url = urlsplit(client.api.base_url)
    is_remote = url.scheme in {"http", "https"} and url.hostname not in {None, "localhost"}
    return str(url.hostname) if is_remote else "127.0.0.1"


def holder_of(client: docker.DockerClient, port: int) -> str | None:
    """Who listens on a TCP port of the host, in words; None when nobody can be seen to."""
    if container := _publishing_container(client, port):
        return container
    sockets = _listening_sockets(port)
    if not sockets:
        return None
    pid, name = next(_processes_with(sockets), (0, ""))
    if name == _ENGINE_PROXY:
        # It listens for a container that is just about to start, or to end.
        with suppress(WaitTimeout):
            return wait_for(
                f"the container on port {port}",
                lambda: _publishing_container(client, port),
                timeout_s=_ENGINE_BUSY_S,
            )
    return f"the process {name} (pid {pid})" if pid else "a process of another user"


def _publishing_container(client: docker.DockerClient, port: int) -> str | None:
    api: Any = client.api
    for container in api.containers():
        if any(published.get("PublicPort") == port for published in container["Ports"]):
            return f"the container {container['Names'][0].lstrip('/')}"
    return None


def is_port_conflict(error: APIError) -> bool:
    """Whether the engine refused a start because a host port is held."""
    return any(words in str(error.explanation) for words in _CONFLICTS)


def port_taken(
    client: docker.DockerClient,
    container: str,
    ports: Iterable[int],
    refusal: APIError,
    settings: Settings,
) -> PortTaken:
    """The error to raise for a refusal: which of the host ports is held, and by whom.

    `SamePortTwice` where the run itself is to publish on that port more than once.
    """
    wanted = list(ports)
    said = [port for port in wanted if re.search(rf":{port}\b", str(refusal.explanation))]
    holders = {port: holder_of(client, port) for port in said or wanted}
    port, holder = next(
        ((port, holder) for port, holder in holders.items() if holder),
        ((said or wanted)[0], "somebody who cannot be seen"),
    )
    variables = settings.port_variables(port)
    if len(variables) > 1 and not settings.e2e_dynamic_ports:
        return SamePortTwice(
            f"{' and '.join(variables)} have the same value, {port}: the engine gives a port of "
            f"the host to one container only, and {container} could not start beside {holder}.",
            port=port,
            holder=holder,
            remedy=f"give {variables[-1]} another value, or have free ports chosen with "
            "E2E_DYNAMIC_PORTS=1.",
        )
    variable = next(iter(variables), None)
    another = f"set {variable} to another" if variable else "choose another"
    return PortTaken(
        f"Port {port} of the host, which {container} needs, is taken by {holder}.",
        port=port,
        holder=holder,
        remedy=f"free it, {another}, or have free ones chosen with E2E_DYNAMIC_PORTS=1.",
    )


def _listening_sockets(port: int) -> set[str]:
    """The inodes of the sockets that listen on `port`, as `/proc/<pid>/fd` shows them."""
    inodes = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    return inodes


def _processes_with(sockets: set[str]) -> Iterator[tuple[int, str]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(handle.readlink()) in sockets for handle in (process / "fd").iterdir()):
                yield int(process.name), (process / "comm").read_text().strip()
        except OSError:  # another user's, or gone meanwhile
            continue
