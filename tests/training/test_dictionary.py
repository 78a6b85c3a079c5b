"""Words for strangers are none of the world's, by spelling or by sound."""

from __future__ import annotations

import numpy as np

from fixtures.training.dictionary import draw_words, stranger_words

LINES = (
    "four F AO R",
    "for F AO R",
    "for(2) F ER",
    "fore F AO R",
    "to(2) T IH",
    "to(3) T AH",
    "two T UW",
    "too T UW",
    "foreman F AO R M AH N",
    "jupiter JH UW P AH T ER",
    "o'clock AH K L AA K",
    "a AH",
    *(f"word{letter} W ER D" for letter in "abcdefghijklmnopqrstuvwxyz"),
)


def test_words_of_the_world_and_their_homophones_are_left_out() -> None:
    both = {*stranger_words(LINES, "train"), *stranger_words(LINES, "held-out")}

    assert {"foreman", "jupiter"} <= both
    assert not both & {"four", "for", "fore", "two", "too", "o'clock", "a"}


def test_no_word_is_on_both_sides() -> None:
    train, held_out = stranger_words(LINES, "train"), stranger_words(LINES, "held-out")

    assert train
    assert held_out
    assert not {*train} & {*held_out}
    assert len(train) > len(held_out)


def test_a_sentence_has_one_to_seven_words() -> None:
    rng = np.random.default_rng(1)

    lengths = {len(draw_words(rng, ("jupiter", "foreman")).split()) for _ in range(200)}

    assert lengths == set(range(1, 8))
