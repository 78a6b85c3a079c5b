"""One container of the system under test: its life cycle, its log and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import docker

from environment.network import BridgeNetwork
from environment.settings import Settings
from environment.topology import EventSink, discard_event


@dataclass(frozen=True)
class ExecResult:
    """What a command run inside a container came to; `output` holds stdout and stderr."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class ContainerSpec:
    """Everything the engine is told about a container.

    `ports` maps container ports to host ports (TCP), `volumes` volume names to mount points,
    `files` absolute paths inside the container to content put there before its first start.
    """

    name: str
    image: str
    aliases: tuple[str, ...]
    environment: Mapping[str, str]
    ports: Mapping[int, int]
    labels: Mapping[str, str]
    volumes: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    extra_hosts: Mapping[str, str] = field(default_factory=dict)


class ServiceContainer:
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
        raise NotImplementedError

    @property
    def address(self) -> str:
        """Its IPv4 address on the run's network; empty while it is not connected."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables inside the container."""
        raise NotImplementedError

    @property
    def exit_code(self) -> int | None:
        """The exit code of its last run; None while it runs."""
        raise NotImplementedError

    def create(self) -> None:
        """Create it without starting it; raises `NameTaken`, `ContainerFailed`."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it; raises `PortTaken`, `ContainerFailed`."""
        raise NotImplementedError

    def wait_healthy(self, timeout_s: float | None = None) -> float:
        """Wait for /health over the published port; seconds it took (default bound per service).

        Raises:
            NotHealthy: the container died meanwhile; with its last log lines.
            WaitTimeout: with its status and last log lines.
        """
        raise NotImplementedError

    def stop(self, timeout_s: float = 10) -> int:
        """SIGTERM, after `timeout_s` SIGKILL; the exit code."""
        raise NotImplementedError

    def restart(self, timeout_s: float = 10) -> None:
        """Stop and start again, same container, same host ports; does not wait for health."""
        raise NotImplementedError

    def kill(self, signal: str = "SIGKILL") -> None:
        """Send a signal to its main process."""
        raise NotImplementedError

    def pause(self) -> None:
        """Freeze every process in it."""
        raise NotImplementedError

    def unpause(self) -> None:
        """Let the frozen processes go on."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """Cut it off from the run's network."""
        raise NotImplementedError

    def connect(self) -> None:
        """Connect it to the run's network again, with all its aliases."""
        raise NotImplementedError

    def remove(self) -> None:
        """Remove it, running or not; nothing happens when it is gone already."""
        raise NotImplementedError

    def logs(self, since: float | None = None) -> str:
        """Its stdout and stderr, whole or from a Unix time on (seconds)."""
        raise NotImplementedError

    def exec(self, *argv: str, timeout_s: float = 10) -> ExecResult:
        """Run a command inside; raises `ContainerFailed`, `WaitTimeout`."""
        raise NotImplementedError

    def read_file(self, path: str) -> bytes:
        """Content of a file inside; works on a stopped container too; `FileNotFoundError`."""
        raise NotImplementedError

    def inspect(self) -> dict[str, Any]:
        """The engine's description, as `docker inspect` prints it."""
        raise NotImplementedError

    def host_port(self, container_port: int) -> int:
        """The host port that leads to `container_port`."""
        raise NotImplementedError

    def url(self, path: str = "") -> str:
        """Its HTTP API as seen from the host, such as `http://127.0.0.1:8080/health`."""
        raise NotImplementedError

    def get(self, path: str, *, timeout_s: float = 5) -> Any:
        """GET a JSON document from its HTTP API; raises `requests.RequestException`."""
        raise NotImplementedError


class MediaServerContainer(ServiceContainer):
    """MediaMTX or its stand-in; healthy once its Control API lists paths."""

    def paths(self) -> list[dict[str, Any]]:
        """The items of /v3/paths/list."""
        raise NotImplementedError

    def path(self, name: str) -> dict[str, Any] | None:
        """/v3/paths/get/<name>; None when there is no such path."""
        raise NotImplementedError

    def server_name(self) -> str:
        """The API's `Server` header: `mediamtx`, or the stand-in's own name."""
        raise NotImplementedError


class MetricsMixin:
    """Reads a container's Prometheus metrics."""

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of /metrics by name and labels."""
        raise NotImplementedError

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name whose labels include `labels`; 0 when none."""
        raise NotImplementedError


class MediaServiceContainer(MetricsMixin, ServiceContainer):
    """media-service; healthy when /health says so."""

    def health(self) -> dict[str, Any]:
        """The document of /health."""
        raise NotImplementedError

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until /ready: media server reachable and STS connected."""
        raise NotImplementedError

    def streams(self) -> list[dict[str, Any]]:
        """The stream reports of /v1/streams."""
        raise NotImplementedError

    def report(self, stream_id: str) -> dict[str, Any] | None:
        """The stream report of /v1/streams/{id}; None when it is not known."""
        raise NotImplementedError


class StsServiceContainer(MetricsMixin, ServiceContainer):
    """sts-service; healthy once its models are loaded."""

    def health(self) -> dict[str, Any]:
        """The document of /health."""
        raise NotImplementedError
