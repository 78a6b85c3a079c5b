"""What is known of a stream, as ``GET /v1/streams`` shows it.

Times named ``_at`` are Unix seconds, media times seconds from the stream's time zero.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

StreamState = Literal["starting", "processing", "draining", "waiting", "finished", "failed"]
Outcome = Literal["pending", "dubbed", "original", "kept", "lost"]
FallbackReason = Literal["timeout", "sts_unavailable", "sts_failed", "no_speech", "circuit_open"]
StsState = Literal["opening", "ready", "away", "refused", "closed"]
Reason = FallbackReason | Literal["tail", "kept", "lost"]
MAX_LISTED = 1000
"""Of a stream's segments and stalls the last ones are listed."""


class ReportModel(BaseModel):
    """Base of the reports: they grow as the stream goes on, so they can be changed.

    What others say is entered as text that can be written: a lone surrogate, which JSON lets pass
    and UTF-8 does not, becomes a question mark.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    @field_validator("*", mode="before")
    @classmethod
    def _writable(cls, value: object) -> object:
        return value.encode(errors="replace").decode() if isinstance(value, str) else value


class InputReport(ReportModel):
    """What the source holds; width and height are 0 until the first keyframe."""

    video_codec: str
    width: int
    height: int
    fps: float | None
    audio_codec: str
    sample_rate_hz: int
    channels: int


class SegmentReport(ReportModel):
    """The life of one segment; ``reason`` says why it went out undubbed, or not at all.

    ``kept`` has not gone out and is on disk, with its reason where its own sound is to go out;
    ``restored`` was taken up from there.
    ``skew_ms`` is how late the sound was against the picture; None where no picture was there.
    """

    number: int
    fragment_id: str | None = None
    start_s: float
    duration_s: float
    cut_at: float
    sent_at: float | None = None
    acked_at: float | None = None
    processed_at: float | None = None
    released_at: float | None = None
    outcome: Outcome = "pending"
    reason: Reason | None = None
    transcript: str | None = None
    translated_text: str | None = None
    processing_time_ms: int | None = None
    output_start_s: float | None = None
    skew_ms: float | None = None
    restored: bool = False


class StallReport(ReportModel):
    """A moment when the output had nothing to send and its clock was moved."""

    at: float
    duration_s: float


class OutputReport(ReportModel):
    """What has gone out; ``delay_s`` is how far the output is behind the input."""

    url: str
    connected_at: float
    first_packet_at: float | None = None
    last_packet_at: float | None = None
    delay_s: float
    stalls: list[StallReport] = Field(default_factory=list)
    video_packets: int = 0
    audio_packets: int = 0
    duration_s: float = 0.0


class StsReport(ReportModel):
    """The stream's dialogue with STS: its session, and what holds fragments back.

    ``state`` is ``opening`` while it is opened or taken up again, ``away`` while STS is known not
    to be there. ``circuit`` is the circuit breaker's state, ``circuit_opened`` how often it has
    opened; ``backpressure`` what STS asked for last, ``resumed`` how often it took a session up.
    """

    state: StsState = "opening"
    session_id: str | None = None
    resumed: int = 0
    circuit: Literal["closed", "half_open", "open"] = "closed"
    circuit_opened: int = 0
    backpressure: Literal["none", "slow_down", "pause"] = "none"


class WorkerReport(ReportModel):
    """The process that carries the media; CPU and wall time since the stream was given to it."""

    pid: int
    cpu_s: float = 0.0
    wall_s: float = 0.0
    rss_bytes: int = 0
    exit_code: int | None = None


class InterruptionReport(ReportModel):
    """A time when nothing was read, or nothing sent; what did not happen is None.

    ``gap_s`` is what the timeline lacks between the last segment before and ``number``, the first
    after it; ``output_gap_s`` what lies between the last time sent on one connection and the first
    on the next. Below 0 they overlap. ``output_pause_s`` is for how long nothing was sent.
    """

    reason: str
    at: float
    resumed_at: float | None = None
    number: int | None = None
    gap_s: float | None = None
    output_resumed_at: float | None = None
    output_gap_s: float | None = None
    output_pause_s: float | None = None
    recovered: list[int] = Field(default_factory=list)


class SpoolReport(ReportModel):
    """What lies on disk of the stream; ``error`` says why nothing does."""

    folder: str
    segments: list[int] = Field(default_factory=list)
    error: str | None = None


class StreamReport(ReportModel):
    """One stream, from its discovery to its end."""

    stream_id: str
    name: str
    path_in: str
    path_out: str
    state: StreamState = "starting"
    error: str | None = None
    ready_at: float | None
    detected_at: float
    processing_at: float | None = None
    finished_at: float | None = None
    time_zero_s: float | None = None
    missed_head_s: float | None = None
    input: InputReport | None = None
    segments: list[SegmentReport] = Field(default_factory=list)
    output: OutputReport | None = None
    sts: StsReport | None = None
    worker: WorkerReport | None = None
    workers: int = 0
    spool: SpoolReport | None = None
    interruptions: list[InterruptionReport] = Field(default_factory=list)

    @property
    def next_number(self) -> int:
        """The number of the segment that comes next."""
        return self.segments[-1].number + 1 if self.segments else 0

    @property
    def released_to(self) -> int:
        """The number of the last segment that has gone out; -1 where none has."""
        newest_first = reversed(self.segments)
        return next((known.number for known in newest_first if known.released_at is not None), -1)

    @property
    def end_s(self) -> float:
        """Where the last segment ends."""
        return max((known.start_s + known.duration_s for known in self.segments), default=0.0)

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to the stream."""
        return self.state in ("finished", "failed")

    def segment(self, number: int) -> SegmentReport | None:
        """Return the segment of that number, if it is known."""
        newest_first = reversed(self.segments)
        return next((known for known in newest_first if known.number == number), None)
