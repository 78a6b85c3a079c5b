"""Measures the images that the system is made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from environment.bench.rows import Row
from environment.session import Session
from environment.stack.topology import Topology

_MEGA: Final = 1_000_000
_BOUNDS_MB: Final = {"sts-service": 1600, "e2e-media-service": 500}


def measure(session: Session) -> Iterable[Row]:
    """Yield the size of each service's image, as the engine reckons it."""
    stack: Topology = session.stack()
    for name, bound_mb in _BOUNDS_MB.items():
        container = stack.containers.get(name)
        if container is not None:
            size_mb = container.image_size_bytes() / _MEGA
            yield Row(f"image of {name}", "MB", None, bound_mb, size_mb, container.image)
