"""The containers of the three services, each with what it says of itself over HTTP."""

from __future__ import annotations

import threading
from typing import Any, Final

import requests

from environment.stack.container import ServiceContainer
from environment.stack.container_io import ExecResult
from environment.stack.creation import ContainerSpec
from environment.waiting import NotYet, wait_for

__all__ = [
    "ContainerSpec",
    "ExecResult",
    "MediaServerContainer",
    "MediaServiceContainer",
    "ServiceContainer",
    "StsServiceContainer",
]

ENDED_STATES: Final = frozenset({"finished", "failed"})
"""The states of a stream's report after which nothing more happens to it."""


class MediaServerContainer(ServiceContainer):
    """MediaMTX or its stand-in; healthy once its Control API lists paths."""

    health_path = "/v3/paths/list"

    def paths(self) -> list[dict[str, Any]]:
        """The items of /v3/paths/list."""
        items: list[dict[str, Any]] = self.get("/v3/paths/list")["items"]
        return items

    def path(self, name: str) -> dict[str, Any] | None:
        """/v3/paths/get/<name>; None when there is no such path."""
        return _get_or_none(self, f"/v3/paths/get/{name}")

    def server_name(self) -> str:
        """The API's `Server` header: `mediamtx`, or the stand-in's own name."""
        response = requests.get(self.url(self.health_path), timeout=5)
        return response.headers.get("Server", "")


class MediaServiceContainer(ServiceContainer):
    """media-service; healthy when /health says so, ready when it has both its peers."""

    def health(self) -> dict[str, Any]:
        """The document of /health."""
        document: dict[str, Any] = self.get(self.health_path)
        return document

    def wait_ready(
        self, timeout_s: float | None = None, *, cancelled: threading.Event | None = None
    ) -> None:
        """Wait until /ready answers 200: media server reachable and STS connected.

        Bounds and errors as those of `wait_healthy`.
        """
        self._wait_ok("/ready", "ready", timeout_s, cancelled)

    def streams(self) -> list[dict[str, Any]]:
        """The stream reports of /v1/streams."""
        streams: list[dict[str, Any]] = self.get("/v1/streams")["streams"]
        return streams

    def wait_idle(self, timeout_s: float = 40.0) -> None:
        """Wait until every stream it reports is finished or failed.

        What it counts afterwards is not of streams that were published before.

        Args:
            timeout_s: the bound before E2E_TIMEOUT_MULTIPLIER; more than a fragment's own.

        Raises:
            WaitTimeout: with the streams that go on.
        """

        def probe() -> bool:
            busy = [
                f"{report['path_in']} {report['state']}"
                for report in self.streams()
                if report["state"] not in ENDED_STATES
            ]
            if busy:
                raise NotYet(", ".join(busy))
            return True

        wait_for(f"{self.name} to be idle", probe, timeout_s=self._settings.timeout(timeout_s))

    def report(self, stream_id: str) -> dict[str, Any] | None:
        """The stream report of /v1/streams/{id}; None when it is not known."""
        return _get_or_none(self, f"/v1/streams/{stream_id}")


class StsServiceContainer(ServiceContainer):
    """sts-service; healthy once its models are loaded, hence the longer bound (FR-021)."""

    @property
    def health_timeout_s(self) -> float:
        """The seconds that its models may take to load: LOAD_TIMEOUT, FR-021's by default."""
        return self._settings.load_timeout

    def health(self) -> dict[str, Any]:
        """The document of /health."""
        document: dict[str, Any] = self.get(self.health_path)
        return document


def _get_or_none(container: ServiceContainer, path: str) -> dict[str, Any] | None:
    response = requests.get(container.url(path), timeout=5)
    if response.status_code == requests.codes.not_found:
        return None
    response.raise_for_status()
    document: dict[str, Any] = response.json()
    return document
