"""Versions of our images that newer ones have replaced: all but the newest few are removed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import docker
from docker.errors import APIError

KEPT_VERSIONS: Final = 3
"""Enough for two checkouts that take turns, and one version to go back to."""

IN_USE_FOR: Final = timedelta(hours=2)
"""Longer than a run of the whole suite, whose images another checkout's builds must leave it."""

_NEVER: Final = "0001-01-01T00:00:00Z"


def remove_superseded(
    client: docker.DockerClient, repository: str, *, keep: int = KEPT_VERSIONS
) -> list[str]:
    """Remove the tags of all but the newest ``keep`` images; return what was removed.

    What was tagged within ``IN_USE_FOR`` stays, and so does what a container uses: the engine
    refuses, and the next build tries again.
    """
    images = client.images.list(repository, filters={"dangling": False})
    images.sort(key=_tagged_at, reverse=True)
    since = datetime.now(UTC) - IN_USE_FOR
    removed = []
    for image in images[keep:]:
        if _tagged_at(image) > since:
            continue
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


def _tagged_at(image: Any) -> datetime:
    """When the image got its tag: one from the build's cache was made long before."""
    return datetime.fromisoformat(image.attrs.get("Metadata", {}).get("LastTagTime") or _NEVER)
