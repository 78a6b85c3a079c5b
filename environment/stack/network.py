"""The run's bridge network: made, looked into, removed (FR-003, FR-006 to FR-010)."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import docker
from docker.errors import APIError, NotFound
from docker.models.networks import Network

from environment.errors import ContainerFailed, NameTaken, NetworkUnusable
from environment.stack.engine_calls import engine_called
from environment.stack.ownership import Owner
from environment.stack.reaper import reap
from environment.stack.topology import EventSink, discard_event

# Below the MTU of tunnelled hosts (1450, 1460), where larger packets vanish without a word.
_MTU: Final = "1400"
_OPTION: Final = "com.docker.network.bridge."
# The bridge's options that keep containers from the outside, and from each other.
_NEEDED: Final = {
    f"{_OPTION}enable_ip_masquerade": "its containers cannot reach the outside",
    f"{_OPTION}enable_icc": "its containers cannot reach each other",
}


class BridgeNetwork:
    """A user-defined bridge with its own DNS; not internal, so containers reach the outside.

    `reserved` are the names that the run's containers answer to on it.
    """

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        owner: Owner,
        *,
        reserved: Sequence[str] = (),
        on_event: EventSink = discard_event,
    ) -> None:
        self.name = name
        self._client = client
        self._owner = owner
        self._reserved = frozenset(reserved)
        self._on_event = on_event
        # Containers start side by side, and each may find that it is missing.
        self._making = threading.Lock()

    def ensure(self) -> None:
        """Make the network unless it is there; one that someone else provides is used as it is.

        Raises:
            NameTaken: it belongs to a run that still lives.
            NetworkUnusable: what is there cannot carry the system; it says why.
        """
        with self._making, engine_called(self._client):
            self._ensure()

    def _ensure(self) -> None:
        network = self._find()
        if network is not None:
            holder = Owner.from_labels(network.attrs["Labels"])
            if holder == self._owner:
                return
            if holder is None:
                self._check_provided(network)
                return
            if holder.fate() != "gone":
                raise NameTaken(
                    f"The network {self.name} belongs to {holder}.", remedy=holder.remedy()
                )
            reap(self._client, holder)
        self._client.networks.create(
            self.name,
            driver="bridge",
            check_duplicate=True,
            internal=False,
            labels=self._owner.labels(),
            options={"com.docker.network.driver.mtu": _MTU},
        )
        self._on_event("network_created", network=self.name)

    def inspect(self) -> dict[str, Any]:
        """The engine's description, as `docker network inspect` prints it."""
        network = self._find()
        if network is None:
            raise ContainerFailed(f"There is no network {self.name}.")
        network.reload()
        return dict(network.attrs)

    def members(self) -> dict[str, str]:
        """IPv4 address of each container that is connected, by container name."""
        containers: dict[str, dict[str, str]] = self.inspect()["Containers"]
        return {c["Name"]: c["IPv4Address"].partition("/")[0] for c in containers.values()}

    def aliases(self, container: str) -> tuple[str, ...]:
        """The names under which the network's DNS answers for `container`, its own included."""
        networks = self._client.containers.get(container).attrs["NetworkSettings"]["Networks"]
        if self.name not in networks:
            return ()
        return tuple(dict.fromkeys([container, *(networks[self.name]["Aliases"] or [])]))

    def connect(self, container: str, aliases: Sequence[str]) -> None:
        """Connect a container; the engine forgets aliases at a disconnect, so they are given."""
        network = self._find()
        if network is None:
            raise ContainerFailed(f"There is no network {self.name} to connect {container} to.")
        network.connect(container, aliases=list(aliases))

    def rejoin(self, container: str, aliases: Sequence[str]) -> None:
        """Connect a container that may still hold on to an earlier network of this name."""
        with suppress(APIError):  # it may hold on to none
            self.disconnect(container)
        self.connect(container, aliases)

    def disconnect(self, container: str) -> None:
        """Cut a container off, whatever it is doing."""
        network = self._find()
        if network is not None:
            network.disconnect(container, force=True)

    def remove(self) -> None:
        """Remove the network if this run made it; nothing happens when it is gone already."""
        network = self._find()
        if network is None or Owner.from_labels(network.attrs["Labels"]) != self._owner:
            return
        try:
            network.remove()
        except NotFound:
            return
        except APIError as error:
            raise ContainerFailed(
                f"The network {self.name} cannot be removed: {error.explanation}."
            ) from error
        self._on_event("network_removed", network=self.name)

    def _find(self) -> Network | None:
        # The engine's filter matches parts of names.
        with engine_called(self._client):
            candidates = self._client.networks.list(names=[self.name])
        found = [network for network in candidates if network.name == self.name]
        if len(found) > 1:
            raise NetworkUnusable(
                f"There are {len(found)} networks {self.name}, and which is meant nobody can say.",
                remedy=f"remove all but one: `docker network rm {found[-1].id}`.",
            )
        return found[0] if found else None

    def _check_provided(self, network: Network) -> None:
        network.reload()  # a list leaves the members out
        attrs = network.attrs
        if why := self._unfitness(attrs):
            raise NetworkUnusable(
                f"The network {self.name} is there, made by somebody else, but {why}.",
                remedy=f"remove it (`docker network rm {self.name}`), and the suite makes its own; "
                "or set E2E_NETWORK_NAME to another name.",
            )

    def _unfitness(self, attrs: dict[str, Any]) -> str | None:
        """Why a network cannot carry the system, in words; None where it can."""
        if attrs["Driver"] != "bridge":
            return f"it is no bridge ({attrs['Driver']})"
        if attrs["Internal"]:
            return "it is internal, so that its containers cannot reach the outside"
        options = attrs.get("Options") or {}
        for option, harm in _NEEDED.items():
            if options.get(option) == "false":
                return f"{harm} ({option}=false)"
        if options.get(f"{_OPTION}default_bridge") == "true":
            return "it is the engine's own, on which containers have no names"
        for member in (attrs["Containers"] or {}).values():
            if taken := self._names_taken_by(member["Name"]):
                return f"the container {member['Name']} on it answers to {taken}, which is ours"
        return None

    def _names_taken_by(self, container: str) -> str:
        """Which of our names a container of somebody else answers to on this network."""
        try:
            if Owner.from_labels(self._client.containers.get(container).labels) == self._owner:
                return ""
            return ", ".join(sorted(self._reserved.intersection(self.aliases(container))))
        except NotFound:  # it has left meanwhile
            return ""
