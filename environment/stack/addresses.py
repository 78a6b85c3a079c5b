"""The one URL resolver: what the specification's text says, and where this run has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

HOST_FROM_INSIDE: Final = "host.docker.internal"
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})
_SCHEME_PORTS: Final = {"rtmp": 1935, "rtsp": 554, "http": 80, "https": 443}


@dataclass(frozen=True)
class Endpoint:
    """One published port of the system: under which names and ports it is known, and where it is.

    `usual_port` is the host port the specification's text uses.
    """

    names: frozenset[str]
    container_port: int
    usual_port: int
    host: str
    host_port: int


def resolve(url: str, endpoints: tuple[Endpoint, ...]) -> str:
    """A URL of the text as one that works from the host; a foreign one stays as it is.

    `http://localhost:8080/health` and `http://media-service:8080/health` both become the host
    port under which this run's media-service answers.
    """
    host, port = _place(url)
    for endpoint in endpoints:
        local = host in LOCAL_HOSTS and port in {endpoint.usual_port, endpoint.host_port}
        if local or (host in endpoint.names and port == endpoint.container_port):
            return _moved(url, endpoint.host, endpoint.host_port)
    return url


def resolve_inside(url: str, endpoints: tuple[Endpoint, ...]) -> str:
    """The same URL as a container must write it: the host is not `localhost` in there."""
    host, _ = _place(url)
    if host not in LOCAL_HOSTS:
        return url
    resolved = resolve(url, endpoints)
    _, port = _place(resolved)
    return _moved(resolved, HOST_FROM_INSIDE, port)


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or _SCHEME_PORTS.get(parts.scheme, 0)


def _moved(url: str, host: str, port: int) -> str:
    parts = urlsplit(url)
    user, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}{at}{host}:{port}"))
