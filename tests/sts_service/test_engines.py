"""What is each embedded engine's own, and what the base classes do for every engine.

The contract that all of them share is in ``tests/engines``.
"""

import math
import os
import signal
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import pytest

from sts_service.audio import Mono, Samples, is_silent
from sts_service.engines import translation_apertium
from sts_service.engines.asr_pocketsphinx import Engine as Pocketsphinx
from sts_service.engines.base import EngineError, EngineLoadError, EngineOptions, Recognizer
from sts_service.engines.registry import Engines
from sts_service.engines.translation_apertium import Engine as Apertium
from sts_service.engines.translation_apertium import hyphenated, translated_by
from sts_service.engines.tts_espeak import Engine as Espeak
from tests.sts_service.sounds import RATE_HZ, noise


def test_pocketsphinx_has_one_model() -> None:
    with pytest.raises(EngineLoadError, match="en-us"):
        Pocketsphinx(EngineOptions(model="de-de"))


@pytest.fixture
def apertium() -> Iterator[Apertium]:
    engine = Apertium(EngineOptions())
    yield engine
    engine.close()


class TestApertium:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("twenty one twenty two", "veintiún veintidós"),
            ("nineteen twenty twenty one", "diecinueve veinte veintiún"),
            ("twenty nine thirty", "veintinueve treinta"),
            ("hello world", "hola mundo"),
        ],
    )
    def test_it_translates(self, embedded: Engines, text: str, expected: str) -> None:
        assert embedded.translation.translate(text, "en", "es").value.lower() == expected

    @pytest.mark.parametrize("text", ["i would like a cup of coffee", "i'm thirty one"])
    def test_it_knows_who_speaks_though_recognisers_write_no_capitals(
        self, embedded: Engines, text: str
    ) -> None:
        translation = embedded.translation.translate(text, "en", "es").value
        assert "i" not in translation.lower().split()

    @pytest.mark.parametrize(
        ("text", "marks"),
        [
            ("hello/world [x] {c} $5 <d> @e ^f \\g", "/[]{}$<>@^\\"),
            ("hello\0bar", ""),
            ("ñandú 50%", "ñ%"),
            ("*#", "*#"),
        ],
    )
    def test_its_own_markup_is_only_text(self, embedded: Engines, text: str, marks: str) -> None:
        translation = embedded.translation.translate(text, "en", "es").value
        assert [mark for mark in marks if mark not in translation] == []
        assert ("hello" in text) == ("hola" in translation.lower())
        assert embedded.translation.translate("hello", "en", "es").value == "hola"

    def test_it_comes_back_when_one_of_its_programs_dies(self, apertium: Apertium) -> None:
        apertium._chain[3].kill()
        assert apertium.translate("hello", "en", "es").value == "hola"

    def test_a_program_that_takes_nothing_costs_the_time_limit(
        self, apertium: Apertium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(translation_apertium, "_TIMEOUT_S", 0.3)
        os.kill(apertium._chain[0].pid, signal.SIGSTOP)
        with pytest.raises(EngineError, match="nothing within"):
            apertium._translate("hello " * 40_000, "en", "es")

    def test_it_leaves_no_process_behind(self, apertium: Apertium) -> None:
        chain = list(apertium._chain)
        apertium.close()
        apertium.close()
        assert all(process.returncode is not None for process in chain)

    def test_compound_numbers_are_hyphenated_and_lists_are_not(self) -> None:
        assert hyphenated("twenty twenty one Thirty two ten one") == (
            "twenty twenty-one Thirty-two ten one"
        )

    @pytest.mark.parametrize(
        ("mode", "pair"),
        [("eng-spa", ("en", "es")), ("spa-eng", ("es", "en")), ("spa-eng_US", ("es", "en"))],
    )
    def test_a_mode_says_what_it_translates(self, mode: str, pair: tuple[str, str]) -> None:
        assert translated_by(mode) == pair

    @pytest.mark.parametrize("mode", ["fra-spa", "eng", "eng-spa-tagger", ""])
    def test_a_mode_between_other_languages_is_refused(self, mode: str) -> None:
        with pytest.raises(EngineLoadError, match="remedy: TRANSLATION_MODEL=eng-spa"):
            translated_by(mode)


class TestEspeak:
    def test_options_in_the_text_are_only_text(self, embedded: Engines) -> None:
        assert not is_silent(embedded.tts.synthesize("-w /dev/null --help", "es").value)

    @pytest.mark.parametrize("voice", ["no-such-voice", "en-us", "en-us+f3"])
    def test_a_voice_that_is_not_spanish_does_not_load(self, voice: str) -> None:
        with pytest.raises(EngineLoadError, match="is no Spanish voice"):
            Espeak(EngineOptions(model=voice))

    @pytest.mark.parametrize("voice", ["es", "es+f3", "es-419+Alex", "es+Mr serious"])
    def test_a_spanish_voice_loads_in_any_variant(self, voice: str) -> None:
        assert Espeak(EngineOptions(model=voice)).model == voice

    @pytest.mark.parametrize("voice", ["es+nonsense", "es+", "es+f3+x", "es+Mr"])
    def test_a_variant_that_there_is_not_does_not_load(self, voice: str) -> None:
        with pytest.raises(EngineLoadError, match="no variant"):
            Espeak(EngineOptions(model=voice))


class Stubborn(Recognizer):
    name: ClassVar[str] = "stubborn"
    languages = frozenset({"en"})

    def __init__(self, *, failures: int, retryable: bool) -> None:
        self.model = "none"
        self.calls = 0
        self._failures = failures
        self._retryable = retryable

    def _recognize(self, samples: Samples, language: str) -> str:
        self.calls += 1
        if self.calls <= self._failures:
            raise EngineError("no", retryable=self._retryable)
        return "yes"


class Broken(Recognizer):
    name: ClassVar[str] = "broken"
    languages = frozenset({"en"})
    model = "none"

    def _recognize(self, samples: Samples, language: str) -> str:
        raise IndexError("index 3 is out of range")


def test_nothing_leaves_an_engine_untyped() -> None:
    with pytest.raises(EngineError, match="broken failed: IndexError: index 3") as caught:
        Broken().recognize(noise(0.1), "en")
    assert not caught.value.retryable


def test_a_sound_without_a_rate_fails_as_the_engine_does() -> None:
    engine = Stubborn(failures=0, retryable=False)
    with pytest.raises(EngineError, match="stubborn failed: ValueError"):
        engine.recognize(Mono(np.ones(100, np.float32), 0), "en")


@pytest.mark.parametrize("sample", [math.nan, math.inf, -math.inf])
def test_samples_that_are_no_numbers_are_silence(sample: float) -> None:
    engine = Stubborn(failures=0, retryable=False)
    sound = Mono(np.full(4_800, sample, np.float32), RATE_HZ)
    assert engine.recognize(sound, "en").value == ""
    assert engine.calls == 0


class TestRetry:
    def test_a_retryable_error_is_retried_once(self) -> None:
        engine = Stubborn(failures=1, retryable=True)
        timed = engine.recognize(noise(0.1), "en")
        assert (timed.value, engine.calls) == ("yes", 2)
        assert timed.elapsed_ms >= 0

    def test_but_not_twice(self) -> None:
        engine = Stubborn(failures=2, retryable=True)
        with pytest.raises(EngineError):
            engine.recognize(noise(0.1), "en")
        assert engine.calls == 2

    def test_a_final_error_is_not_retried(self) -> None:
        engine = Stubborn(failures=1, retryable=False)
        with pytest.raises(EngineError):
            engine.recognize(noise(0.1), "en")
        assert engine.calls == 1
