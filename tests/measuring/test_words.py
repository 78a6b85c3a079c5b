from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.measuring.language import (
    is_spanish,
    language_of,
    left_untranslated,
    spanish_numbers,
)
from environment.measuring.transcript import (
    Substitution,
    align,
    counting_words,
    normalise,
    number_words,
    word_error_rate,
)
from fixtures.world import UNITS, Phrase

COUNTING = " ".join(counting_words(1, 30))
CONTANDO = (
    "Uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince "
    "dieciséis diecisiete dieciocho diecinueve veinte veintiún veintidós veintitrés "
    "veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve treinta"
)


@pytest.mark.parametrize(
    "heard",
    [
        COUNTING,
        COUNTING.upper(),
        COUNTING.replace("-", " "),
        ", ".join(counting_words(1, 30)) + ".",
        " ".join(str(number) for number in range(1, 31)),
    ],
)
def test_spelling_of_numbers_is_no_error(heard: str) -> None:
    assert word_error_rate(COUNTING, heard) == 0


def test_missing_words_are_named() -> None:
    heard = COUNTING.replace("one two", "two", 1).replace("twenty-three ", "")

    alignment = align(COUNTING, heard)

    assert alignment.missing == ("one", "twenty-three")
    assert not alignment.substituted
    assert not alignment.inserted
    assert alignment.rate == pytest.approx(2 / 30)
    assert "missing: one, twenty-three" in str(alignment)


def test_wrong_and_added_words_are_named() -> None:
    alignment = align("one two three four", "one to three four dog")

    assert alignment.substituted == (Substitution(said="two", heard="to"),)
    assert alignment.inserted == ("dog",)
    assert alignment.rate == pytest.approx(0.5)
    assert str(alignment) == (
        "word error rate 0.500 on 4 words; wrong: to for two; never said: dog"
    )


def test_nothing_heard_is_everything_missing() -> None:
    alignment = align(COUNTING, "")

    assert alignment.rate == 1
    assert alignment.missing == counting_words(1, 30)


def test_no_rate_without_words() -> None:
    with pytest.raises(ValueError, match="at least one"):
        align(" ... ", "one")


def test_tens_and_ones_that_are_not_one_number_stay_apart() -> None:
    assert normalise("twenty thirty one ten twenty eleven") == ("20", "31", "10", "20", "11")
    assert normalise("Don't stop") == ("don't", "stop")
    assert normalise("ninety nine one hundred") == ("99", "100")
    assert normalise("a hundred and one") == ("100", "and", "1")
    assert normalise("hundred two hundred") == ("hundred", "2", "hundred")


@given(st.integers(0, 100))
def test_every_number_is_read_back(number: int) -> None:
    assert normalise(number_words(number)) == normalise(str(number)) == (str(number),)


def test_counting_in_either_language_is_recognised() -> None:
    assert language_of(COUNTING) == "en"
    assert language_of(CONTANDO) == "es"
    assert is_spanish(CONTANDO)
    assert not is_spanish(COUNTING)
    assert spanish_numbers(CONTANDO) == tuple(range(1, 31))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Buenas noches y bienvenidos a las noticias", "es"),
        ("Good evening and welcome to the news", "en"),
        ("siete ocho nueve diez once doce", "es"),
        ("uno two tres four", "unknown"),
        ("eins zwei drei vier", "unknown"),
        ("", "unknown"),
        ("12 13 14", "unknown"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.english)
def test_a_right_translation_leaves_nothing(unit: Phrase) -> None:
    assert left_untranslated(unit.english, unit.spanish) == ()


@pytest.mark.parametrize(
    ("text", "translation", "left"),
    [
        ("I would like a cup of coffee.", "i gustaría una taza de café", ("i",)),
        ("Market, market and workers", "del market con los Workers", ("market", "workers")),
        ("one two three four five six", "um dois três quatro five six", ("five", "six")),
        ("20, 21, 22", "20, 21, 22", ()),
    ],
)
def test_words_that_were_left(text: str, translation: str, left: tuple[str, ...]) -> None:
    assert left_untranslated(text, translation) == left


def test_missing_accents_and_compounds() -> None:
    assert spanish_numbers("veintidos, treinta y uno; noventa y nueve y dos.") == (22, 31, 99, 2)
    assert spanish_numbers("hola mundo") == ()
    assert spanish_numbers("noventa y nueve cien") == (99, 100)
