"""The production topology: three independent containers on one bridge network (spec 021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import docker

from environment.containers import (
    MediaServerContainer,
    MediaServiceContainer,
    ServiceContainer,
    StsServiceContainer,
)
from environment.network import BridgeNetwork
from environment.reaper import Owner
from environment.settings import Settings
from environment.topology import EventSink, discard_event

if TYPE_CHECKING:
    from environment.images import ImageSet


class ProductionStack:
    """The containers of spec 021, created and started one by one through the engine's API."""

    def __init__(
        self,
        client: docker.DockerClient,
        images: ImageSet,
        settings: Settings,
        owner: Owner,
        *,
        on_event: EventSink = discard_event,
    ) -> None:
        self.settings = settings
        self.network = BridgeNetwork(client, settings.network_name, owner)

    @property
    def media_server(self) -> MediaServerContainer:
        """MediaMTX, or its stand-in."""
        raise NotImplementedError

    @property
    def media_service(self) -> MediaServiceContainer:
        """The service under test that dubs streams."""
        raise NotImplementedError

    @property
    def sts_service(self) -> StsServiceContainer:
        """The speech service; raises `ContainerFailed` where a foreign endpoint is used."""
        raise NotImplementedError

    @property
    def containers(self) -> Mapping[str, ServiceContainer]:
        """Every container of the system by its plain name (`sts-service`)."""
        raise NotImplementedError

    @property
    def started_in_s(self) -> float | None:
        """Seconds from `start()` to everything healthy and ready; None before."""
        raise NotImplementedError

    @property
    def api_url(self) -> str:
        """Base URL of the media server's Control API, as seen from the host."""
        raise NotImplementedError

    @property
    def sts_url(self) -> str:
        """Base URL of the speech service, as seen from the host."""
        raise NotImplementedError

    def start(self) -> None:
        """Bring everything up in parallel, once; return when all is healthy and connected."""
        raise NotImplementedError

    def heal(self) -> None:
        """Undo what a scenario stopped, paused, removed or cut off; check that all is healthy."""
        raise NotImplementedError

    def down(self) -> None:
        """Remove everything that was made; may be called at any time, any number of times."""
        raise NotImplementedError

    def rtmp_url(self, path: str) -> str:
        """The RTMP URL of a media server path (`live/x/in`), as seen from the host."""
        raise NotImplementedError

    def resolve(self, url: str) -> str:
        """A URL of the specification's text as this run's URL, usable from the host."""
        raise NotImplementedError

    def resolve_inside(self, url: str) -> str:
        """The same, as a container of the run must write it."""
        raise NotImplementedError
