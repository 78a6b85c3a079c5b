"""The synthesis's text: every unit, then texts that Coqui's cleaner leaves as they are."""

import random

from fixtures.training.synthesis_model import LETTERS, PUNCTUATION
from fixtures.training.synthesis_text import (
    LONGEST_TEXT_CHARACTERS,
    invented_word,
    spanish_text,
    utterances,
)
from fixtures.world import UNITS


def test_every_unit_is_said_alone_at_the_usual_pace() -> None:
    said = utterances(1, 0, 170, 340)
    assert {one.text for one in said} == {unit.spanish + end for unit in UNITS for end in ("", ".")}
    assert {one.words_a_minute for one in said} == {170}


def test_some_texts_are_hurried_and_most_are_not() -> None:
    made = utterances(1, 400, 170, 340)[2 * len(UNITS) :]
    hurried = [one for one in made if one.words_a_minute != 170]
    assert 60 < len(hurried) < 180
    assert all(170 < one.words_a_minute <= 340 for one in hurried)


def test_texts_hold_only_letters_that_the_model_knows() -> None:
    rng = random.Random(2)
    for _ in range(500):
        text = spanish_text(rng)
        assert 0 < len(text) <= LONGEST_TEXT_CHARACTERS
        assert set(text) <= set(LETTERS + PUNCTUATION)


def test_invented_words_are_pronounceable() -> None:
    rng = random.Random(3)
    assert all(set(invented_word(rng)) & set("aeiouáéíóú") for _ in range(200))


def test_equal_seeds_say_equal_things() -> None:
    assert utterances(9, 30, 170, 340) == utterances(9, 30, 170, 340)
    assert utterances(9, 30, 170, 340) != utterances(10, 30, 170, 340)
