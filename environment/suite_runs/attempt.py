"""What became of one run of the suite among many, as its own summary has it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from environment.evidence.artifacts import LATEST

_SUMMARY: Final = "summary.json"


@dataclass(frozen=True)
class Scenario:
    """What became of a scenario in one run, as the run's summary has it."""

    name: str
    feature: str
    location: str
    outcome: str
    reason: str | None
    evidence: str | None


@dataclass(frozen=True)
class Attempt:
    """One run. ``status`` is behave's exit status; None: it was ended because it hung.

    ``folder`` holds its evidence, ``log`` what it printed. ``trouble`` says what failed apart from
    scenarios. An ``interrupted`` run says nothing about the suite, and counts for nothing.
    """

    number: int
    status: int | None
    duration_s: float
    folder: Path
    log: Path
    scenarios: tuple[Scenario, ...]
    trouble: str | None = None
    interrupted: bool = False

    def count(self, outcome: str) -> int:
        """Return how many scenarios had that outcome."""
        return sum(scenario.outcome == outcome for scenario in self.scenarios)

    @property
    def failed(self) -> tuple[Scenario, ...]:
        """The scenarios that failed."""
        return tuple(scenario for scenario in self.scenarios if scenario.outcome == "failed")

    @property
    def passed(self) -> bool:
        """Whether behave says so, and some scenario was really run."""
        return self.status == 0 and not self.failed and not self.trouble

    @property
    def skipped_all(self) -> bool:
        """Whether it came to its end in order, and had nothing to run that was not skipped."""
        outcomes = {scenario.outcome for scenario in self.scenarios}
        return self.status == 0 and bool(outcomes) and outcomes <= {"skipped", "not_selected"}

    def __str__(self) -> str:
        numbers = [f"{self.count(word)} {word}" for word in ("passed", "failed", "skipped")]
        return ", ".join(numbers)


def attempt_of(
    number: int,
    folder: Path,
    log: Path,
    *,
    status: int | None,
    duration_s: float,
    trouble: str | None = None,
    interrupted: bool = False,
) -> Attempt:
    """Read what the run with its evidence below ``folder`` has left, once it has ended."""
    document = _summary(folder)
    scenarios = tuple(_scenario(result) for result in document.get("results", ()))
    return Attempt(
        number=number,
        status=status,
        duration_s=duration_s,
        folder=folder,
        log=log,
        scenarios=scenarios,
        trouble=trouble or _trouble(status, scenarios, document),
        interrupted=interrupted,
    )


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / LATEST / _SUMMARY
    if not path.is_file():
        return {}
    document = json.loads(path.read_text(encoding="utf-8"))
    return document if isinstance(document, dict) else {}


def _scenario(result: dict[str, Any]) -> Scenario:
    return Scenario(
        name=str(result["name"]),
        feature=str(result["feature"]),
        location=str(result["location"]),
        outcome=str(result["outcome"]),
        reason=result.get("reason"),
        evidence=result.get("evidence"),
    )


def _trouble(
    status: int | None, scenarios: tuple[Scenario, ...], document: dict[str, Any]
) -> str | None:
    """Say what went wrong beside the scenarios, so that no run passes for having run nothing."""
    if not document:
        return f"ended with exit status {status} and no summary: it never came to its end"
    if troubles := document.get("troubles"):
        return "; ".join(str(trouble) for trouble in troubles)
    outcomes = {scenario.outcome for scenario in scenarios}
    if status and "failed" not in outcomes:
        return f"ended with exit status {status}, though no scenario failed"
    if not outcomes & {"passed", "failed"}:
        return "ran no scenario"
    return None
