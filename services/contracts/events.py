"""Payload models of the Socket.IO events; unknown fields and wrong types are refused.

Times are Unix milliseconds, durations milliseconds, audio little-endian signed 16-bit PCM,
interleaved, in base64.
"""

from __future__ import annotations

import base64
import string
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.contracts.errors import ErrorCode, Severity, Stage

BYTES_PER_SAMPLE = 2
MAX_ID_CHARACTERS = 200
MAX_MESSAGE_CHARACTERS = 500

_BASE64 = (string.ascii_letters + string.digits + "+/").encode()

StreamId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]
Milliseconds = Annotated[int, Field(ge=0)]
SampleRate = Annotated[int, Field(ge=8_000, le=96_000)]
Channels = Annotated[int, Field(ge=1, le=2)]


class WireModel(BaseModel):
    """Base of every payload: immutable, strict about types, closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def wire(self) -> dict[str, Any]:
        """Return the JSON-ready payload, without the fields that were left out."""
        return self.model_dump(mode="json", exclude_none=True)


class AudioPayload(WireModel):
    """PCM audio. ``duration_ms`` must agree with the bytes to within one millisecond."""

    format: Literal["pcm_s16le"] = "pcm_s16le"
    sample_rate_hz: SampleRate
    channels: Channels
    duration_ms: Milliseconds
    data_base64: str = Field(repr=False)

    @classmethod
    def from_pcm(cls, pcm: bytes, *, sample_rate_hz: int, channels: int) -> Self:
        """Wrap interleaved s16le bytes; the duration follows from their number."""
        frames = len(pcm) // (BYTES_PER_SAMPLE * channels)
        return cls(
            sample_rate_hz=sample_rate_hz,
            channels=channels,
            duration_ms=round(frames * 1000 / sample_rate_hz),
            data_base64=base64.b64encode(pcm).decode("ascii"),
        )

    def pcm(self) -> bytes:
        """Return the interleaved s16le bytes."""
        return base64.b64decode(self.data_base64)

    @model_validator(mode="after")
    def _bytes_match(self) -> Self:
        data = self.data_base64
        # Megabytes pass here: the size follows from the length, decoding is left to who wants it.
        if not _is_base64(data):
            raise ValueError("data_base64 is not base64")
        size = len(data) // 4 * 3 - data[-2:].count("=")
        frame_bytes = BYTES_PER_SAMPLE * self.channels
        if size % frame_bytes:
            raise ValueError(f"data_base64 holds {size} bytes, not a multiple of {frame_bytes}")
        actual_ms = size / frame_bytes * 1000 / self.sample_rate_hz
        if abs(actual_ms - self.duration_ms) > 1:
            raise ValueError(f"duration_ms is {self.duration_ms}, the bytes last {actual_ms:.1f}")
        return self


def _is_base64(data: str) -> bool:
    """A regular expression takes twice as long, for megabytes in the receiver's event loop."""
    if len(data) % 4 or not data.isascii():
        return False
    raw = data.encode("ascii")
    padding = raw.translate(None, _BASE64)
    return padding in {b"", b"=", b"=="} and raw.endswith(padding)


class DubbedAudio(AudioPayload):
    """Synthesised speech, fitted to the length of the fragment it answers."""


class StreamConfig(WireModel):
    """What a stream wants: languages as ISO 639-1 codes, and the format of its audio."""

    source_language: str = Field(min_length=2, max_length=8)
    target_language: str = Field(min_length=2, max_length=8)
    voice_profile: str = Field(default="default", min_length=1, max_length=100)
    chunk_duration_ms: int = Field(ge=100, le=60_000)
    sample_rate_hz: SampleRate
    channels: Channels
    format: Literal["pcm_s16le"] = "pcm_s16le"


class StreamInit(WireModel):
    """``stream:init``: open a stream, or resume one with ``session_id``."""

    stream_id: StreamId
    worker_id: str = Field(min_length=1, max_length=200)
    config: StreamConfig
    max_inflight: int | None = Field(default=None, ge=1, le=20)
    timeout_ms: int | None = Field(default=None, ge=1_000, le=300_000)
    session_id: str | None = Field(default=None, min_length=1, max_length=200)
    next_sequence: int = Field(default=0, ge=0)


class Capabilities(WireModel):
    """What serves the stream: profile and engines, so that none can be taken for another."""

    profile: str
    asr: str
    translation: str
    tts: str
    source_languages: list[str]
    target_languages: list[str]


