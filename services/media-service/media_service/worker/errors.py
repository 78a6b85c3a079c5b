"""What ends one stream, and only that one."""

from media_service.redaction import redacted


class StreamError(Exception):
    """The stream cannot be carried on.

    ``reason`` is a short word for metrics; ``retryable`` says whether a new worker may succeed
    with the same source.
    """

    def __init__(self, reason: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(redacted(message))
        self.reason = reason
        self.retryable = retryable
