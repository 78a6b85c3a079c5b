"""One container of the system under test: its life cycle, its health and its log."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import docker
import requests
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from environment.errors import ContainerFailed, NotHealthy
from environment.settings import Settings
from environment.stack.container_io import ExecResult, read_archive, read_file, run_inside
from environment.stack.creation import ContainerSpec, create_container
from environment.stack.health import check_ok, is_ok
from environment.stack.metrics import Metrics, read_metrics, total
from environment.stack.network import BridgeNetwork
from environment.stack.ports import engine_host, is_port_conflict, port_taken
from environment.stack.reaper import remove_container
from environment.stack.topology import EventSink, discard_event
from environment.waiting import wait_for

_LOG_TAIL_LINES: Final = 20
_ENDED: Final = frozenset({"exited", "dead"})


class ServiceContainer:
    """A container through its life; each call is one call to the engine (FR-002)."""

    health_path: ClassVar[str] = "/health"
    health_timeout_s: ClassVar[float] = 30.0

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

    @property
    def name(self) -> str:
        """The container's name on the engine."""
        return self.spec.name

    @property
    def image(self) -> str:
        """The image it runs."""
        return self.spec.image

    @property
    def status(self) -> str:
        """The engine's word: created, running, paused, exited, dead, or `absent`."""
        return str(self._state()["Status"])

    @property
    def exit_code(self) -> int | None:
        """The exit code of its last run; None while it runs and before it ever ran."""
        state = self._state()
        return int(state["ExitCode"]) if state["Status"] in _ENDED else None

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
            self._container = create_container(self._client, self.spec, self._network.name)
            self._on_event("container_created", container=self.name, image=self.image)

    def start(self) -> None:
        """Start it.

        Raises:
            PortTaken: a host port is held by somebody, who is named.
            ContainerFailed: it was not created, or the engine refuses.
        """
        with self._asked_to("start"):
            try:
                self._existing().start()
            except APIError as error:
                if not is_port_conflict(error):
                    raise
                ports = self.spec.ports.values()
                raise port_taken(self._client, self.name, ports, error, self._settings) from error
        self._on_event("container_started", container=self.name, image=self.image)

    def wait_healthy(
        self, timeout_s: float | None = None, *, cancelled: threading.Event | None = None
    ) -> float:
        """Wait until its health endpoint answers 200 over the published port (FR-014, FR-021).

        Args:
            timeout_s: the bound before E2E_TIMEOUT_MULTIPLIER; by default the service's own.
            cancelled: set by whoever loses interest; ends the wait with `NotHealthy`.

        Returns:
            The seconds it took.

        Raises:
            NotHealthy: the container died meanwhile; with its status and last log lines.
            WaitTimeout: with its status and last log lines.
        """
        begun = time.monotonic()
        self._wait_ok(self.health_path, "healthy", timeout_s, cancelled)
        took_s = time.monotonic() - begun
        self._on_event("container_healthy", container=self.name, took_s=round(took_s, 2))
        return took_s

    def is_answering(self, path: str | None = None) -> bool:
        """Whether its health endpoint, or another, answers 200 right now."""
        return is_ok(self.url(path or self.health_path))

    def stop(self, timeout_s: float = 10) -> int:
        """SIGTERM, after `timeout_s` SIGKILL; the exit code."""
        with self._asked_to("stop"):
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

    def remove(self) -> None:
        """Remove it, running or not; nothing happens when it is gone already."""
        container, self._container = self._container, None
        if container is None:
            return
        remove_container(self._client, str(container.id))
        self._on_event("container_removed", container=self.name)

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

    def logs(self, since: float | None = None) -> str:
        """Its stdout and stderr, whole or from a Unix time on (seconds)."""
        with self._asked_to("show its log"):
            return self._existing().logs(since=since).decode(errors="replace")

    def exec(self, *argv: str, timeout_s: float = 10) -> ExecResult:
        """Run a command inside, with its user and environment.

        Raises:
            ContainerFailed: the container does not run.
            WaitTimeout: the command did not end; it is left running in there.
        """
        return run_inside(self._client, self._existing(), argv, timeout_s=timeout_s)

    def read_file(self, path: str) -> bytes:
        """Content of a file inside, of a stopped container too; raises `FileNotFoundError`."""
        return read_file(self._existing(), path)

    def read_archive(self, path: str) -> bytes:
        """A file or folder inside as a tar archive; raises `FileNotFoundError`."""
        return read_archive(self._existing(), path)

    def inspect(self) -> dict[str, Any]:
        """The engine's description, as `docker inspect` prints it."""
        container = self._existing()
        try:
            container.reload()
        except NotFound as error:
            raise ContainerFailed(f"The container {self.name} is gone.") from error
        return dict(container.attrs)

    def host_port(self, container_port: int) -> int:
        """The host port that leads to `container_port`; raises `KeyError` when none does."""
        return self.spec.ports[container_port]

    def url(self, path: str = "") -> str:
        """Its HTTP API as seen from the host, such as `http://127.0.0.1:8080/health`."""
        return f"http://{engine_host(self._client)}:{self.host_port(self.spec.http_port)}{path}"

    def get(self, path: str, *, timeout_s: float = 5) -> Any:
        """GET a JSON document from its HTTP API; raises `requests.RequestException`."""
        response = requests.get(self.url(path), timeout=timeout_s)
        response.raise_for_status()
        return response.json()

    def metrics(self) -> Metrics:
        """Every sample of its Prometheus metrics, by name and labels."""
        return read_metrics(self.url("/metrics"))

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name whose labels include `labels`; 0 when none."""
        return total(self.metrics(), name, labels)

    def evidence(self) -> str:
        """Its status and the end of its log, for an error's reader."""
        state = self._state()
        if state["Status"] == "absent":
            return f"{self.name} is absent."
        words = [f"{self.name} is {state['Status']}"]
        words += [f"exit code {state['ExitCode']}"] if state["Status"] in _ENDED else []
        words += ["out of memory"] if state.get("OOMKilled") else []
        words += [str(state["Error"])] if state.get("Error") else []
        tail = self._existing().logs(tail=_LOG_TAIL_LINES).decode(errors="replace").rstrip()
        return f"{', '.join(words)}; its log ends:\n{tail or '(nothing logged)'}"

    def _wait_ok(
        self,
        path: str,
        state: str,
        timeout_s: float | None,
        cancelled: threading.Event | None = None,
    ) -> None:
        def alive() -> None:
            if cancelled is not None and cancelled.is_set():
                raise NotHealthy(f"Stopped waiting for {self.name}.")
            if self.status != "running":
                raise NotHealthy(f"Waited for {self.name}, but {self.evidence()}")

        wait_for(
            f"{self.name} to be {state}",
            lambda: check_ok(self.url(path)),
            timeout_s=self._settings.timeout(timeout_s or self.health_timeout_s),
            alive=alive,
            evidence=self.evidence,
        )

    @contextmanager
    def _asked_to(self, do: str) -> Iterator[None]:
        try:
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
                self._container.reload()
            except NotFound:
                return {"Status": "absent"}
            return dict(self._container.attrs["State"])
        return {"Status": "absent"}
