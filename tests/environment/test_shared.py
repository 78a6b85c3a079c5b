"""What is made once for all, and what becomes of its failure."""

import pytest

from environment.errors import SamePortTwice
from environment.shared import Shared, SharedFailure


class Maker:
    def __init__(self, *outcomes: str | BaseException) -> None:
        self.outcomes = list(outcomes)

    def __call__(self) -> str:
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


def shared(*outcomes: str | BaseException) -> Shared[str]:
    return Shared("The thing", Maker(*outcomes), lambda: "scenario A")


def test_it_is_made_once() -> None:
    thing = shared("first", "second")
    assert thing.made is None
    assert [thing.get(), thing.get()] == ["first", "first"]


def test_its_failure_is_told_in_full_once() -> None:
    thing = shared(OSError("no room\nlots of detail"), "never")
    with pytest.raises(OSError, match="lots of detail"):
        thing.get()
    with pytest.raises(SharedFailure, match=r"^The thing already failed in scenario A: no room "):
        thing.get()
    assert thing.forget() is None
    assert thing.get() == "never"


def test_a_reason_to_skip_is_told_in_full_each_time() -> None:
    twice = SamePortTwice("8080 twice", port=8080, holder="the other")
    thing = shared(twice, "never")
    for _ in range(2):
        with pytest.raises(SamePortTwice, match="8080 twice"):
            thing.get()
    assert thing.forget() is None
    assert thing.get() == "never"


def test_an_interruption_is_no_failure() -> None:
    thing = shared(KeyboardInterrupt(), "made")
    with pytest.raises(KeyboardInterrupt):
        thing.get()
    assert thing.get() == "made"
    assert thing.forget() == "made"
    assert thing.made is None
