"""What is said in the training data, and what is not."""

from __future__ import annotations

import numpy as np
import pytest

from fixtures.training.grammar import Language, draw_units, join, unit_texts
from fixtures.training.strangers import Split, draw_english, draw_foreign
from fixtures.world import NUMBERS, PHRASES, UNITS

DRAWS = 3000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_every_unit_of_the_world_is_drawn(rng: np.random.Generator) -> None:
    drawn = {unit for _ in range(DRAWS) for unit in draw_units(rng)}

    assert drawn == set(range(len(UNITS)))


def test_no_drawing_is_empty_or_endless(rng: np.random.Generator) -> None:
    assert {len(draw_units(rng)) for _ in range(DRAWS)} == set(range(1, 9))


def test_equal_generators_draw_equally() -> None:
    one, other = (np.random.default_rng(3) for _ in range(2))

    assert [draw_units(one) for _ in range(50)] == [draw_units(other) for _ in range(50)]


@pytest.mark.parametrize(
    ("language", "written"),
    [("en", "twenty one hello world"), ("es", "veintiuno hola mundo")],
)
def test_units_are_written_as_a_recogniser_writes_them(language: Language, written: str) -> None:
    assert join((21, len(NUMBERS)), language) == written


def test_the_texts_are_in_the_order_of_the_units() -> None:
    assert unit_texts("en")[len(NUMBERS) :] == tuple(phrase.english for phrase in PHRASES)


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_strangers_say_nothing_of_the_world(rng: np.random.Generator, split: Split) -> None:
    said = {draw_english(rng, split) for _ in range(DRAWS)}

    assert not said & set(unit_texts("en"))


def test_strangers_held_out_say_other_things(rng: np.random.Generator) -> None:
    trained = {draw_english(rng, "train") for _ in range(DRAWS)}
    held_out = {draw_english(rng, "held-out") for _ in range(DRAWS)}

    assert not trained & held_out


def test_a_recogniser_never_takes_its_own_language_for_a_foreign_one(
    rng: np.random.Generator,
) -> None:
    assert "es" not in {draw_foreign(rng, "train", but="es")[0] for _ in range(DRAWS)}
