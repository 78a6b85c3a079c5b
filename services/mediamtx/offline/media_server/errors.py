"""Why a session ends: by the course of things, or refused for a countable reason."""

from enum import StrEnum


class Reason(StrEnum):
    """Category under which a refusal is counted."""

    BAD_PROTOCOL = "bad_protocol"
    BAD_AMF = "bad_amf"
    BAD_MEDIA = "bad_media"
    MESSAGE_TOO_BIG = "message_too_big"
    UNSUPPORTED_CODEC = "unsupported_codec"
    INVALID_PATH = "invalid_path"
    NO_STREAM = "no_stream"
    PATH_TAKEN = "path_taken"
    AUTHENTICATION = "authentication"
    TIMEOUT = "timeout"
    SLOW_READER = "slow_reader"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    TRUNCATED = "truncated"
    INTERNAL = "internal"


class SessionEnded(Exception):  # noqa: N818 - most ends are no error
    """The session is over; ``str()`` says why, for the log."""


class Refused(SessionEnded):
    """The peer did something this server does not accept; its session ends, nobody else's does.

    ``str()`` is the sentence for the log and, where the protocol can carry it, for the peer.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
