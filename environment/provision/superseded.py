"""Versions of our images that newer ones have replaced: all but the newest few are removed."""

from __future__ import annotations

from typing import Final

import docker
from docker.errors import APIError

KEPT_VERSIONS: Final = 3
"""Enough for two checkouts that take turns, and one version to go back to."""


def remove_superseded(
    client: docker.DockerClient, repository: str, *, keep: int = KEPT_VERSIONS
) -> list[str]:
    """Remove the tags of all but the newest ``keep`` images; return what was removed.

    What a container uses stays: the engine refuses, and the next build tries again.
    """
    images = client.images.list(repository, filters={"dangling": False})
    images.sort(key=lambda image: str(image.attrs["Created"]), reverse=True)
    removed = []
    for image in images[keep:]:
        for tag in image.tags:
            if tag.rpartition(":")[0] != repository:
                continue
            try:
                client.images.remove(tag)
            except APIError as error:
                if error.status_code != 409:
                    raise
            else:
                removed.append(tag)
    return removed
