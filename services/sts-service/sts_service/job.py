"""What travels between the service and its worker processes."""

import base64
from dataclasses import dataclass, field, replace

from services.contracts import DubbedAudio, ErrorCode, Stage


@dataclass(frozen=True)
class FragmentJob:
    """One fragment to dub: interleaved s16le bytes and the languages.

    ``debug_delay_s`` is how much longer the recogniser is to take (``DEBUG_DELAY_S``). With
    ``in_base64`` the bytes are still as they came over the wire: whoever has the time decodes them.
    """

    pcm: bytes = field(repr=False)
    sample_rate_hz: int
    channels: int
    source_language: str
    target_language: str
    debug_delay_s: float = 0.0
    in_base64: bool = False

    def decoded(self) -> "FragmentJob":
        """Return the job with its sound as samples' bytes."""
        if not self.in_base64:
            return self
        return replace(self, pcm=base64.b64decode(self.pcm), in_base64=False)


@dataclass(frozen=True)
class TimeLimits:
    """Seconds for a fragment, and for those stages that have a limit of their own."""

    fragment_s: float
    stages_s: dict[Stage, float] = field(default_factory=dict)

    def of(self, stage: Stage) -> float:
        """The limit of one stage, which is never more than the fragment's."""
        return min(self.fragment_s, self.stages_s.get(stage, self.fragment_s))

    def told(self, stage: Stage | None, *, in_all: bool) -> str:
        """Say which limit was missed: the stage's, or that of the fragment ``in_all``."""
        if in_all or stage is None or stage not in self.stages_s:
            return f"not processed within {self.fragment_s:g} s"
        return f"{stage} was not done within {self.of(stage):g} s"


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
    job's own format and exactly its length; ``dubbed_audio`` is the same as the wire has it.
    """

    transcript: str | None = None
    translated_text: str | None = None
    dubbed_pcm: bytes | None = field(default=None, repr=False)
    stage_ms: dict[Stage, int] = field(default_factory=dict)
    failure: Failure | None = None
    dubbed_audio: DubbedAudio | None = field(default=None, repr=False)

    def for_the_wire(self, *, sample_rate_hz: int, channels: int) -> "Outcome":
        """Return it with its dub as ``dubbed_audio``; ``ValueError`` where that is no PCM."""
        if self.dubbed_pcm is None:
            return self
        audio = DubbedAudio.from_pcm(
            self.dubbed_pcm, sample_rate_hz=sample_rate_hz, channels=channels
        )
        return replace(self, dubbed_pcm=None, dubbed_audio=audio)


@dataclass(frozen=True)
class Progress:
    """How far the work on a fragment is: ``stage`` is the next one, ``None`` when it is over.

    ``onset_s`` is where its speech starts, ``length_samples`` how long it is in each channel.
    """

    stage: Stage | None = Stage.ASR
    outcome: Outcome = field(default_factory=Outcome)
    onset_s: float = 0.0
    length_samples: int = 0
