"""The one exception that ends in an ``error`` event."""

from typing import Any

from services.contracts import MAX_MESSAGE_CHARACTERS, ErrorCode, Severity
from sts_service.quoting import clipped


class Refused(Exception):  # noqa: N818 - what happened to the request, not a fault of ours
    """A client's request cannot be met; the message says why in words for its operator."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        stream_id: str | None = None,
        fragment_id: str | None = None,
        severity: Severity = Severity.ERROR,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = clipped(message, MAX_MESSAGE_CHARACTERS)
        self.stream_id = None if stream_id is None else clipped(stream_id)
        self.fragment_id = None if fragment_id is None else clipped(fragment_id)
        self.severity = severity
        self.metadata = metadata


def shutting_down(stream_id: str, fragment_id: str | None = None) -> Refused:
    """Return the refusal of whatever comes after the service was told to stop."""
    message = "the service is shutting down"
    return Refused(ErrorCode.QUEUE_FULL, message, stream_id=stream_id, fragment_id=fragment_id)
