"""Why a segment comes back from STS without dubbed audio."""

from media_service.report import FallbackReason


class StsError(Exception):
    """A segment was not dubbed; ``reason`` is what the reports and metrics call it."""

    reason: FallbackReason = "sts_failed"


class StsUnavailableError(StsError):
    """STS is not connected, or went away while the segment was with it."""

    reason: FallbackReason = "sts_unavailable"


class StsTimeoutError(StsError):
    """The segment's time is over."""

    reason: FallbackReason = "timeout"


class StsCircuitOpenError(StsError):
    """STS was too slow for too many fragments in a row: this one was not sent."""

    reason: FallbackReason = "circuit_open"


class StsFailedError(StsError):
    """STS refused the stream or the fragment, or could not process it."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retryable = retryable
