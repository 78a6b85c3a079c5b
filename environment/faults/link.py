"""The link from media-service to one of its peers, led through a proxy that can be slowed down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests

from environment.errors import HarnessError
from environment.faults import link_program
from environment.faults.link_program import Shape
from environment.faults.remade import with_variables

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer
    from environment.stack.production import ProductionStack

_CONTROL_PORT: Final = 8000
_PROGRAM: Final = "/link_program.py"
_VARIABLES: Final = {"sts-service": "STS_SERVICE_URL", "e2e-mediamtx": "MEDIAMTX_RTMP_URL"}
"""What tells media-service where a peer is; of the media server, where its media are."""


@dataclass(frozen=True)
class Link:
    """A link through a proxy; it carries everything as it is until it is shaped."""

    peer: str
    proxy: ServiceContainer

    def reshape(self, shape: Shape) -> None:
        """Change what the link does, at once, for the connections that are open as well.

        Raises ``HarnessError`` where the proxy does not take it.
        """
        answer = requests.put(self.proxy.url("/shape"), json=asdict(shape), timeout=5)
        if not answer.ok:
            raise HarnessError(f"The proxy to {self.peer} takes no {shape}: {answer.text}")

    def state(self) -> dict[str, Any]:
        """Its present shape, and how many connections and bytes it carries and has carried."""
        document: dict[str, Any] = self.proxy.get("/health")
        return document

    @contextmanager
    def shaped(self, shape: Shape) -> Iterator[None]:
        """Shaped for a while, and then as it was."""
        self.reshape(shape)
        try:
            yield
        finally:
            if self.proxy.status == "running":
                self.reshape(Shape())


@contextmanager
def linked_through_proxy(
    stack: ProductionStack, peer: str, variables: Mapping[str, str] | None = None
) -> Iterator[Link]:
    """Make media-service anew with a proxy between itself and ``peer``; ready, and connected.

    ``peer`` is the plain name of a container; ``variables`` are others of media-service's to be
    changed at the same time. Raises ``HarnessError`` where there is no such link.
    """
    variable = _VARIABLES.get(peer)
    if variable is None:
        raise HarnessError(
            f"media-service has no link to {peer!r}.", remedy=f"it has to {', '.join(_VARIABLES)}."
        )
    service = stack.media_service
    url = urlsplit(service.spec.environment[variable])
    name = f"link-to-{peer}"
    command = ("python3", _PROGRAM, str(url.port), str(url.hostname), str(url.port))
    program = Path(link_program.__file__).read_bytes()
    with stack.helper(
        name,
        (*command, str(_CONTROL_PORT)),
        port=_CONTROL_PORT,
        files={_PROGRAM: program},
    ) as proxy:
        proxy.start()
        proxy.wait_healthy()
        through = url._replace(netloc=f"{name}:{url.port}").geturl()
        with with_variables(stack, service, {**(variables or {}), variable: through}):
            yield Link(peer, proxy)
