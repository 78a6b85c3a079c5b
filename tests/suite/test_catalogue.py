"""The catalogue of steps is current, and every step says what it does."""

from environment.catalogue import CATALOGUE, render, sentences


def test_docs_steps_is_current() -> None:
    remedy = "`python -m environment.catalogue` writes it anew"
    assert CATALOGUE.read_text() == render(sentences()), remedy


def test_every_step_has_a_docstring() -> None:
    assert [step.pattern for step in sentences() if not step.meaning] == []


def test_a_step_with_two_keywords_is_listed_once() -> None:
    joins = [step for step in sentences() if step.pattern == "a player joins `{path}`"]
    assert [step.keywords for step in joins] == [("given", "when")]
