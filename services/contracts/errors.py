"""Error vocabulary of the wire: codes, severities and stages."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Why sts-service refused or failed something."""

    AUTH_FAILED = "AUTH_FAILED"
    STREAM_NOT_FOUND = "STREAM_NOT_FOUND"
    INVALID_CONFIG = "INVALID_CONFIG"
    UNSUPPORTED_LANGUAGE = "UNSUPPORTED_LANGUAGE"
    INVALID_AUDIO_FORMAT = "INVALID_AUDIO_FORMAT"
    FRAGMENT_TOO_LARGE = "FRAGMENT_TOO_LARGE"
    INVALID_SEQUENCE = "INVALID_SEQUENCE"
    TIMEOUT = "TIMEOUT"
    MODEL_ERROR = "MODEL_ERROR"
    QUEUE_FULL = "QUEUE_FULL"
    RATE_LIMIT = "RATE_LIMIT"
    STREAM_PAUSED = "STREAM_PAUSED"

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later without being changed."""
        return self in _RETRYABLE


_RETRYABLE = frozenset(
    {
        ErrorCode.TIMEOUT,
        ErrorCode.MODEL_ERROR,
        ErrorCode.QUEUE_FULL,
        ErrorCode.RATE_LIMIT,
        ErrorCode.STREAM_PAUSED,
    }
)


class Severity(StrEnum):
    """How much of the exchange an ``error`` event ends: nothing, one request, the session."""

    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


class Stage(StrEnum):
    """The three stages of speech processing."""

    ASR = "asr"
    TRANSLATION = "translation"
    TTS = "tts"
