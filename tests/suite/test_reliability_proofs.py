"""SC-007's proof passes on ten runs of ten, and notices what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.reliability_proofs import prove_reliable
from environment.runs.soaked import Soaked

PASSED = {"status": 0, "scenarios": [{"outcome": "passed"}, {"outcome": "not_selected"}]}
FAILED = {"status": 1, "scenarios": [{"outcome": "failed"}]}
EMPTY = {"status": 0, "scenarios": [{"outcome": "not_selected"}]}


def soaked(attempts: list[dict[str, Any]], *, status: int = 0, passed: int | None = None) -> Soaked:
    count = sum(attempt is PASSED for attempt in attempts) if passed is None else passed
    return Soaked(status, "", {"attempts": attempts, "runs": {"passed": count}}, Path("soak.log"))


def test_ten_of_ten() -> None:
    prove_reliable(soaked([PASSED] * 10), 95, 10)


@pytest.mark.parametrize(
    "wrong",
    [
        soaked([PASSED] * 9),
        soaked([*[PASSED] * 9, FAILED]),
        soaked([*[PASSED] * 9, EMPTY]),
        soaked([PASSED] * 10, status=1),
        soaked([PASSED] * 10, passed=9),
        Soaked(0, "", {}, Path("soak.log")),
    ],
)
def test_fewer(wrong: Soaked) -> None:
    with pytest.raises(ExpectationFailed):
        prove_reliable(wrong, 95, 10)
