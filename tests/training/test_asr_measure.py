"""How a recogniser's errors are counted."""

from __future__ import annotations

import pytest

from fixtures.training.asr_measure import Heard, word_error_rate, wrong_words


def test_words_wrong_missing_and_added_all_count() -> None:
    heard = [
        Heard("a", "one two three", "one too three"),
        Heard("b", "four five", "four"),
        Heard("c", "six", "six seven"),
        Heard("d", "", "hello world"),
    ]

    assert wrong_words(heard) == 5


def test_the_word_error_rate_is_of_all_words_together() -> None:
    heard = [Heard("a", "one two three", "one two three"), Heard("b", "four", "five")]

    assert word_error_rate(heard) == pytest.approx(25.0)
