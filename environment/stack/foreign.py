"""A foreign speech service: where this host finds what the containers know by a name."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

Ask = Callable[[str], str | None]


def reached_from_host(url: str, ask_inside: Ask) -> str:
    """Return the URL as this host can use it.

    A name that only the containers' network knows (`http://sts-prod:8000`) is asked for in there:
    `ask_inside` gives the address that a container sees, or None. What nobody knows stays as it is.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_known(host):
        return url
    address = ask_inside(host)
    if address is None:
        return url
    port = "" if parts.port is None else f":{parts.port}"
    return urlunsplit(parts._replace(netloc=f"{address}{port}"))


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True
