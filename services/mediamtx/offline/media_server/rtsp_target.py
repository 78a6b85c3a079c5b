"""Which path an RTSP request is about, and who asks: its URL and its credentials."""

import base64
import binascii
import re
from urllib.parse import parse_qs, unquote

from media_server.auth import Credentials
from media_server.errors import Reason, Refused
from media_server.rtsp_messages import Request

_URL = re.compile(r"rtsps?://(?:(?P<user>[^@/]*)@)?[^/?]+/?(?P<rest>.*)", re.DOTALL)


def target(request: Request) -> tuple[str, Credentials]:
    """Return the path that a URL names, and the credentials that came with it.

    Raises:
        Refused: it is no URL of RTSP, or the credentials cannot be read.
    """
    match = _URL.fullmatch(request.url)
    if match is None:
        raise Refused(Reason.BAD_PROTOCOL, "invalid RTSP URL")
    path, _, query = match["rest"].partition("?")
    parameters = parse_qs(query)
    name = unquote(path).strip("/")
    header = request.headers.get("authorization", "")
    if header[:6].lower() == "basic ":
        return name, _basic(header[6:])
    user, _, password = (match["user"] or "").partition(":")
    return name, Credentials(
        parameters.get("user", [unquote(user)])[0], parameters.get("pass", [unquote(password)])[0]
    )


def _basic(encoded: str) -> Credentials:
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise Refused(Reason.AUTHENTICATION, "authentication failed: unreadable") from error
    return Credentials(user, password)
