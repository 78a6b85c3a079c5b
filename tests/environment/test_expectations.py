"""Unmet expectations and other errors, in the words a reader gets."""

import pytest

from environment.errors import HarnessError
from environment.expectations import SEEN_CHARS, ExpectationFailed, expect, explain, fail


def test_what_holds_raises_nothing() -> None:
    expect(True, expected="a", seen="b", hint="c")


def test_what_does_not_hold_is_told_in_order() -> None:
    with pytest.raises(ExpectationFailed) as failed:
        fail(expected="5", seen=4, evidence="run.json", hint="count")
    assert str(failed.value) == "expected: 5\nseen: 4\nevidence: run.json\ntry: count"
    assert explain(failed.value).lines[1] == ("seen", "4")


@pytest.mark.parametrize(
    "error",
    [
        ExpectationFailed("little", "x" * 10_000),
        HarnessError("x" * 10_000),
        ValueError("x" * 10_000),
    ],
)
def test_what_was_seen_is_cut_and_says_so(error: Exception) -> None:
    seen = dict(explain(error).lines)["seen"]
    assert len(seen) < SEEN_CHARS + 60
    assert seen.endswith(" characters)")


def test_an_error_s_notes_are_told() -> None:
    error = HarnessError("It stays down.", remedy="look.")
    error.add_note("its logs lie there")
    assert explain(error).lines == (
        ("seen", "It stays down."),
        ("note", "its logs lie there"),
        ("try", "look."),
    )
