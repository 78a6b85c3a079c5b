"""The run's bridge network: made, looked into, removed (FR-003, FR-006 to FR-010)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import docker
from docker.errors import APIError, NotFound
from docker.models.networks import Network

from environment.errors import ContainerFailed, NameTaken, NetworkUnusable
from environment.stack.ownership import Owner
from environment.stack.reaper import reap
from environment.stack.topology import EventSink, discard_event

# Below the MTU of tunnelled hosts (1450, 1460), where larger packets vanish without a word.
_MTU: Final = "1400"


class BridgeNetwork:
    """A user-defined bridge with its own DNS; not internal, so containers reach the outside."""

    def __init__(
        self,
        client: docker.DockerClient,
        name: str,
        owner: Owner,
        *,
        on_event: EventSink = discard_event,
    ) -> None:
        self.name = name
        self._client = client
        self._owner = owner
        self._on_event = on_event

    def ensure(self) -> None:
        """Make the network unless it is there; one that someone else provides is used as it is.

        Raises:
            NameTaken: it belongs to a run that still lives.
            NetworkUnusable: what is there is no bridge, or is cut off from the outside.
        """
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
        candidates = self._client.networks.list(names=[self.name])
        return next((network for network in candidates if network.name == self.name), None)

    def _check_provided(self, network: Network) -> None:
        if network.attrs["Driver"] != "bridge" or network.attrs["Internal"]:
            raise NetworkUnusable(
                f"The network {self.name} is there, but is "
                f"{'internal' if network.attrs['Internal'] else network.attrs['Driver']}.",
                remedy="remove it, or set E2E_NETWORK_NAME to a bridge that is not internal.",
            )
