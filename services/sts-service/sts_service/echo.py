"""The set of engines that is none: what was heard comes back as it is, and marked.

It serves those who try media-service alone. Whoever asks is told: ``/health``, ``stream:ready``
and every result name ``echo`` for each stage, and the mark stands in place of each text.
"""

from typing import ClassVar

from services.contracts import Stage
from sts_service.audio import Mono, Samples, silence
from sts_service.engines.base import EngineOptions, Recognizer, Synthesizer, Translator
from sts_service.job import FragmentJob, Outcome, Progress

MARK = "[echo]"
"""What stands in place of transcript and translation."""
LANGUAGES = frozenset({"de", "en", "es", "fr", "it", "pt"})


class Engine(Recognizer, Translator, Synthesizer):
    """All three stages; none of them does anything, since ``answer`` takes the sound before."""

    name: ClassVar[str] = "echo"
    languages = LANGUAGES
    # One base class has it for good, the other lets each engine have its own.
    rate_hz = 16_000  # type: ignore[misc]

    def __init__(self, options: EngineOptions) -> None:
        self.pairs = frozenset((a, b) for a in LANGUAGES for b in LANGUAGES if a != b)
        self.model = options.model or "none"

    def _recognize(self, samples: Samples, language: str) -> str:  # noqa: ARG002
        return MARK

    def _translate(self, text: str, source: str, target: str) -> str:  # noqa: ARG002
        return MARK

    def _synthesize(self, text: str, language: str, speed: float) -> Mono:  # noqa: ARG002
        return silence(self.rate_hz)

    def close(self) -> None:
        """There is nothing to let go of."""


def answer(job: FragmentJob) -> Progress:
    """Give the fragment's own sound back as its dub, byte for byte; nothing is left to be done."""
    outcome = Outcome(
        transcript=MARK,
        translated_text=MARK,
        dubbed_pcm=job.pcm,
        stage_ms=dict.fromkeys(Stage, round(job.debug_delay_s * 1000)),
    )
    return Progress(stage=None, outcome=outcome)
