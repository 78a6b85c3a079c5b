"""The translation's text: unambiguous, split for measuring, and the same for the same seed."""

import random

import pytest

from fixtures.training.translation_text import (
    PLAIN,
    Pair,
    Style,
    bare,
    fewest_units,
    is_held_out,
    is_plain,
    known_pair,
    misheard_pair,
    sequence,
    spellings,
    strange_pair,
    training_pair,
    write,
)
from fixtures.world import HELLO_WORLD, NUMBERS, UNITS


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("twenty one", 1),
        ("twenty one more time", 2),
        ("sixty one hundred", 2),
        ("yes no one hundred", 3),
        ("you are welcome to the show", None),
        ("", 0),
    ],
)
def test_text_falls_into_as_few_units_as_it_can(text: str, units: int | None) -> None:
    assert fewest_units(text) == units


def test_tens_before_ones_are_not_plain() -> None:
    assert not is_plain((NUMBERS[20], NUMBERS[1]))
    assert is_plain((NUMBERS[21], NUMBERS[22]))
    assert is_plain((NUMBERS[20], NUMBERS[10]))


def test_written_plainly_both_languages_are_the_units_in_a_row() -> None:
    assert write((HELLO_WORLD, NUMBERS[21]), PLAIN) == Pair(
        "hello world twenty one", "hola mundo veintiuno"
    )


def test_written_as_others_write_both_languages_keep_the_style() -> None:
    style = Style(separator=", ", ending=".", capital=True, hyphens=True)
    assert write((HELLO_WORLD, NUMBERS[21]), style) == Pair(
        "Hello world, twenty-one.", "Hola mundo, veintiuno."
    )


def test_digits_stand_in_the_english_only() -> None:
    style = Style(separator=", ", digits=True)
    assert write((NUMBERS[3], NUMBERS[100]), style) == Pair("3, 100", "tres, cien")


def test_training_text_follows_from_its_seed() -> None:
    one, other = random.Random(4), random.Random(4)
    assert [training_pair(one) for _ in range(50)] == [training_pair(other) for _ in range(50)]


def test_no_pair_is_on_both_sides_of_the_split() -> None:
    rng = random.Random(5)
    learned = {known_pair(rng, held_out=False) for _ in range(500)}
    kept = {known_pair(rng, held_out=True) for _ in range(100)}
    assert not learned & kept


def test_single_units_are_learned() -> None:
    assert not any(is_held_out((unit,)) for unit in UNITS)


def test_plain_text_counts_on_in_compound_numbers() -> None:
    rng = random.Random(6)
    texts = {known_pair(rng, held_out=False, most_units=3).english for _ in range(4000)}
    assert texts & {write(NUMBERS[at : at + 2], PLAIN).english for at in range(21, 99)}


def test_strange_words_are_handed_on() -> None:
    rng = random.Random(7)
    for _ in range(50):
        pair = strange_pair(rng)
        known = {word for unit in UNITS for word in unit.spanish.split()}
        assert all(word in known or word in pair.english for word in pair.spanish.split())


def test_sequences_are_as_long_as_asked() -> None:
    rng = random.Random(8)
    sizes = {len(sequence(rng, 12)) for _ in range(1000)}
    assert sizes == set(range(1, 13))


def test_a_number_is_written_in_words_or_digits() -> None:
    assert spellings("twenty one") == {"twenty one", "21"}
    assert spellings("hello world") == {"hello world"}


def test_bare_text_has_words_alone() -> None:
    assert bare("Hola, mundo. Veinti-uno?") == "hola mundo veinti uno"


def test_a_misheard_phrase_keeps_its_translation() -> None:
    rng = random.Random(9)
    spanish = {unit.spanish for unit in UNITS}
    for _ in range(50):
        pair = misheard_pair(rng)
        assert any(text in pair.spanish for text in spanish)
        assert pair.english
