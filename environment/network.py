"""The run's bridge network: made, looked into, removed (FR-003, FR-006 to FR-010)."""

from __future__ import annotations

from typing import Any

import docker

from environment.reaper import Owner


class BridgeNetwork:
    """A user-defined bridge with its own DNS; not internal, so containers reach the outside."""

    def __init__(self, client: docker.DockerClient, name: str, owner: Owner) -> None:
        self.name = name

    def ensure(self) -> None:
        """Make the network unless it is there; one that someone else provides is used as it is."""
        raise NotImplementedError

    def inspect(self) -> dict[str, Any]:
        """The engine's description, as `docker network inspect` prints it."""
        raise NotImplementedError

    def members(self) -> dict[str, str]:
        """IPv4 address of each container that is connected, by container name."""
        raise NotImplementedError

    def aliases(self, container: str) -> tuple[str, ...]:
        """The names under which the network's DNS answers for `container`."""
        raise NotImplementedError

    def remove(self) -> None:
        """Remove the network if this run made it; nothing happens when it is gone already."""
        raise NotImplementedError
