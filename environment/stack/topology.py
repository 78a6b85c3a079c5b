"""What steps may ask of a running system, whichever way its containers were brought up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from environment.settings import Settings
    from environment.stack.containers import (
        MediaServerContainer,
        MediaServiceContainer,
        ServiceContainer,
        StsServiceContainer,
    )
    from environment.stack.network import BridgeNetwork


class EventSink(Protocol):
    """Takes the run's key events (FR-043); the receiver adds the time."""

    def __call__(self, event: str, /, **fields: object) -> None:
        """Note that `event` happened now, such as `container_started` with `container="…"`."""


def discard_event(_event: str, /, **_fields: object) -> None:
    """The sink of those who keep no event log."""


class Topology(Protocol):
    """A media server, a media-service and an sts-service that make one dubbing system."""

    @property
    def settings(self) -> Settings:
        """The configuration the system was brought up with."""

    @property
    def network(self) -> BridgeNetwork:
        """The bridge network its containers share."""

    @property
    def media_server(self) -> MediaServerContainer:
        """MediaMTX, or its stand-in."""

    @property
    def media_service(self) -> MediaServiceContainer:
        """The service under test that dubs streams."""

    @property
    def sts_service(self) -> StsServiceContainer:
        """The speech service; raises `ContainerFailed` where a foreign endpoint is used."""

    @property
    def containers(self) -> Mapping[str, ServiceContainer]:
        """Every container of the system by its plain name (`sts-service`)."""

    @property
    def api_url(self) -> str:
        """Base URL of the media server's Control API, as seen from the host."""

    @property
    def sts_url(self) -> str:
        """Base URL of the speech service, as seen from the host."""

    @property
    def started_in_s(self) -> float | None:
        """Seconds from `start()` to everything healthy and connected; None before."""

    def start(self) -> None:
        """Bring everything up and return once it is healthy; does nothing when it is up."""

    def heal(self) -> tuple[str, ...]:
        """Undo what a scenario stopped, paused, removed or cut off; check that all is healthy.

        Returns what had to be done, in words: nothing after a scenario that broke nothing.
        """

    def down(self) -> None:
        """Remove everything that was made; may be called at any time, any number of times."""

    def rtmp_url(self, path: str) -> str:
        """The RTMP URL of a media server path (`live/x/in`), as seen from the host."""

    def publish_url(self, path: str) -> str:
        """The URL at which a clip is published by default, as seen from the host: RTMP or RTSP."""

    def resolve(self, url: str) -> str:
        """A URL of the specification's text as this run's URL, usable from the host."""

    def resolve_inside(self, url: str) -> str:
        """The same, as a container of the run must write it."""