class StreamReady(WireModel):
    """``stream:ready``: the stream is open; ``next_sequence`` is the one expected next."""

    stream_id: StreamId
    session_id: str
    resumed: bool
    next_sequence: int = Field(ge=0)
    max_inflight: int = Field(ge=1)
    capabilities: Capabilities


class FragmentData(WireModel):
    """``fragment:data``: the audio of one segment."""

    fragment_id: UUID = Field(strict=False)
    stream_id: StreamId
    sequence_number: int = Field(ge=0)
    timestamp: Milliseconds
    audio: AudioPayload
    metadata: dict[str, Any] | None = None


class FragmentAck(WireModel):
    """``fragment:ack``: ``queued``/``processing`` by sts, ``received``/``applied`` by media."""

    fragment_id: UUID = Field(strict=False)
    status: Literal["queued", "processing", "received", "applied"]
    timestamp: Milliseconds
    queue_position: int | None = Field(default=None, ge=0)
    estimated_completion_ms: Milliseconds | None = None


class StageTimings(WireModel):
    """Time spent in each stage that ran."""

    asr_ms: Milliseconds | None = None
    translation_ms: Milliseconds | None = None
    tts_ms: Milliseconds | None = None


class FragmentError(WireModel):
    """Why a fragment is not, or only partly, dubbed."""

    code: ErrorCode = Field(strict=False)
    message: str = Field(max_length=MAX_MESSAGE_CHARACTERS)
    stage: Stage | None = Field(default=None, strict=False)
    retryable: bool


class ModelNames(WireModel):
    """The engines and models that made a result."""

    asr_model: str | None = None
    translation_model: str | None = None
    tts_model: str | None = None


class FragmentProcessed(WireModel):
    """``fragment:processed``: the result of one fragment (FR-033).

    ``success`` carries all three of transcript, translation and dubbed audio (both texts empty
    where nobody spoke) and no error, ``partial`` and ``failed`` carry the error.
    """

    fragment_id: UUID = Field(strict=False)
    stream_id: StreamId
    sequence_number: int = Field(ge=0)
    status: Literal["success", "partial", "failed"]
    dubbed_audio: DubbedAudio | None = None
    transcript: str | None = None
    translated_text: str | None = None
    processing_time_ms: Milliseconds
    stage_timings: StageTimings | None = None
    error: FragmentError | None = None
    metadata: ModelNames | None = None

    @model_validator(mode="after")
    def _status_is_backed(self) -> Self:
        if self.status == "success":
            parts = {
                "dubbed_audio": self.dubbed_audio,
                "transcript": self.transcript,
                "translated_text": self.translated_text,
            }
            absent = [name for name, part in parts.items() if part is None]
            if absent:
                raise ValueError(f"status is success without {', '.join(absent)}")
            if self.error is not None:
                raise ValueError("status is success with an error")
        elif self.error is None:
            raise ValueError(f"status is {self.status} without an error")
        return self


class Backpressure(WireModel):
    """``backpressure``: how loaded the server is, and what the client should do about it."""

    stream_id: StreamId
    severity: Literal["low", "medium", "high"]
    current_inflight: int = Field(ge=0)
    queue_depth: int = Field(ge=0)
    action: Literal["none", "slow_down", "pause"]
    recommended_delay_ms: Milliseconds | None = None


class StreamControl(WireModel):
    """``stream:pause``, ``stream:resume`` and ``stream:end``."""

    stream_id: StreamId
    reason: str | None = None


class StreamStatistics(WireModel):
    """What became of a stream's fragments."""

    success_count: int = Field(ge=0)
    partial_count: int = Field(ge=0)
    failed_count: int = Field(ge=0)
    avg_processing_time_ms: float = Field(ge=0)
    p95_processing_time_ms: float = Field(ge=0)


class StreamComplete(WireModel):
    """``stream:complete``: the answer to ``stream:end``, after the last result."""

    stream_id: StreamId
    total_fragments: int = Field(ge=0)
    total_duration_ms: Milliseconds
    statistics: StreamStatistics


class ErrorEvent(WireModel):
    """``error``: something was refused; ``fatal`` ends the session.

    ``stream_id`` and ``fragment_id`` are the client's words, cut short where they are long.
    """

    code: ErrorCode = Field(strict=False)
    message: str = Field(max_length=MAX_MESSAGE_CHARACTERS)
    severity: Severity = Field(strict=False)
    retryable: bool
    stream_id: str | None = Field(default=None, max_length=MAX_ID_CHARACTERS)
    fragment_id: str | None = Field(default=None, max_length=MAX_ID_CHARACTERS)
    error_id: str | None = None
    metadata: dict[str, Any] | None = None
