"""The table of how large the images are, and of what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import docker

from environment.errors import ContainerFailed
from environment.provision import part_sizes
from environment.provision.errand import Errand, run_errand
from environment.stack.ownership import Owner

_TIMEOUT_S: Final = 120.0
_PROGRAM: Final = "/tmp/part_sizes.py"  # noqa: S108 - inside a container of its own


def image_table(client: docker.DockerClient, reference: str) -> str:
    """The size of an image as the engine reckons it, and of its parts as its files add up."""
    total_bytes = int(client.images.get(reference).attrs["Size"])
    return render(reference, total_bytes, _parts(client, reference))


def render(reference: str, total_bytes: int, parts: Mapping[str, int]) -> str:
    """The table's lines, largest part first."""
    rows = [f"{reference}: {_mb(total_bytes)} MB"]
    largest_first = sorted(parts.items(), key=lambda part: part[1], reverse=True)
    rows += [f"  {_mb(size_bytes):>5} MB  {part}" for part, size_bytes in largest_first]
    return "\n".join(rows)


def _parts(client: docker.DockerClient, reference: str) -> dict[str, int]:
    said: list[bytes] = []
    errand = Errand(
        name="sizes",
        image=reference,
        command=("python3", _PROGRAM),
        timeout_s=_TIMEOUT_S,
        files={_PROGRAM: Path(part_sizes.__file__).read_bytes()},
        user="root",
    )
    outcome = run_errand(client, errand, Owner.current("sizes"), said.append)
    if outcome.status != 0:
        raise ContainerFailed(f"{reference} cannot be measured: {outcome.tail}")
    return {str(part): int(size) for part, size in json.loads(b"".join(said)).items()}


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f}"
