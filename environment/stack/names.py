"""Names on the engine: whose they are, before something of this run is given them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import docker
from docker.errors import NotFound

from environment.errors import NameTaken
from environment.stack.engine_calls import engine_called
from environment.stack.ownership import Owner
from environment.stack.reaper import reap

_PROJECT_LABEL: Final = "com.docker.compose.project"


@dataclass(frozen=True)
class Holding:
    """A container or network that is there, and whose; `owner` is None where it is no run's."""

    kind: str
    name: str
    state: str
    owner: Owner | None

    def refusal(self) -> NameTaken:
        """The error to raise where it must not be removed."""
        if self.owner is not None:
            return NameTaken(
                f"The {self.kind} name {self.name} is taken by {self.owner}.",
                remedy=self.owner.remedy(),
            )
        command = "docker rm -f" if self.kind == "container" else "docker network rm"
        return NameTaken(
            f"The {self.kind} name {self.name} is taken by a {self.kind} ({self.state}) that is "
            "not the suite's.",
            remedy=f"remove it (`{command} {self.name}`), or set E2E_RUN_ID.",
        )


def free_name(client: docker.DockerClient, name: str) -> None:
    """Remove what a dead run has left under a container's name.

    Raises:
        NameTaken: it belongs to a run that lives, or to somebody else's container.
    """
    try:
        holder = client.containers.get(name)
    except NotFound:
        return
    _clear(client, [Holding("container", name, holder.status, Owner.from_labels(holder.labels))])


def free_project(
    client: docker.DockerClient, project: str, names: Iterable[str], network: str, owner: Owner
) -> None:
    """Remove what dead runs have left of a compose project, before `owner` brings it up.

    Compose itself takes a project's name for its identity: it would recreate, as its own, what
    another run has under the same one.

    Raises:
        NameTaken: part of it belongs to a run that lives, or to somebody else.
    """
    _clear(client, others_of_project(client, project, names, network, owner))


def others_of_project(
    client: docker.DockerClient, project: str, names: Iterable[str], network: str, owner: Owner
) -> list[Holding]:
    """What is not `owner`'s of a compose project's containers, its names and its network."""
    with engine_called(client):
        found = [*_containers(client, project, frozenset(names)), *_networks(client, network)]
    return [holding for holding in found if holding.owner != owner]


def _containers(
    client: docker.DockerClient, project: str, names: frozenset[str]
) -> Iterator[Holding]:
    api: Any = client.api
    for container in api.containers(all=True):
        own = {name.lstrip("/") for name in container["Names"] or []}
        labels = container["Labels"] or {}
        # Run ids that differ in capitals or dots have the same project, with other names in it.
        if own & names or labels.get(_PROJECT_LABEL) == project:
            name = min(own & names or own or {str(container["Id"])[:12]})
            yield Holding("container", name, container["State"], Owner.from_labels(labels))


def _networks(client: docker.DockerClient, name: str) -> Iterator[Holding]:
    # The engine's filter matches parts of names.
    for network in client.networks.list(names=[name]):
        if network.name == name:
            attrs = network.attrs
            yield Holding("network", name, attrs["Driver"], Owner.from_labels(attrs["Labels"]))


def _clear(client: docker.DockerClient, holdings: Iterable[Holding]) -> None:
    for holding in holdings:
        if holding.owner is None or holding.owner.fate() != "gone":
            raise holding.refusal()
        reap(client, holding.owner)
