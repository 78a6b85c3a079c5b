"""Several optimisers that step as one."""

from __future__ import annotations

from typing import Any

import pytest

from fixtures.training.optimizers import Together


class Part:
    """An optimiser that only remembers what it was told."""

    def __init__(self, rate: float) -> None:
        self.param_groups: list[dict[str, Any]] = [{"lr": rate}]
        self.steps = 0
        self.forgotten = 0

    def zero_grad(self) -> None:
        self.forgotten += 1

    def step(self) -> None:
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        return {"steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.steps = state["steps"]


def test_a_rate_that_is_set_reaches_every_part() -> None:
    parts = [Part(0.1), Part(0.2)]
    for group in Together(parts).param_groups:
        group["lr"] = 0.05
    assert [part.param_groups[0]["lr"] for part in parts] == [0.05, 0.05]


def test_all_parts_step_and_forget() -> None:
    parts = [Part(0.1), Part(0.1)]
    together = Together(parts)
    together.zero_grad()
    together.step()
    assert [(part.steps, part.forgotten) for part in parts] == [(1, 1), (1, 1)]


def test_what_is_kept_goes_back_to_the_part_that_it_came_from() -> None:
    kept = Together([_stepped(3), _stepped(5)]).state_dict()
    parts = [Part(0.1), Part(0.1)]
    Together(parts).load_state_dict(kept)
    assert [part.steps for part in parts] == [3, 5]


def test_the_state_of_another_number_of_parts_is_refused() -> None:
    kept = Together([Part(0.1)]).state_dict()
    with pytest.raises(ValueError, match="zip"):
        Together([Part(0.1), Part(0.1)]).load_state_dict(kept)


def _stepped(steps: int) -> Part:
    part = Part(0.1)
    part.steps = steps
    return part
