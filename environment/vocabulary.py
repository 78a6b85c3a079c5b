"""The typed face that behave shows to the step modules."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import behave
from behave.runner import scoped_context_layer

from environment.errors import HarnessError, ProjectPortTaken, SamePortTwice
from environment.expectations import StepBroken
from environment.runs.publisher import ClipMissing

if TYPE_CHECKING:
    from behave.model import Scenario

    from environment.session import ScenarioRun, Session

TRACEBACK = "traceback.txt"
"""Where a scenario's evidence has it."""

Step = TypeVar("Step", bound=Callable[..., None])
Asked = ParamSpec("Asked")
Given = TypeVar("Given")


class Context(Protocol):
    """What a step may use of behave's context: session and run, the scenario, its payload."""

    session: Session
    run: ScenarioRun
    scenario: Scenario
    table: Any
    text: str | None


def given(sentence: str) -> Callable[[Step], Step]:
    """Register a step that brings the system into a state, or finds it there."""
    return _registering(behave.given, sentence)


def when(sentence: str) -> Callable[[Step], Step]:
    """Register a step that does something, or waits for something to be done."""
    return _registering(behave.when, sentence)


def then(sentence: str) -> Callable[[Step], Step]:
    """Register a step that proves something."""
    return _registering(behave.then, sentence)


@contextmanager
def told_in_words(run: ScenarioRun) -> Iterator[None]:
    """Turn a harness's error into one that behave prints without its traceback (FR-045).

    That is left with the scenario's evidence. What is no error of the harness's keeps it: nobody
    has foreseen that.
    """
    try:
        yield
    except HarnessError as error:
        run.evidence(TRACEBACK, traceback.format_exc())
        raise StepBroken(error) from error


@contextmanager
def skipped_without_clip(scenario: Scenario) -> Iterator[None]:
    """Skip the scenario, and say why, where the specification wants no failure (edge cases).

    That is where a clip is missing, where two containers were given the same host port, and where
    a compose project cannot have the one it was given.
    """
    try:
        yield
    except ClipMissing as missing:
        scenario.skip(f"FileNotFoundError: {missing}")
    except (SamePortTwice, ProjectPortTaken) as taken:
        scenario.skip(str(taken))


def fixture(
    generator: Callable[Concatenate[Context, Asked], Iterator[Given]],
) -> Callable[Concatenate[Context, Asked], Iterator[Given]]:
    """Mark a generator as a fixture: up to its `yield` the set-up, behind it the teardown."""
    marked = behave.fixture(generator)
    return cast("Callable[Concatenate[Context, Asked], Iterator[Given]]", marked)


def use_fixture(
    generator: Callable[Concatenate[Context, Asked], Iterator[Given]],
    context: Context,
    *arguments: Asked.args,
    **named: Asked.kwargs,
) -> Given:
    """Set a fixture up; behave tears it down with the layer of the context, if need be."""
    return cast("Given", behave.use_fixture(generator, context, *arguments, **named))


def fixture_layer(context: Context) -> AbstractContextManager[object]:
    """A layer of behave's context: leaving it tears down the fixtures that were set up in it.

    Inside a step only: what behave keeps for the scenario is kept in the layer of the scenario.
    """
    return cast("AbstractContextManager[object]", scoped_context_layer(context))


def _registering(register: Callable[[str], Any], sentence: str) -> Callable[[Step], Step]:
    def decorate(step: Step) -> Step:
        @wraps(step)
        def run(context: Context, *arguments: Any, **named: Any) -> None:
            with told_in_words(context.run), skipped_without_clip(context.scenario):
                step(context, *arguments, **named)

        register(sentence)(run)
        return step

    return decorate
