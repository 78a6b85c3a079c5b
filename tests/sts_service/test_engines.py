"""The contract of the engines, held against the real ones and against the tests' fakes."""

from typing import ClassVar

import numpy as np
import pytest

from sts_service.audio import Mono, Samples, is_silent, silence
from sts_service.engines.asr_pocketsphinx import Engine as Pocketsphinx
from sts_service.engines.base import EngineError, EngineLoadError, EngineOptions, Recognizer
from sts_service.engines.registry import Engines
from sts_service.engines.translation_apertium import Engine as Apertium
from sts_service.engines.translation_apertium import hyphenated
from sts_service.engines.tts_espeak import Engine as Espeak
from tests.sts_service.sounds import RATE_HZ, noise, spoken


class TestRecognizers:
    @pytest.mark.parametrize("duration_s", [0.0, 0.1, 6.0])
    def test_silence_has_no_words(self, engines: Engines, duration_s: float) -> None:
        quiet = Mono(np.zeros(round(duration_s * RATE_HZ), np.float32), RATE_HZ)
        assert engines.asr.recognize(quiet, "en").value == ""

    @pytest.mark.parametrize("duration_s", [0.001, 0.1, 1.0])
    def test_noise_of_any_length_is_survived(self, engines: Engines, duration_s: float) -> None:
        heard = engines.asr.recognize(noise(duration_s), "en")
        assert heard.value == heard.value.strip()

    def test_a_tenth_of_a_second_of_speech_is_survived(self, engines: Engines) -> None:
        word = spoken("seven")
        engines.asr.recognize(Mono(word.samples[: RATE_HZ // 10], RATE_HZ), "en")

    def test_what_was_heard_before_does_not_matter(self, engines: Engines) -> None:
        word = spoken("seven")
        first = engines.asr.recognize(word, "en").value
        engines.asr.recognize(noise(0.5), "en")
        engines.asr.recognize(silence(RATE_HZ), "en")
        assert engines.asr.recognize(word, "en").value == first

    def test_time_is_told(self, engines: Engines) -> None:
        assert engines.asr.recognize(spoken("seven"), "en").elapsed_ms >= 0

    def test_only_the_model_there_is_loads(self) -> None:
        with pytest.raises(EngineLoadError, match="en-us"):
            Pocketsphinx(EngineOptions(model="de-de"))


class TestTranslators:
    @pytest.mark.parametrize("blank", ["", " ", "\n\t"])
    def test_blank_text_stays_empty(self, engines: Engines, blank: str) -> None:
        assert engines.translation.translate(blank, "en", "es").value == ""

    def test_numbers(self, engines: Engines) -> None:
        said = engines.translation.translate("one two three four five six", "en", "es")
        assert said.value.lower() == "uno dos tres cuatro cinco seis"

    def test_same_text_same_translation(self, engines: Engines) -> None:
        texts = ["one two", "seven", "the weather", "one two"]
        first, *_, last = (engines.translation.translate(text, "en", "es").value for text in texts)
        assert first == last

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("twenty one twenty two", "veintiún veintidós"),
            ("nineteen twenty twenty one", "diecinueve veinte veintiún"),
            ("twenty nine thirty", "veintinueve treinta"),
            ("hello world", "hola mundo"),
        ],
    )
    def test_apertium_translates(self, embedded: Engines, text: str, expected: str) -> None:
        assert embedded.translation.translate(text, "en", "es").value.lower() == expected

    @pytest.mark.parametrize(
        "text", ["a/b [x] {c} $5 <d> @e ^f \\g", "foo\0bar", "ñandú 50%", "*#"]
    )
    def test_apertium_survives_its_own_markup(self, embedded: Engines, text: str) -> None:
        assert embedded.translation.translate(text, "en", "es").value
        assert embedded.translation.translate("hello", "en", "es").value == "hola"

    def test_apertium_comes_back_when_one_of_its_programs_dies(self) -> None:
        engine = Apertium(EngineOptions())
        try:
            engine._chain[3].kill()
            assert engine.translate("hello", "en", "es").value == "hola"
        finally:
            engine.close()

    def test_apertium_leaves_no_process_behind(self) -> None:
        engine = Apertium(EngineOptions())
        chain = list(engine._chain)
        engine.close()
        engine.close()
        assert all(process.returncode is not None for process in chain)

    def test_compound_numbers_are_hyphenated_and_lists_are_not(self) -> None:
        assert hyphenated("twenty twenty one Thirty two ten one") == (
            "twenty twenty-one Thirty-two ten one"
        )


class TestSynthesizers:
    @pytest.mark.parametrize("blank", ["", "  ", "\n"])
    def test_blank_text_has_no_sound(self, engines: Engines, blank: str) -> None:
        spoken_text = engines.tts.synthesize(blank, "es").value
        assert spoken_text.samples.size == 0
        assert spoken_text.rate_hz == engines.tts.rate_hz

    @pytest.mark.parametrize("text", ["...", "—", "¡!"])
    def test_punctuation_alone_is_survived(self, engines: Engines, text: str) -> None:
        assert is_silent(engines.tts.synthesize(text, "es").value)

    def test_same_text_same_sound(self, engines: Engines) -> None:
        first, second = (engines.tts.synthesize("uno dos", "es").value for _ in range(2))
        assert np.array_equal(first.samples, second.samples)
        assert not is_silent(first)

    def test_faster_is_shorter(self, engines: Engines) -> None:
        text = "uno dos tres cuatro"
        normal = engines.tts.synthesize(text, "es").value.duration_s
        fast = engines.tts.synthesize(text, "es", speed=1.6).value.duration_s
        assert fast < 0.8 * normal

    def test_there_is_a_limit_to_speed(self, engines: Engines) -> None:
        text = "uno dos tres"
        fastest = engines.tts.synthesize(text, "es", speed=engines.tts.max_speed).value
        beyond = engines.tts.synthesize(text, "es", speed=50).value
        assert fastest.duration_s == beyond.duration_s

    def test_options_in_the_text_are_only_text(self, embedded: Engines) -> None:
        assert not is_silent(embedded.tts.synthesize("-w /dev/null --help", "es").value)

    @pytest.mark.parametrize("voice", ["no-such-voice", "en-us"])
    def test_a_voice_that_is_not_spanish_does_not_load(self, voice: str) -> None:
        with pytest.raises(EngineLoadError, match=f"{voice} is no Spanish voice"):
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


class TestRetry:
    def test_a_retryable_error_is_retried_once(self) -> None:
        engine = Stubborn(failures=1, retryable=True)
        assert engine.recognize(noise(0.1), "en").value == "yes"

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
