"""The typed face that behave shows to the step modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import behave

if TYPE_CHECKING:
    from behave.model import Scenario

    from environment.session import ScenarioRun, Session

Step = TypeVar("Step", bound=Callable[..., None])


class Context(Protocol):
    """What a step may use of behave's context: session and run, the scenario, its payload."""

    session: Session
    run: ScenarioRun
    scenario: Scenario
    table: Any
    text: str | None


def given(sentence: str) -> Callable[[Step], Step]:
    """Register a step that brings the system into a state, or finds it there."""
    return cast("Callable[[Step], Step]", behave.given(sentence))


def when(sentence: str) -> Callable[[Step], Step]:
    """Register a step that does something, or waits for something to be done."""
    return cast("Callable[[Step], Step]", behave.when(sentence))


def then(sentence: str) -> Callable[[Step], Step]:
    """Register a step that proves something."""
    return cast("Callable[[Step], Step]", behave.then(sentence))
