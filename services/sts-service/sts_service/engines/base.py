"""The three interfaces that speech engines implement.

``accelerated`` engines compute on ``DEVICE``; the others need no more than a CPU.

The public method of each base class owns timing, the retry and what every engine would have to
guard against (silence, empty text, samples out of range, characters that are none); an engine
implements the one protected method. Whatever it raises leaves the base class as ``EngineError``.
"""

import time
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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
    """What the configuration says to an engine; without a model it takes its own, if it has one.

    Engines whose models are files find those that have a name under ``models_dir``;
    ``models_volume`` is what operators call that folder.
    """

    model: str | None = None
    device: str = "cpu"
    models_dir: Path = Path("/models")
    models_volume: str = "dubspec-models"


@dataclass(frozen=True)
class Timed(Generic[T]):
    """A result, and the wall-clock milliseconds it took, retry included."""

    value: T
    elapsed_ms: int


def attempt(name: str, call: Callable[[], T]) -> Timed[T]:
    """Run an engine's work, once more if its error is retryable; raise only ``EngineError``.

    What an engine did not foresee is final: the same input would meet the same end again.
    """
    started = time.monotonic()
    try:
        value = _typed(name, call)
    except EngineError as error:
        if not error.retryable:
            raise
        _log.warning("engine_retried", engine=name, error=str(error))
        value = _typed(name, call)
    return Timed(value, round((time.monotonic() - started) * 1000))


def _typed(name: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except EngineError:
        raise
    except Exception as error:  # outermost edge of somebody else's library
        _log.exception("engine_crashed", engine=name)
        message = f"{name} failed: {type(error).__name__}: {error}"
        raise EngineError(message, retryable=False) from error


def _plain(text: str) -> str:
    """Return composed text without control characters and half characters, spaces single."""
    composed = unicodedata.normalize("NFC", text)
    shown = (" " if unicodedata.category(char).startswith("C") else char for char in composed)
    return " ".join("".join(shown).split())


class Recognizer(ABC):
    """Speech to text in the language spoken.

    ``languages`` are ISO 639-1 codes; ``rate_hz`` is the sample rate the engine listens at;
    ``model`` names what was loaded, so that no two models have the same name.
    """

    name: ClassVar[str]
    accelerated: ClassVar[bool] = False
    rate_hz: ClassVar[int] = 16_000
    languages: frozenset[str]
    model: str

    def recognize(self, sound: Mono, language: str) -> Timed[str]:
        """Return the words, one space apart; empty where nobody speaks.

        Casing and punctuation are the engine's: some write sentences, some only words.
        """
        finite = Mono(np.nan_to_num(sound.samples, posinf=0.0, neginf=0.0), sound.rate_hz)
        if is_silent(finite):
            return Timed("", 0)

        def heard() -> str:
            # Resampling overshoots a little, too.
            samples = np.clip(finite.at(self.rate_hz).samples, -1.0, 1.0)
            return self._recognize(samples, language)

        return attempt(self.name, heard)

    @abstractmethod
    def _recognize(self, samples: Samples, language: str) -> str:
        """Recognise non-empty, non-silent mono samples in [-1, 1] at ``rate_hz``."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing
        """Let go of processes and files."""


class Translator(ABC):
    """Text from one language to another; ``pairs`` are (source, target) codes."""

    name: ClassVar[str]
    accelerated: ClassVar[bool] = False
    pairs: frozenset[tuple[str, str]]
    model: str

    def translate(self, text: str, source: str, target: str) -> Timed[str]:
        """Return the translation; empty for blank text."""
        plain = _plain(text)
        if not plain:
            return Timed("", 0)
        return attempt(self.name, lambda: self._translate(plain, source, target))

    @abstractmethod
    def _translate(self, text: str, source: str, target: str) -> str:
        """Translate text that is not blank, with single spaces between its words."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing
        """Let go of processes and files."""


class Synthesizer(ABC):
    """Text to speech; ``max_speed`` is the fastest, as a factor, that it can still speak."""

    name: ClassVar[str]
    accelerated: ClassVar[bool] = False
    languages: frozenset[str]
    max_speed: float = 2.0
    rate_hz: int
    model: str

    def synthesize(self, text: str, language: str, *, speed: float = 1.0) -> Timed[Mono]:
        """Return the speech at the engine's own sample rate; of no length for blank text."""
        plain = _plain(text)
        if not plain:
            return Timed(silence(self.rate_hz), 0)
        return attempt(
            self.name, lambda: self._synthesize(plain, language, min(speed, self.max_speed))
        )

    @abstractmethod
    def _synthesize(self, text: str, language: str, speed: float) -> Mono:
        """Speak text that is not blank, with single spaces between its words."""

    def close(self) -> None:  # noqa: B027 - most engines hold nothing
        """Let go of processes and files."""
