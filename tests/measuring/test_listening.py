from __future__ import annotations

import numpy as np
import pytest

from environment.measuring.language import spanish_numbers, spell_spanish
from environment.measuring.listening import Listener, Text
from environment.measuring.media import AudioTrack
from environment.measuring.pronunciation import spanish_phones
from environment.measuring.sound import Samples
from environment.measuring.transcript import counting_words
from tests.measuring.making import RATE_HZ, silence, tone

TEXTS = tuple(
    Text("es", " ".join(spell_spanish(number) for number in range(first, first + 6)))
    for first in (1, 13)
) + tuple(Text("en", " ".join(counting_words(first, first + 5))) for first in (1, 13))


@pytest.fixture(scope="module")
def listener() -> Listener:
    return Listener(TEXTS)


@pytest.mark.parametrize("number", range(2))
def test_spanish_is_understood(listener: Listener, spanish: Samples, number: int) -> None:
    said = spanish[12 * number * RATE_HZ : (12 * number + 6) * RATE_HZ]

    heard = listener.read_along(said, RATE_HZ)

    assert heard.best == number
    assert heard.lead > 0.05


@pytest.mark.parametrize("number", range(2))
def test_english_is_understood(listener: Listener, said: AudioTrack, number: int) -> None:
    heard = listener.read_along(said.cut(12.0 * number, 6), RATE_HZ)

    assert heard.best == 2 + number
    assert heard.lead > 0.5


def noise() -> Samples:
    return np.random.default_rng(1).normal(0, 0.1, 6 * RATE_HZ).astype(np.float32)


@pytest.mark.parametrize("sound", [noise(), tone(6), silence(6)], ids=["noise", "tone", "silence"])
def test_what_is_no_speech_says_nothing(listener: Listener, sound: Samples) -> None:
    heard = listener.read_along(sound, RATE_HZ)

    assert heard.best is None
    assert heard.lead == 0


def test_noise_with_the_rhythm_of_speech_is_not_the_text(
    listener: Listener, spanish: Samples
) -> None:
    said = spanish[: 6 * RATE_HZ]
    loudness = np.sqrt(np.convolve(said**2, np.ones(1200) / 1200, "same"))

    assert listener.read_along((10 * noise() * loudness).astype(np.float32), RATE_HZ).best != 0


def test_speech_backwards_is_not_the_text(listener: Listener, spanish: Samples) -> None:
    assert listener.read_along(spanish[: 6 * RATE_HZ][::-1].copy(), RATE_HZ).best != 0


def test_only_those_asked_for_are_tried(listener: Listener, said: AudioTrack) -> None:
    heard = listener.read_along(said.cut(0, 6), RATE_HZ, only=(0, 2))

    assert heard.best == 2
    assert [score is not None for score in heard.scores].count(True) <= 2


def test_a_text_without_a_known_word_is_never_said(said: AudioTrack) -> None:
    texts = (Text("es", ""), Text("en", "xqzzv"), Text("es", "12"), Text("en", "1 2 3 4 5 6"))

    assert Listener(texts).read_along(said.cut(0, 6), RATE_HZ).best == 3


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("uno", "UW N OW"),
        ("quince", "K IY N S EH"),
        ("ocho", "OW CH OW"),
        ("veintidós", "B EY N T IY D OW S"),
        ("siete", "S Y EH T EH"),
        ("cuatro", "K W AA T R OW"),
        ("Niño", "N IY N Y OW"),
        ("hay", "AA IY"),
        ("guerra", "G EH R AA"),
        ("pingüino", "P IY N G W IY N OW"),
    ],
)
def test_spanish_is_written_in_phones(word: str, phones: str) -> None:
    assert spanish_phones(word)[0] == phones


def test_a_lisp_is_another_way_to_say_it() -> None:
    assert "TH IY N K OW" in spanish_phones("cinco")


def test_what_is_not_spanish_has_no_phones() -> None:
    assert spanish_phones("слово") == ()
    assert spanish_phones("h") == ()


def test_every_number_is_spelled_as_it_is_read() -> None:
    for number in range(101):
        assert spanish_numbers(spell_spanish(number)) == (number,)
