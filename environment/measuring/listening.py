"""Which of several texts a piece of sound says, by how well each can be read along with it."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import soxr
from pocketsphinx import Decoder, get_model_path

from environment.measuring.correlation import SILENCE_DBFS
from environment.measuring.language import spell_spanish
from environment.measuring.pronunciation import spanish_phones
from environment.measuring.sound import Samples, level_dbfs
from environment.measuring.transcript import number_words

# So wide that the right text is found through a strange voice and accent; noise, which no text
# can be read along with, still falls out of it.
BEAM: Final = 1e-200

_RATE_HZ: Final = 16_000
_PEAK: Final = 0.5
_WORD: Final = re.compile(r"\d+|[^\W\d_]+")
_LEAST_SCORE: Final = 1e-300


@dataclass(frozen=True)
class Text:
    """A text that might be said, and in which language."""

    language: Literal["en", "es"]
    words: str


@dataclass(frozen=True)
class Reading:
    """How well each text, in the order given, can be read along with a piece of sound.

    Scores are below zero, the higher the better, and comparable on the same sound only; None:
    not at all.
    """

    scores: tuple[float | None, ...]

    @property
    def best(self) -> int | None:
        """Which text fits best; None when none does: silence, noise, or something else said."""
        order = self._ranked()
        return order[0] if order else None

    @property
    def lead(self) -> float:
        """By what part of its own score the best text leads the next; 1 when it is the only one."""
        order = self._ranked()
        if len(order) < 2:
            return float(len(order))
        best, second = (self.scores[index] or 0.0 for index in order[:2])
        return (best - second) / abs(best) if best else 0.0

    def _ranked(self) -> list[int]:
        fitting = {index: score for index, score in enumerate(self.scores) if score is not None}
        return sorted(fitting, key=lambda index: -fitting[index])


class Listener:
    """Reads texts along with sound: forced alignment, with an acoustic model of English.

    Spanish words are given to it in English phones. It knows neither who speaks nor which text is
    expected; that the right one of many fits best is what proves that it is said.
    """

    def __init__(self, texts: Sequence[Text]) -> None:
        self._decoder = Decoder(
            hmm=get_model_path("en-us/en-us"),
            dict=get_model_path("en-us/cmudict-en-us.dict"),
            lm=None,
            samprate=_RATE_HZ,
            loglevel="FATAL",
            bestpath=False,
            beam=BEAM,
            pbeam=BEAM,
            wbeam=BEAM**0.6,
        )
        self._known: set[str] = set()
        self._searches = tuple(self._learn(number, text) for number, text in enumerate(texts))

    def read_along(
        self, samples: Samples, rate_hz: int, only: Sequence[int] | None = None
    ) -> Reading:
        """Score each text, or only those of these indices, against the whole of the sound."""
        if level_dbfs(samples) < SILENCE_DBFS:
            return Reading((None,) * len(self._searches))
        pcm = _to_pcm(samples, rate_hz)
        wanted = range(len(self._searches)) if only is None else only
        return Reading(
            tuple(
                self._score(search, pcm) if search and index in wanted else None
                for index, search in enumerate(self._searches)
            )
        )

    def _learn(self, number: int, text: Text) -> str | None:
        words = [said for word in _spoken(text) if (said := self._learn_word(text.language, word))]
        if not words:
            return None
        search = f"text-{number}"
        grammar = f"#JSGF V1.0; grammar text; public <text> = {' '.join(words)};"
        self._decoder.add_jsgf_string(search, grammar)
        return search

    def _learn_word(self, language: str, word: str) -> str | None:
        """Return the word's name in the decoder; None when nobody knows how it is said."""
        if language == "en":
            return word if self._decoder.lookup_word(word) else None
        # Some words are written alike and said differently.
        name = f"es_{word}"
        ways = spanish_phones(word)
        if name not in self._known:
            for number, phones in enumerate(ways, start=1):
                self._decoder.add_word(name if number == 1 else f"{name}({number})", phones, True)
            self._known.add(name)
        return name if ways else None

    def _score(self, search: str, pcm: bytes) -> float | None:
        self._decoder.activate_search(search)
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        if self._decoder.hyp() is None:
            return None
        return sum(math.log(max(part.ascore, _LEAST_SCORE)) for part in self._decoder.seg())


def _spoken(text: Text) -> list[str]:
    """The words as they are said: numbers up to 100 in words, hyphens and marks left out."""
    spell = spell_spanish if text.language == "es" else number_words
    words: list[str] = []
    for word in _WORD.findall(text.words.lower()):
        if word.isdigit():
            words += _WORD.findall(spell(int(word))) if int(word) <= 100 else []
        else:
            words.append(word)
    return words


def _to_pcm(samples: Samples, rate_hz: int) -> bytes:
    """Mono s16le at the recogniser's rate, at a level that it is used to."""
    if rate_hz != _RATE_HZ:
        samples = np.asarray(soxr.resample(samples, rate_hz, _RATE_HZ, "HQ"), np.float32)
    scaled = samples * (_PEAK / float(np.abs(samples).max()))
    return bytes(np.rint(scaled * 32767).astype("<i2").tobytes())
