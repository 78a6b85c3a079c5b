"""A Docker engine in memory, as far as making images asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import requests
from docker.errors import APIError, ImageNotFound


class FakeEngine:
    """Stands for a `docker.DockerClient`; `images_by_name` is what it holds.

    `registry` are the references that can be pulled; `build_events` is what a build answers.
    """

    def __init__(self, *held: str, registry: tuple[str, ...] = ()) -> None:
        self.images_by_name = {name: f"sha256:{name}" for name in held}
        self.registry = registry
        self.pulls: list[str] = []
        self.builds: list[dict[str, Any]] = []
        self.imports: list[str] = []
        self.build_events: list[dict[str, Any]] = [{"stream": "Step 1/1 : FROM base\n"}]
        self.images = SimpleNamespace(
            get=self._get, list=self._list, remove=self._remove, prune=self._prune
        )
        self.pruned: list[dict[str, Any]] = []
        self.in_use: set[str] = set()
        self.year = 2001
        self.containers = SimpleNamespace(list=lambda **_filters: [])
        self.api = self

    def _get(self, reference: str) -> SimpleNamespace:
        if reference not in self.images_by_name:
            raise ImageNotFound(reference)
        return SimpleNamespace(id=self.images_by_name[reference])

    def _list(self, repository: str, **_filters: object) -> list[SimpleNamespace]:
        # Later names are later made; a tag that shares an id is the same image.
        tags: dict[str, list[str]] = {}
        for name, image in self.images_by_name.items():
            if name.rpartition(":")[0] == repository:
                tags.setdefault(image, []).append(name)
        return [
            SimpleNamespace(
                tags=names,
                attrs={"Metadata": {"LastTagTime": f"{self.year + age}-01-01T00:00:00Z"}},
            )
            for age, names in enumerate(tags.values())
        ]

    def _remove(self, reference: str) -> None:
        if reference in self.in_use:
            conflict = requests.Response()
            conflict.status_code = 409
            raise APIError("in use", response=conflict)
        del self.images_by_name[reference]

    def _prune(self, filters: dict[str, Any]) -> None:
        self.pruned.append(filters)

    def pull(self, reference: str, **_options: object) -> Iterator[dict[str, Any]]:
        self.pulls.append(reference)
        if reference not in self.registry:
            raise APIError("500", explanation="no such host")
        self.images_by_name[reference] = f"sha256:{reference}"
        yield {"status": "Pulling"}

    def build(self, **options: Any) -> Iterator[dict[str, Any]]:
        self.builds.append({**options, "context": options["fileobj"].read()})
        yield from self.build_events
        if not any("error" in event for event in self.build_events):
            self.images_by_name[options["tag"]] = f"sha256:{options['tag']}"

    def import_image(self, _path: str, *, repository: str, tag: str, **_options: object) -> None:
        self.imports.append(f"{repository}:{tag}")
        self.images_by_name[f"{repository}:{tag}"] = "sha256:own"

    def tag(self, reference: str, repository: str, tag: str) -> None:
        self.images_by_name[f"{repository}:{tag}"] = self.images_by_name[reference]
