"""What every voice does, whatever it is given."""

import time

import numpy as np
import pytest

from sts_service.audio import Mono, is_silent
from sts_service.engines.registry import Engines
from tests.engines.test_translation import ODD


def said(engines: Engines, text: str, *, speed: float = 1.0) -> Mono:
    sound = engines.tts.synthesize(text, "es", speed=speed).value
    assert sound.rate_hz == engines.tts.rate_hz
    assert sound.samples.dtype == np.float32
    assert np.isfinite(sound.samples).all()
    return sound


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_blank_text_has_no_sound(engines: Engines, blank: str) -> None:
    assert said(engines, blank).samples.size == 0


@pytest.mark.parametrize("text", ["...", "\u2014", "\u00a1!", ","])
def test_nothing_to_say_is_silence(engines: Engines, text: str) -> None:
    assert is_silent(said(engines, text))


@pytest.mark.parametrize("text", ["y", "o", "sí", "uno", "a la una", "hola mundo"])
def test_short_text_is_spoken(engines: Engines, text: str) -> None:
    sound = said(engines, text)
    assert not is_silent(sound)
    assert sound.duration_s < 3


@pytest.mark.parametrize(
    "text", ["HOLA MUNDO", "Hola, mundo.", "\u00a1Hola mundo!", "\u00bfhola mundo?", "hola-mundo"]
)
def test_casing_and_punctuation_do_not_cost_the_words(engines: Engines, text: str) -> None:
    plain = said(engines, "hola mundo").duration_s
    assert 0.6 * plain < said(engines, text).duration_s < 2.5 * plain


@pytest.mark.parametrize("text", ["9", "son las 9", "21", "1.000", "2026", "3,5", "9" * 20])
def test_digits_are_spoken(engines: Engines, text: str) -> None:
    assert not is_silent(said(engines, text))


@pytest.mark.parametrize("text", [*ODD, "kiwi", "zyxomma", "-w /dev/null --help", "<b>hola</b>"])
def test_odd_characters_are_survived(engines: Engines, text: str) -> None:
    said(engines, text)
    assert not is_silent(said(engines, "hola"))


def test_same_text_same_sound(engines: Engines) -> None:
    first = said(engines, "uno dos tres")
    for other in ("siete", "hola mundo " * 5, "*#"):
        said(engines, other)
    for _ in range(2):
        assert np.array_equal(said(engines, "uno dos tres").samples, first.samples)


def test_another_text_is_another_sound(engines: Engines) -> None:
    assert not np.array_equal(said(engines, "tres").samples, said(engines, "seis").samples)


def test_faster_is_shorter(engines: Engines) -> None:
    assert engines.tts.max_speed >= 1.5
    text = "uno dos tres cuatro cinco seis"
    normal = said(engines, text).duration_s
    assert said(engines, text, speed=1.5).duration_s < 0.85 * normal
    assert said(engines, text).duration_s == normal, "the speed is not kept"


def test_there_is_a_limit_to_speed(engines: Engines) -> None:
    text = "uno dos tres"
    fastest = said(engines, text, speed=engines.tts.max_speed)
    assert said(engines, text, speed=50).duration_s == fastest.duration_s


def test_very_long_text_comes_to_an_end(engines: Engines) -> None:
    started_s = time.process_time()
    sound = said(engines, "uno dos tres cuatro cinco seis siete ocho nueve diez " * 10)
    assert time.process_time() - started_s < 60
    assert 15 < sound.duration_s < 150


def test_a_word_without_an_end_comes_to_one(engines: Engines) -> None:
    said(engines, "a" * 250)


def test_the_model_is_named(engines: Engines) -> None:
    assert engines.tts.model
    assert "es" in engines.tts.languages
