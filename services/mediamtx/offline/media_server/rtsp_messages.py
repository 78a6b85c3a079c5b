"""RTSP on the wire: requests and interleaved packets taken apart, replies put together.

Sources: RFC 2326, sections 6, 7, 10.12 and 15; what is no RTSP is refused at its first byte.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from media_server.errors import Reason, Refused

MAX_HEAD_BYTES = 8192
MAX_BODY_BYTES = 65536

_INTERLEAVED = ord("$")
_FRAME_HEAD_BYTES = 4
_REQUEST = re.compile(r"([A-Z_]{1,20}) (\S+) RTSP/1\.0")
_MAX_LENGTH_DIGITS = 6
_PHRASES = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    454: "Session Not Found",
    455: "Method Not Valid in This State",
    461: "Unsupported Transport",
    501: "Not Implemented",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request; the names of its headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A packet of RTP or RTCP on the connection of RTSP itself."""

    channel: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the packet's bytes with their frame."""
        return b"$" + bytes([self.channel]) + len(self.payload).to_bytes(2, "big") + self.payload


class MessageReader:
    """Takes a stream of bytes apart into whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def mid_message(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[Request | Interleaved]:
        """Add what has arrived, and yield each message that is complete.

        Raises:
            Refused: it is no RTSP, or a message is over the limits.
        """
        self._buffer += data
        while True:
            while self._buffer and self._buffer[0] in b"\r\n":
                del self._buffer[0]
            if not self._buffer:
                return
            is_packet = self._buffer[0] == _INTERLEAVED
            message = self._packet() if is_packet else self._request()
            if message is None:
                return
            yield message

    def _packet(self) -> Interleaved | None:
        if len(self._buffer) < _FRAME_HEAD_BYTES:
            return None
        end = _FRAME_HEAD_BYTES + int.from_bytes(self._buffer[2:4], "big")
        if len(self._buffer) < end:
            return None
        packet = Interleaved(self._buffer[1], bytes(self._buffer[_FRAME_HEAD_BYTES:end]))
        del self._buffer[:end]
        return packet

    def _request(self) -> Request | None:
        if not b"A" <= self._buffer[:1] <= b"Z":
            raise Refused(Reason.BAD_PROTOCOL, "invalid RTSP request")
        head_end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if head_end < 0:
            _check_first_line(self._buffer)
            if len(self._buffer) >= MAX_HEAD_BYTES:
                raise Refused(Reason.MESSAGE_TOO_BIG, "an RTSP request is over the limit")
            return None
        first, *lines = self._buffer[:head_end].decode("utf-8", "replace").split("\r\n")
        method, url = _first_line(first)
        headers: dict[str, str] = {}
        for line in lines:
            key, _, value = line.partition(":")
            headers.setdefault(key.strip().lower(), value.strip())
        body_start = head_end + 4
        body_end = body_start + _length(headers.get("content-length", "0"))
        if len(self._buffer) < body_end:
            return None
        body = self._buffer[body_start:body_end].decode("utf-8", "replace")
        del self._buffer[:body_end]
        return Request(method, url, headers, body)


def reply(
    status: int, sequence: str, headers: Mapping[str, str] | None = None, body: str = ""
) -> bytes:
    """Return the bytes of the reply to the request of that ``CSeq``."""
    content = body.encode()
    fields = {"CSeq": sequence, **(headers or {})}
    if content:
        fields["Content-Length"] = str(len(content))
    lines = [f"RTSP/1.0 {status} {_PHRASES[status]}", *(f"{k}: {v}" for k, v in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def _check_first_line(buffer: bytearray) -> None:
    """Refuse as soon as the first line is there, and does not end as one of RTSP."""
    end = buffer.find(b"\r\n", 0, MAX_HEAD_BYTES)
    if end >= 0:
        _first_line(buffer[:end].decode("utf-8", "replace"))


def _first_line(line: str) -> tuple[str, str]:
    match = _REQUEST.fullmatch(line)
    if match is None:
        raise Refused(Reason.BAD_PROTOCOL, "invalid RTSP request")
    return match[1], match[2]


def _length(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) <= _MAX_LENGTH_DIGITS):
        raise Refused(Reason.BAD_PROTOCOL, "invalid length of an RTSP request")
    if int(value) > MAX_BODY_BYTES:
        raise Refused(Reason.MESSAGE_TOO_BIG, "an RTSP request is over the limit")
    return int(value)
