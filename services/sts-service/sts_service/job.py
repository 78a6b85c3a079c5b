"""What travels between the service and its worker processes."""

from dataclasses import dataclass, field

from services.contracts import ErrorCode, Stage


@dataclass(frozen=True)
class FragmentJob:
    """One fragment to dub: interleaved s16le bytes and the languages.

    ``debug_delay_s`` is how much longer the recogniser is to take (``DEBUG_DELAY_S``).
    """

    pcm: bytes = field(repr=False)
    sample_rate_hz: int
    channels: int
    source_language: str
    target_language: str
    debug_delay_s: float = 0.0


@dataclass(frozen=True)
class Failure:
    """Why a fragment was not, or only partly, dubbed."""

    code: ErrorCode
    message: str
    stage: Stage | None = None
    retryable: bool = True


@dataclass(frozen=True)
class Outcome:
    """What became of a fragment.

    A stage that did not finish leaves ``None``; ``failure`` says why. ``dubbed_pcm`` has the
    job's own format and exactly its length.
    """

    transcript: str | None = None
    translated_text: str | None = None
    dubbed_pcm: bytes | None = field(default=None, repr=False)
    stage_ms: dict[Stage, int] = field(default_factory=dict)
    failure: Failure | None = None
