"""The three interfaces that speech engines implement.

The public method of each base class owns timing, the retry and what every engine would have to
guard against (silence, empty text); an engine implements the one protected method, and raises
``EngineError`` when it fails.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import numpy as np
import structlog

from sts_service.audio import Mono, Samples, is_silent, silence

T = TypeVar("T")

_log = structlog.get_logger()


class EngineError(Exception):
    """An engine failed on one input; ``retryable`` if the same input may succeed next time."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class EngineLoadError(Exception):
    """An engine cannot work here: a program, model or language is missing."""


@dataclass(frozen=True)
class EngineOptions:
    """What the configuration says to an engine; each has a default model of its own."""

    model: str | None = None
    device: str = "cpu"


@dataclass(frozen=True)
class Timed(Generic[T]):
    """A result, and the wall-clock milliseconds it took, retry included."""

    value: T
    elapsed_ms: int


def attempt(name: str, call: Callable[[], T]) -> Timed[T]:
    """Run an engine's work, once more if its error is retryable; raise its ``EngineError``."""
    started = time.monotonic()
    try:
        value = call()
    except EngineError as error:
        if not error.retryable:
            raise
        _log.warning("engine_retried", engine=name, error=str(error))
        value = call()
    return Timed(value, round((time.monotonic() - started) * 1000))


class Recognizer(ABC):
    """Speech to text in the language spoken.

    ``languages`` are ISO 639-1 codes; ``rate_hz`` is the sample rate the engine listens at.
    """

    name: ClassVar[str]
    languages: ClassVar[frozenset[str]]
    rate_hz: ClassVar[int] = 16_000
    model: str

    def recognize(self, sound: Mono, language: str) -> Timed[str]:
        """Return the words in lower case, one space apart; empty where nobody speaks."""
        if is_silent(sound):
            return Timed("", 0)
        samples = np.ascontiguousarray(sound.at(self.rate_hz).samples)
        return attempt(self.name, lambda: self._recognize(samples, language))

    @abstractmethod
    def _recognize(self, samples: Samples, language: str) -> str:
        """Recognise non-empty, non-silent mono samples at ``rate_hz``."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing
        """Let go of processes and files."""


class Translator(ABC):
    """Text from one language to another; ``pairs`` are (source, target) codes."""

    name: ClassVar[str]
    pairs: ClassVar[frozenset[tuple[str, str]]]
    model: str

    def translate(self, text: str, source: str, target: str) -> Timed[str]:
        """Return the translation; empty for blank text."""
        if not text.strip():
            return Timed("", 0)
        return attempt(self.name, lambda: self._translate(text, source, target))

    @abstractmethod
    def _translate(self, text: str, source: str, target: str) -> str:
        """Translate text that is not blank."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing
        """Let go of processes and files."""


class Synthesizer(ABC):
    """Text to speech; ``max_speed`` is the fastest, as a factor, that it can still speak."""

    name: ClassVar[str]
    languages: ClassVar[frozenset[str]]
    max_speed: ClassVar[float] = 2.0
    rate_hz: ClassVar[int]
    model: str

    def synthesize(self, text: str, language: str, *, speed: float = 1.0) -> Timed[Mono]:
        """Return the speech at the engine's own sample rate; of no length for blank text."""
        if not text.strip():
            return Timed(silence(self.rate_hz), 0)
        return attempt(
            self.name, lambda: self._synthesize(text, language, min(speed, self.max_speed))
        )

    @abstractmethod
    def _synthesize(self, text: str, language: str, speed: float) -> Mono:
        """Speak text that is not blank."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing
        """Let go of processes and files."""
