"""A Docker engine in memory, as far as running containers asks for one, with its refusals."""

from __future__ import annotations

import io
import itertools
import tarfile
from types import SimpleNamespace
from typing import Any

from docker.errors import APIError, ImageNotFound, InvalidArgument, NotFound

IMAGES = ("base", "media-server", "media-service", "sts-service")


def refusal(explanation: str, status: int = 500) -> APIError:
    response: Any = SimpleNamespace(status_code=status, reason="refused", url="fake", text="")
    return APIError("refused", response=response, explanation=explanation)


class EngineInMemory:
    """Stands for a `docker.DockerClient`; its state is open to the test."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.containers_by_id: dict[str, ContainerInMemory] = {}
        self.networks_by_id: dict[str, NetworkInMemory] = {}
        self.volumes_by_name: dict[str, dict[str, str]] = {}
        self.taken_ports: set[int] = set()
        self.stillborn: set[str] = set()
        self.restarted: list[str] = []
        self.started_at = "2026-01-02T03:04:05.123456789Z"
        self.containers = _Containers(self)
        self.networks = _Networks(self)
        self.volumes = _Volumes(self)
        self.api = _Api(self)

    def check(self, container: ContainerInMemory) -> None:
        if container.id not in self.containers_by_id:
            raise NotFound("no such container")

    @property
    def names(self) -> list[str]:
        return sorted(c.name for c in self.containers_by_id.values())

    @property
    def is_empty(self) -> bool:
        return not (self.containers_by_id or self.networks_by_id or self.volumes_by_name)


class ContainerInMemory:
    def __init__(self, engine: EngineInMemory, name: str, **options: Any) -> None:
        self.engine, self.name, self.options = engine, name, options
        self.number = next(engine.numbers)
        self.id = f"{self.number:064x}"
        self.state: dict[str, Any] = {"Status": "created", "ExitCode": 0}
        self.labels: dict[str, str] = options.get("labels", {})
        self.networks: dict[str, list[str]] = {}
        if network := options.get("network"):
            config = options.get("networking_config", {}).get(network, {})
            self.networks[network] = list(config.get("Aliases", []))
        self.joined: dict[str, str] = {}
        self.files: dict[str, bytes] = {}
        self.log = b"line one\nline two\n"

    @property
    def status(self) -> str:
        return str(self.state["Status"])

    @property
    def attrs(self) -> dict[str, Any]:
        networks = {
            name: {"Aliases": [*aliases, self.id[:12]], "IPAddress": f"10.0.0.{self.number}"}
            for name, aliases in self.networks.items()
        }
        environment = [f"{k}={v}" for k, v in self.options.get("environment", {}).items()]
        return {
            "State": {"StartedAt": self.engine.started_at, **self.state},
            "Config": {"Env": environment},
            "NetworkSettings": {"Networks": networks},
        }

    def reload(self) -> None:
        self.engine.check(self)

    def start(self) -> None:
        self.engine.check(self)
        for name in self.networks:
            ids = {n.name: n.id for n in self.engine.networks_by_id.values()}
            wanted = self.joined.get(name, ids.get(name))
            if wanted is None or wanted not in ids.values():
                raise NotFound("404", explanation=f"network {wanted or name} not found")
            self.joined[name] = wanted
        for port in self.options.get("ports", {}).values():
            if port in self.engine.taken_ports:
                raise refusal(f"Bind for 0.0.0.0:{port} failed: port is already allocated")
        alive = self.name not in self.engine.stillborn
        self.state = {"Status": "running" if alive else "exited", "ExitCode": 0 if alive else 7}

    def stop(self, timeout: int = 10) -> None:
        self.state = {"Status": "exited", "ExitCode": 0}

    def restart(self, timeout: int = 10) -> None:
        self.engine.restarted.append(self.name)
        self.state = {"Status": "running", "ExitCode": 0}

    def pause(self) -> None:
        if self.status != "running":
            raise refusal(f"Container {self.id} is not running", 409)
        self.state = {"Status": "paused", "ExitCode": 0}

    def unpause(self) -> None:
        self.state = {"Status": "running", "ExitCode": 0}

    def remove(self, force: bool = False, v: bool = False) -> None:
        self.engine.api.remove_container(self.id, force=force, v=v)

    def logs(self, since: float | None = None, tail: int | None = None) -> bytes:
        if since is not None and since <= 0:
            raise InvalidArgument("since value should be datetime or positive int/float")
        return b"".join(self.log.splitlines(keepends=True)[-tail if tail else 0 :])

    def put_archive(self, folder: str, archive: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
            for member in opened.getmembers():
                content = opened.extractfile(member)
                assert content is not None
                self.files[f"{folder.rstrip('/')}/{member.name}"] = content.read()


class NetworkInMemory:
    def __init__(self, engine: EngineInMemory, name: str, **options: Any) -> None:
        self.engine, self.name, self.options = engine, name, options
        self.id = f"net{next(engine.numbers)}"

    @property
    def attrs(self) -> dict[str, Any]:
        return {
            "Id": self.id,
            "Name": self.name,
            "Labels": self.options.get("labels", {}),
            "Driver": self.options.get("driver", "bridge"),
            "Internal": self.options.get("internal", False),
            "Options": self.options.get("options", {}),
            "Containers": {
                c.id: {"Name": c.name, "IPv4Address": f"10.0.0.{c.number}/16"}
                for c in self.engine.containers_by_id.values()
                if self.name in c.networks and c.status in {"running", "paused"}
            },
        }

    def reload(self) -> None:
        pass

    def connect(self, container: str, aliases: list[str]) -> None:
        self.engine.containers.get(container).networks[self.name] = aliases

    def disconnect(self, container: str, force: bool = False) -> None:
        member = self.engine.containers.get(container)
        member.joined.pop(self.name, None)
        if member.networks.pop(self.name, None) is None:
            raise refusal(f"container {member.id} is not connected to network {self.name}")

    def remove(self) -> None:
        if self.attrs["Containers"]:
            raise refusal("has active endpoints", 403)
        del self.engine.networks_by_id[self.id]


class _Containers:
    def __init__(self, engine: EngineInMemory) -> None:
        self.engine = engine

    def create(self, image: str, *, name: str, **options: Any) -> ContainerInMemory:
        if image not in IMAGES:
            raise ImageNotFound(f"no such image: {image}")
        if name in self.engine.names:
            raise refusal(f'The container name "/{name}" is already in use', 409)
        made = ContainerInMemory(self.engine, name, **options)
        self.engine.containers_by_id[made.id] = made
        return made

    def get(self, key: str) -> ContainerInMemory:
        for container in self.engine.containers_by_id.values():
            if key in {container.id, container.name}:
                return container
        raise NotFound(f"no such container: {key}")


class _Networks:
    def __init__(self, engine: EngineInMemory) -> None:
        self.engine = engine

    def create(self, name: str, **options: Any) -> NetworkInMemory:
        made = NetworkInMemory(self.engine, name, **options)
        self.engine.networks_by_id[made.id] = made
        return made

    def list(self, names: list[str]) -> list[NetworkInMemory]:
        found = self.engine.networks_by_id.values()
        return [network for network in found if any(part in network.name for part in names)]


class _Volumes:
    def __init__(self, engine: EngineInMemory) -> None:
        self.engine = engine

    def create(self, name: str, *, labels: dict[str, str]) -> None:
        self.engine.volumes_by_name.setdefault(name, labels)

    def get(self, name: str) -> SimpleNamespace:
        if name not in self.engine.volumes_by_name:
            raise NotFound(name)
        return SimpleNamespace(remove=lambda: self.engine.volumes_by_name.pop(name))


class _Api:
    base_url = "http+docker://localhost"
    api_version = "1.41"

    def __init__(self, engine: EngineInMemory) -> None:
        self.engine = engine
        self.busy_removals = 0
        self.irremovable: set[str] = set()

    def containers(self, **query: Any) -> list[dict[str, Any]]:
        return [
            {
                "Id": c.id,
                "Names": [f"/{c.name}"],
                "Labels": c.labels,
                "State": c.status,
                "Ports": [{"PublicPort": p} for p in c.options.get("ports", {}).values()],
            }
            for c in self.engine.containers_by_id.values()
            if (query.get("all") or c.status == "running")
            and _matches(c.labels, query.get("filters", {}))
        ]

    def networks(self, *, filters: dict[str, Any]) -> list[dict[str, Any]]:
        found = self.engine.networks_by_id.values()
        return [n.attrs for n in found if _matches(n.attrs["Labels"], filters)]

    def volumes(self, *, filters: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"Name": name, "Labels": labels}
            for name, labels in self.engine.volumes_by_name.items()
            if _matches(labels, filters)
        ]
        return {"Volumes": found or None}

    def inspect_network(self, network_id: str) -> dict[str, Any]:
        return self.engine.networks_by_id[network_id].attrs

    def disconnect_container_from_network(self, name: str, network: str, force: bool) -> None:
        self.engine.networks_by_id[network].disconnect(name, force=force)

    def remove_container(self, container_id: str, *, force: bool, v: bool) -> None:
        if container_id not in self.engine.containers_by_id:
            raise NotFound(container_id)
        if self.engine.containers_by_id[container_id].name in self.irremovable:
            raise refusal("device or resource busy")
        if self.busy_removals:
            self.busy_removals -= 1
            raise refusal("removal of container is already in progress", 409)
        del self.engine.containers_by_id[container_id]

    def remove_network(self, network_id: str) -> None:
        self.engine.networks_by_id[network_id].remove()

    def remove_volume(self, name: str, *, force: bool) -> None:
        del self.engine.volumes_by_name[name]


def _matches(labels: dict[str, str], filters: dict[str, Any]) -> bool:
    wanted = filters.get("label", [])
    for item in [wanted] if isinstance(wanted, str) else wanted:
        key, equals, value = item.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True
