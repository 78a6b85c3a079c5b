"""Creating a container from its description, under a name that is free or can be freed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import EndpointConfig, LogConfig

from environment.errors import ContainerFailed, ImageUnavailable
from environment.stack.container_io import put_file
from environment.stack.names import free_name

_LOG_MAX_SIZE: Final = "50m"
_SCRATCH: Final = {"/tmp": "size=256m,mode=1777"}  # noqa: S108 - inside the container


@dataclass(frozen=True)
class ContainerSpec:
    """Everything the engine is told about a container.

    `ports` maps container ports to host ports (TCP), `http_port` is the container port of its
    HTTP API, `volumes` maps volume names to mount points, `borrowed` those of volumes that belong
    to nobody's run: they are mounted read-only where they exist, and neither made nor removed.
    `files` are absolute paths inside the container to content put there before its first start.
    `command` takes the place of the image's own, where there is one; `tmpfs` maps mount points to
    the options of small disks in memory. `confined`: its root file system is read-only, but for
    `/tmp` in memory, and it has no capability, nor a way to get one.
    """

    name: str
    image: str
    aliases: tuple[str, ...]
    environment: Mapping[str, str]
    ports: Mapping[int, int]
    http_port: int
    labels: Mapping[str, str]
    volumes: Mapping[str, str] = field(default_factory=dict)
    borrowed: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    extra_hosts: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    tmpfs: Mapping[str, str] = field(default_factory=dict)
    confined: bool = False


def create_container(client: docker.DockerClient, spec: ContainerSpec, network: str) -> Container:
    """Create, without starting it, a container on `network`; its files are put into it.

    Raises:
        NameTaken: the name belongs to a run that lives, or to somebody else's container.
        ImageUnavailable: the image is not there.
        ContainerFailed: the engine refuses.
    """
    free_name(client, spec.name)
    for volume in spec.volumes:
        client.volumes.create(volume, labels=dict(spec.labels))
    try:
        container = client.containers.create(
            spec.image,
            command=list(spec.command) or None,
            name=spec.name,
            labels=dict(spec.labels),
            environment=dict(spec.environment),
            network=network,
            networking_config={
                network: EndpointConfig(client.api.api_version, aliases=list(spec.aliases))
            },
            ports={f"{inside}/tcp": outside for inside, outside in spec.ports.items()},
            volumes=[
                *(f"{name}:{mount}" for name, mount in spec.volumes.items()),
                *_borrowed(client, spec),
            ],
            extra_hosts=dict(spec.extra_hosts),
            tmpfs={**(_SCRATCH if spec.confined else {}), **spec.tmpfs},
            read_only=spec.confined,
            cap_drop=["ALL"] if spec.confined else None,
            security_opt=["no-new-privileges"] if spec.confined else None,
            # Other drivers may keep no log that could be read back.
            log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": _LOG_MAX_SIZE}),
        )
    except ImageNotFound as error:
        raise ImageUnavailable(
            f"{spec.name} needs the image {spec.image}, which is not there.",
            remedy="`make images` builds or pulls it.",
        ) from error
    except APIError as error:
        raise ContainerFailed(f"{spec.name} cannot be created: {error.explanation}.") from error
    for path, content in spec.files.items():
        put_file(container, path, content)
    return container


def _borrowed(client: docker.DockerClient, spec: ContainerSpec) -> list[str]:
    """The mounts of the borrowed volumes; the engine itself would make those that are not there."""
    mounts = []
    for name, mount in spec.borrowed.items():
        with suppress(NotFound):
            client.volumes.get(name)
            mounts.append(f"{name}:{mount}:ro")
    return mounts
