"""RTMP's chunk layer, without any I/O (Adobe RTMP specification 1.0, section 5.3)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from media_server.errors import Reason, Refused
from media_server.messages import Message, MessageType, unsigned_32

DEFAULT_CHUNK_BYTES = 128
MAX_MESSAGE_BYTES = 8 << 20
MAX_CHUNK_STREAMS = 64

_EXTENDED = 0xFFFFFF
_HEADER_BYTES = (11, 7, 3, 0)


@dataclass(slots=True)
class _ChunkStream:
    """What the headers of one chunk stream inherit from their predecessors."""

    timestamp_ms: int = 0
    timestamp_field: int = 0
    length_bytes: int = 0
    type_id: int = 0
    stream_id: int = 0
    extended: bool = False
    opened: bool = False
    partial: bytearray = field(default_factory=bytearray)
    in_message: bool = False


@dataclass(frozen=True, slots=True)
class _Header:
    """Basic and message header of one chunk."""

    format_id: int
    chunk_stream_id: int
    fields: bytes
    extended_timestamp: int | None
    size_bytes: int


class ChunkReader:
    """Turns received bytes into messages; holds at most two messages' worth of unfinished data.

    The two protocol control messages that belong to this layer (chunk size, abort) are obeyed
    here and handed on as well.
    """

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._max_message_bytes = max_message_bytes
        self._chunk_bytes = DEFAULT_CHUNK_BYTES
        self._streams: dict[int, _ChunkStream] = {}
        self._buffer = bytearray()
        self._partial_bytes = 0

    @property
    def mid_message(self) -> bool:
        """Whether an end of the input here would cut a chunk or a message short."""
        return bool(self._buffer) or any(s.in_message for s in self._streams.values())

    def feed(self, received: bytes) -> Iterator[Message]:
        """Yield every message that ``received`` completes.

        Raises:
            Refused: a message over the bound, a chunk size of zero, a header in the middle of
                a message, a first chunk that refers to a predecessor, too many chunk streams.
        """
        self._buffer += received
        offset = 0
        try:
            while (header := self._header(offset)) is not None:
                stream = self._stream(header)
                start = not stream.in_message
                length = self._message_length(header, stream)
                wanted = min(self._chunk_bytes, length - len(stream.partial))
                body_at = offset + header.size_bytes
                if len(self._buffer) < body_at + wanted:
                    return
                if start:
                    self._start_message(header, stream)
                stream.partial += self._buffer[body_at : body_at + wanted]
                self._partial_bytes += wanted
                offset = body_at + wanted
                if self._partial_bytes > 2 * self._max_message_bytes:
                    raise Refused(Reason.MESSAGE_TOO_BIG, "too much unfinished data")
                if len(stream.partial) == stream.length_bytes:
                    message = self._finish_message(header.chunk_stream_id, stream)
                    self._obey(message)
                    yield message
        finally:
            del self._buffer[:offset]

    def _header(self, offset: int) -> _Header | None:
        """Return the header at ``offset``, or None when it has not arrived whole."""
        data = self._buffer
        if offset >= len(data):
            return None
        format_id, chunk_stream_id = data[offset] >> 6, data[offset] & 0x3F
        size = 1 + {0: 1, 1: 2}.get(chunk_stream_id, 0)
        if offset + size > len(data):
            return None
        if chunk_stream_id == 0:
            chunk_stream_id = 64 + data[offset + 1]
        elif chunk_stream_id == 1:
            chunk_stream_id = 64 + data[offset + 1] + 256 * data[offset + 2]
        fields_end = offset + size + _HEADER_BYTES[format_id]
        if fields_end > len(data):
            return None
        fields = bytes(data[offset + size : fields_end])
        if format_id == 3:
            known = self._streams.get(chunk_stream_id)
            extended = known is not None and known.extended
        else:
            extended = int.from_bytes(fields[:3], "big") == _EXTENDED
        if not extended:
            return _Header(format_id, chunk_stream_id, fields, None, fields_end - offset)
        if fields_end + 4 > len(data):
            return None
        timestamp = int.from_bytes(data[fields_end : fields_end + 4], "big")
        return _Header(format_id, chunk_stream_id, fields, timestamp, fields_end + 4 - offset)

    def _stream(self, header: _Header) -> _ChunkStream:
        stream = self._streams.get(header.chunk_stream_id)
        if stream is None:
            if len(self._streams) >= MAX_CHUNK_STREAMS:
                raise Refused(Reason.BAD_PROTOCOL, "too many chunk streams")
            stream = self._streams[header.chunk_stream_id] = _ChunkStream()
        if not stream.opened and header.format_id != 0:
            raise Refused(Reason.BAD_PROTOCOL, "first chunk of a stream has no full header")
        if stream.in_message and header.format_id != 3:
            raise Refused(Reason.BAD_PROTOCOL, "chunk header in the middle of a message")
        return stream

    def _message_length(self, header: _Header, stream: _ChunkStream) -> int:
        length = stream.length_bytes
        if header.format_id <= 1:
            length = int.from_bytes(header.fields[3:6], "big")
        if length > self._max_message_bytes:
            raise Refused(
                Reason.MESSAGE_TOO_BIG,
                f"message of {length} bytes is over the limit of {self._max_message_bytes}",
            )
        return length

    def _start_message(self, header: _Header, stream: _ChunkStream) -> None:
        fields = header.fields
        if header.format_id <= 2:
            stream.timestamp_field = int.from_bytes(fields[:3], "big")
            stream.extended = header.extended_timestamp is not None
        if header.format_id <= 1:
            stream.length_bytes = int.from_bytes(fields[3:6], "big")
            stream.type_id = fields[6]
        if header.format_id == 0:
            stream.stream_id = int.from_bytes(fields[7:11], "little")
        if header.extended_timestamp is not None:
            stream.timestamp_field = header.extended_timestamp
        # A type 3 chunk that starts a message repeats the field of its predecessor as a delta,
        # also when that was the absolute timestamp of a type 0 chunk (section 5.3.1.2.4).
        base = 0 if header.format_id == 0 else stream.timestamp_ms
        stream.timestamp_ms = (base + stream.timestamp_field) & 0xFFFFFFFF
        stream.opened = stream.in_message = True

    def _finish_message(self, chunk_stream_id: int, stream: _ChunkStream) -> Message:
        body = bytes(stream.partial)
        self._forget_partial(stream)
        return Message(stream.type_id, stream.timestamp_ms, body, stream.stream_id, chunk_stream_id)

    def _forget_partial(self, stream: _ChunkStream) -> None:
        self._partial_bytes -= len(stream.partial)
        stream.partial.clear()
        stream.in_message = False

    def _obey(self, message: Message) -> None:
        if message.type_id == MessageType.SET_CHUNK_SIZE:
            size = unsigned_32(message)
            if not 1 <= size <= 0x7FFFFFFF:
                raise Refused(Reason.BAD_PROTOCOL, f"invalid chunk size ({size})")
            # No message is longer than 2**24 - 1 bytes, but a chunk is buffered whole here.
            self._chunk_bytes = min(size, self._max_message_bytes)
        elif message.type_id == MessageType.ABORT:
            stream = self._streams.get(unsigned_32(message))
            if stream is not None:
                self._forget_partial(stream)


def encode(message: Message, chunk_bytes: int) -> bytes:
    """Return ``message`` as a full-header chunk and, where it is longer, type 3 chunks.

    ``message.chunk_stream_id`` must be 2 to 63, the range with a one-byte basic header.
    """
    timestamp = message.timestamp_ms & 0xFFFFFFFF
    extended = struct.pack(">I", timestamp) if timestamp >= _EXTENDED else b""
    header = (
        bytes([message.chunk_stream_id])
        + min(timestamp, _EXTENDED).to_bytes(3, "big")
        + len(message.body).to_bytes(3, "big")
        + bytes([message.type_id])
        + struct.pack("<I", message.stream_id)
        + extended
    )
    body = message.body
    if len(body) <= chunk_bytes:
        return header + body
    continuation = bytes([0xC0 | message.chunk_stream_id]) + extended
    pieces = [header, body[:chunk_bytes]]
    for start in range(chunk_bytes, len(body), chunk_bytes):
        pieces += (continuation, body[start : start + chunk_bytes])
    return b"".join(pieces)
