"""Where the media server's paths are reached from the host, over either of its protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from environment.stack.blueprint import RTSP_PORT

if TYPE_CHECKING:
    from environment.stack.topology import Topology

Protocol = Literal["rtmp", "rtsp"]

SESSION_KINDS: Final[dict[Protocol, str]] = {"rtmp": "rtmpConn", "rtsp": "rtspSession"}
"""What the Control API calls a publisher or reader over each protocol."""


def media_url(stack: Topology, path: str, protocol: Protocol) -> str:
    """Return the URL of a path (``live/x/in``) over that protocol."""
    over_rtmp = stack.rtmp_url(path)
    if protocol == "rtmp":
        return over_rtmp
    parts = urlsplit(over_rtmp)
    port = stack.media_server.host_port(RTSP_PORT)
    return parts._replace(scheme="rtsp", netloc=f"{parts.hostname}:{port}").geturl()


def protocol_of(url: str) -> Protocol:
    """Return the protocol of such a URL."""
    return "rtsp" if url.startswith("rtsp:") else "rtmp"


def protocol_named(said: str) -> Protocol:
    """Return the protocol that a step names, such as ``RTSP``; ``ValueError`` for any other."""
    for protocol in SESSION_KINDS:
        if said.lower() == protocol:
            return protocol
    raise ValueError(f"{said!r} is neither RTMP nor RTSP")
