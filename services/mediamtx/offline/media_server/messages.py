"""RTMP messages: their types, and the control and command messages this server sends."""

import struct
from dataclasses import dataclass
from enum import IntEnum

from media_server import amf0
from media_server.amf0 import Value
from media_server.errors import Reason, Refused


class MessageType(IntEnum):
    """Message type ids (RTMP specification, sections 5.4 and 7.1)."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_ACKNOWLEDGEMENT_SIZE = 5
    SET_PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA_AMF3 = 15
    COMMAND_AMF3 = 17
    DATA = 18
    COMMAND = 20


class UserControl(IntEnum):
    """Event types of user control messages (section 7.1.7)."""

    STREAM_BEGIN = 0
    STREAM_EOF = 1
    STREAM_IS_RECORDED = 4
    PING_REQUEST = 6
    PING_RESPONSE = 7


STREAM_ID = 1
"""The one message stream of a session: ``createStream`` always answers this."""

_CONTROL_CHUNK_STREAM, _COMMAND_CHUNK_STREAM, _STATUS_CHUNK_STREAM = 2, 3, 5
_DYNAMIC_LIMIT = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One whole RTMP message; ``timestamp_ms`` wraps at 2**32."""

    type_id: int
    timestamp_ms: int
    body: bytes
    stream_id: int = 0
    chunk_stream_id: int = _CONTROL_CHUNK_STREAM


def unsigned_32(message: Message) -> int:
    """Return the 32-bit number that a protocol control message carries.

    Raises:
        Refused: the body is shorter than that.
    """
    if len(message.body) < 4:
        raise Refused(Reason.BAD_PROTOCOL, f"control message {message.type_id} is too short")
    return int.from_bytes(message.body[:4], "big")


def set_chunk_size(size_bytes: int) -> Message:
    """Announce the largest chunk that follows."""
    return Message(MessageType.SET_CHUNK_SIZE, 0, struct.pack(">I", size_bytes))


def acknowledgement(received_bytes: int) -> Message:
    """Acknowledge all bytes received so far (the count wraps at 2**32)."""
    return Message(MessageType.ACKNOWLEDGEMENT, 0, struct.pack(">I", received_bytes & 0xFFFFFFFF))


def window_acknowledgement_size(size_bytes: int) -> Message:
    """Ask the peer to acknowledge every ``size_bytes``."""
    return Message(MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE, 0, struct.pack(">I", size_bytes))


def set_peer_bandwidth(size_bytes: int) -> Message:
    """Limit the peer's unacknowledged output."""
    body = struct.pack(">IB", size_bytes, _DYNAMIC_LIMIT)
    return Message(MessageType.SET_PEER_BANDWIDTH, 0, body)


def user_control(event: UserControl, payload: bytes) -> Message:
    """Return a user control message with the event's own payload."""
    return Message(MessageType.USER_CONTROL, 0, struct.pack(">H", event) + payload)


def stream_control(event: UserControl) -> Message:
    """Return a user control message about the session's one stream."""
    return user_control(event, struct.pack(">I", STREAM_ID))


def result(transaction: Value, *values: Value) -> Message:
    """Answer a command that succeeded."""
    body = amf0.encode("_result", transaction, *values)
    return Message(MessageType.COMMAND, 0, body, 0, _COMMAND_CHUNK_STREAM)


def status(code: str, description: str, *, level: str = "status") -> Message:
    """Tell the peer what became of its stream (``onStatus``)."""
    info = {"level": level, "code": code, "description": description}
    body = amf0.encode("onStatus", 0, None, info)
    return Message(MessageType.COMMAND, 0, body, STREAM_ID, _STATUS_CHUNK_STREAM)


def data(body: bytes) -> Message:
    """Return a data message (metadata) on the session's one stream."""
    return Message(MessageType.DATA, 0, body, STREAM_ID, _STATUS_CHUNK_STREAM)
