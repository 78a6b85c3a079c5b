"""One container of the system under test as the engine sees it: its life, and what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from environment.errors import ContainerFailed
from environment.settings import Settings
from environment.stack.creation import ContainerSpec, create_container
from environment.stack.engine_calls import engine_called, is_missing_network
from environment.stack.network import BridgeNetwork
from environment.stack.ports import is_port_conflict, port_taken
from environment.stack.reaper import remove_container
from environment.stack.topology import EventSink, discard_event

ENDED: Final = frozenset({"exited", "dead"})
_CPU_PERIOD_US: Final = 100_000


class Lifecycle:
    """A container through its life; each call is one call to the engine (FR-002)."""

    def __init__(
        self,
        client: docker.DockerClient,
        spec: ContainerSpec,
        network: BridgeNetwork,
        settings: Settings,
        *,
        on_event: EventSink = discard_event,
    ) -> None:
        self.spec = spec
        self._client = client
        self._network = network
        self._settings = settings
        self._on_event = on_event
        self._container: Container | None = None
        self._sent_away = False

    @property
    def name(self) -> str:
        """The container's name on the engine."""
        return self.spec.name

    @property
    def image(self) -> str:
        """The image it runs."""
        return self.spec.image

    def image_size_bytes(self) -> int:
        """The size of that image, its base included, as the engine reckons it."""
        return int(self._client.images.get(self.image).attrs["Size"])

    @property
    def status(self) -> str:
        """The engine's word: created, running, paused, exited, dead, or `absent`."""
        return str(self._state()["Status"])

    @property
    def exit_code(self) -> int | None:
        """The exit code of its last run; None while it runs and before it ever ran."""
        state = self._state()
        return int(state["ExitCode"]) if state["Status"] in ENDED else None

    @property
    def ended_by_itself(self) -> bool:
        """Whether it has ended though nobody here stopped or killed it since it was started."""
        return self.status in ENDED and not self._sent_away

    @property
    def up_s(self) -> float:
        """Seconds since its last start."""
        started_at = datetime.fromisoformat(self.inspect()["State"]["StartedAt"])
        return (datetime.now(UTC) - started_at).total_seconds()

    @property
    def address(self) -> str:
        """Its IPv4 address on the run's network; empty while it is not connected."""
        networks = self.inspect()["NetworkSettings"]["Networks"]
        return str(networks.get(self._network.name, {}).get("IPAddress", ""))

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables inside the container."""
        return dict(line.split("=", 1) for line in self.inspect()["Config"]["Env"])

    def create(self) -> None:
        """Create it without starting it; does nothing when it was created before.

        Raises:
            NameTaken: the name belongs to a run that lives, or to somebody else's container.
            ImageUnavailable: the image is not there.
            ContainerFailed: the engine refuses.
        """
        if self.status == "absent":
            with engine_called(self._client):
                self._container = self._created()
            self._on_event("container_created", container=self.name, image=self.image)

    def start(self) -> None:
        """Start it; where its network is gone, make that and try again.

        Raises:
            PortTaken: a host port is held by somebody, who is named.
            ContainerFailed: it was not created, or the engine refuses.
            NameTaken, NetworkUnusable: its network cannot be made.
        """
        with self._asked_to("start"):
            self._sent_away = False
            try:
                self._started()
            except APIError as error:
                if not is_port_conflict(error):
                    raise
                ports = self.spec.ports.values()
                raise port_taken(self._client, self.name, ports, error, self._settings) from error
        self._on_event("container_started", container=self.name, image=self.image)

    def stop(self, timeout_s: float = 10) -> int:
        """SIGTERM, after `timeout_s` SIGKILL; the exit code."""
        with self._asked_to("stop"):
            self._sent_away = True
            self._existing().stop(timeout=round(timeout_s))
        exit_code = self.exit_code
        self._on_event("container_stopped", container=self.name, exit_code=exit_code)
        return -1 if exit_code is None else exit_code

    def restart(self, timeout_s: float = 10) -> None:
        """Stop and start again: same container, same host ports; does not wait for health."""
        with self._asked_to("restart"):
            self._existing().restart(timeout=round(timeout_s))
        self._on_event("container_restarted", container=self.name)

    def kill(self, signal: str = "SIGKILL") -> None:
        """Send a signal to its main process."""
        with self._asked_to("take a signal"):
            self._sent_away = True
            self._existing().kill(signal=signal)
        self._on_event("container_killed", container=self.name, signal=signal)

    def pause(self) -> None:
        """Freeze every process in it."""
        with self._asked_to("pause"):
            self._existing().pause()
        self._on_event("container_paused", container=self.name)

    def unpause(self) -> None:
        """Let the frozen processes go on."""
        with self._asked_to("unpause"):
            self._existing().unpause()
        self._on_event("container_unpaused", container=self.name)

    def disconnect(self) -> None:
        """Cut it off from the run's network."""
        with self._asked_to("leave the network"):
            self._network.disconnect(self.name)
        self._on_event("container_disconnected", container=self.name, network=self._network.name)

    def connect(self) -> None:
        """Connect it to the run's network again, with all its aliases."""
        with self._asked_to("join the network"):
            self._network.connect(self.name, self.spec.aliases)
        self._on_event("container_connected", container=self.name, network=self._network.name)

    def limit_processors(self, count: float | None) -> None:
        """Let it have that much of the machine's processors, such as 0.2; None: all of them."""
        quota_us = -1 if count is None else round(count * _CPU_PERIOD_US)
        with self._asked_to("be slowed down"):
            self._existing().update(cpu_period=_CPU_PERIOD_US, cpu_quota=quota_us)
        self._on_event("container_limited", container=self.name, processors=count or "all")

    def remove(self) -> None:
        """Remove it, running or not; nothing happens when it is gone already."""
        container, self._container = self._container, None
        if container is None:
            return
        remove_container(self._client, str(container.id))
        self._on_event("container_removed", container=self.name)

    def adopt(self, spec: ContainerSpec) -> None:
        """Take up a container of that name, which somebody else has made from that description.

        Raises `ContainerFailed` where there is none.
        """
        self.spec = spec
        try:
            self._container = self._client.containers.get(spec.name)
            self._sent_away = False
        except NotFound as error:
            raise ContainerFailed(f"There is no container {spec.name}.") from error

    def remake(self, spec: ContainerSpec) -> None:
        """Remove it, and start it anew from another description; does not wait for health.

        Raises as `create` and `start` do.
        """
        self.remove()
        self.spec = spec
        self.create()
        self.start()

    def restore(self) -> tuple[str, ...]:
        """Undo whatever keeps it from running on its network; what was done, in words.

        Does not wait for health. Raises as `create` and `start` do.
        """
        done: list[str] = []
        status = self.status
        if status in {"absent", "dead"}:
            self.remove()
            self.create()
            self.start()
            return (f"made {self.name} anew",)
        if set(self.spec.aliases) - set(self._network.aliases(self.name)):
            if self._network.name in self.inspect()["NetworkSettings"]["Networks"]:
                self.disconnect()
            self.connect()
            done.append(f"connected {self.name}")
        if status == "paused":
            self.unpause()
            done.append(f"unpaused {self.name}")
        elif status in {"created", "exited"}:
            self.start()
            done.append(f"started {self.name}")
        return tuple(done)

    def publish_on(self, ports: Mapping[int, int]) -> None:
        """Have other host ports from its next creation on."""
        self.spec = replace(self.spec, ports=dict(ports))

    def inspect(self) -> dict[str, Any]:
        """The engine's description, as `docker inspect` prints it."""
        container = self._existing()
        try:
            with engine_called(self._client):
                container.reload()
        except NotFound as error:
            raise ContainerFailed(f"The container {self.name} is gone.") from error
        return dict(container.attrs)

    def _created(self) -> Container:
        try:
            return create_container(self._client, self.spec, self._network.name)
        except ContainerFailed as refused:
            # Some engines look for the network now, others when the container starts.
            if not is_missing_network(refused.__cause__):
                raise
            self._make_network(refused)
            return create_container(self._client, self.spec, self._network.name)

    def _started(self) -> None:
        container = self._existing()
        try:
            container.start()
        except APIError as refused:
            if not is_missing_network(refused):
                raise
            self._make_network(refused)
            self._network.rejoin(self.name, self.spec.aliases)
            container.start()

    def _make_network(self, refused: Exception) -> None:
        self._on_event("network_missing", container=self.name, said=str(refused))
        self._network.ensure()

    @contextmanager
    def _asked_to(self, do: str) -> Iterator[None]:
        try:
            with engine_called(self._client):
                yield
        except APIError as error:
            raise ContainerFailed(f"{self.name} cannot {do}: {error.explanation}.") from error

    def _existing(self) -> Container:
        if self._container is None:
            raise ContainerFailed(f"The container {self.name} was not created.")
        return self._container

    def _state(self) -> dict[str, Any]:
        if self._container is not None:
            try:
                with engine_called(self._client):
                    self._container.reload()
            except NotFound:
                return {"Status": "absent"}
            return dict(self._container.attrs["State"])
        return {"Status": "absent"}
