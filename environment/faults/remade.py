"""Containers that are made anew for a scenario: with other settings, a small disk, another peer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

SERVICE_USER: Final = 10001
"""Whom the services' images run as: a disk takes the mode of the folder it hides, not its owner."""

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer
    from environment.stack.creation import ContainerSpec
    from environment.stack.topology import Topology


@contextmanager
def with_variables(
    stack: Topology, container: ServiceContainer, variables: Mapping[str, str]
) -> Iterator[None]:
    """Made anew with these variables over its own; healthy, and media-service ready again."""
    spec = container.spec
    other = replace(spec, environment={**spec.environment, **variables})
    with _remade(stack, container, other):
        yield


@contextmanager
def with_small_disk(
    stack: Topology, container: ServiceContainer, folder: str, size_bytes: int
) -> Iterator[None]:
    """Made anew with a disk of that size, in memory, at ``folder``, in a volume's place."""
    spec = container.spec
    other = replace(
        spec,
        tmpfs={**spec.tmpfs, folder: f"size={size_bytes},uid={SERVICE_USER},gid={SERVICE_USER}"},
        volumes={name: mount for name, mount in spec.volumes.items() if mount != folder},
    )
    with _remade(stack, container, other):
        yield


@contextmanager
def _remade(stack: Topology, container: ServiceContainer, spec: ContainerSpec) -> Iterator[None]:
    usual = container.spec
    try:
        container.remake(spec)
        container.wait_healthy()
        stack.media_service.wait_ready()
        yield
    finally:
        # The healing of the stack makes it as it usually is: this may be no time to wait for that.
        container.remove()
        container.spec = usual
