"""One run of the suite among many: a behave process, and what its summary says became of it."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from environment.console import Step
from environment.errors import WaitTimeout
from environment.evidence.artifacts import LATEST, RUN_LOG
from environment.runs.program import Program
from environment.settings import REPO_ROOT
from environment.waiting import wait_for

BEHAVE: Final = (sys.executable, "-m", "behave")
RUN_LIMIT_S: Final = 2 * 3600.0
"""A run that lasts longer hangs; it is ended, and has failed."""
_GRACE_S: Final = 90.0
LOOK_S: Final = 0.5
NOTHING_RAN: Final = "ran no scenario"
_SUMMARY: Final = "summary.json"
_ENDED: Final = " scenario_ended "


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

    def __str__(self) -> str:
        numbers = [f"{self.count(word)} {word}" for word in ("passed", "failed", "skipped")]
        return ", ".join(numbers)


class SuiteRun:
    """A behave process with ``arguments``, its evidence below ``folder``; a context manager.

    Leaving the context ends it in order, as a signal does. ``step`` is told which scenario ended
    last. ``variables`` are added to this process's environment.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        step: Step,
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] = BEHAVE,
    ) -> None:
        self.folder = folder
        self.log = folder / "behave.log"
        self._step = step
        self._ended = 0
        self._began = time.monotonic()
        self._program = Program(
            [*program, *arguments],
            log_file=self.log,
            environment={**os.environ, **(variables or {}), "E2E_ARTIFACTS": str(folder)},
            folder=REPO_ROOT,
            grace_s=_GRACE_S,
        )

    def __enter__(self) -> Self:
        self._program.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._program.end()

    def over(self) -> bool:
        """Whether it has ended; tells the step what ended since the last question."""
        over = self._program.exit_code is not None
        lines = _ended_scenarios(self.folder / LATEST / RUN_LOG)
        if len(lines) > self._ended:
            self._ended = len(lines)
            last = lines[-1].partition(_ENDED)[2]
            self._step.detail(f"{self._ended} scenarios; last: {last}")
        return over

    def ask_to_end(self) -> None:
        """Let it begin to clean up, without waiting for that."""
        self._program.signal(signal.SIGTERM)

    def attempt(
        self, number: int, *, trouble: str | None = None, interrupted: bool = False
    ) -> Attempt:
        """What became of it, once its context was left."""
        cut_short = trouble is not None or interrupted
        status = None if cut_short else self._program.exit_code
        document = _summary(self.folder)
        scenarios = tuple(_scenario(result) for result in document.get("results", ()))
        return Attempt(
            number=number,
            status=status,
            duration_s=time.monotonic() - self._began,
            folder=self.folder,
            log=self.log,
            scenarios=scenarios,
            trouble=trouble or _trouble(status, scenarios, document),
            interrupted=interrupted,
        )


def run_once(
    number: int,
    folder: Path,
    arguments: Sequence[str],
    *,
    step: Step,
    program: Sequence[str] = BEHAVE,
    limit_s: float = RUN_LIMIT_S,
) -> Attempt:
    """Run behave with ``arguments`` to its end; its evidence goes below ``folder``.

    ``step`` is told which scenario ended last. An interruption ends the run in order, as a signal
    does, and gives an attempt that is marked so.
    """
    run = SuiteRun(folder, arguments, step=step, program=program)
    trouble: str | None = None
    interrupted = False
    with run:
        try:
            wait_for("the run to end", run.over, timeout_s=limit_s, interval_s=LOOK_S)
        except WaitTimeout:
            trouble = f"did not end within {limit_s:g} s, and was ended"
        except KeyboardInterrupt:
            interrupted = True
            step.note("interrupted: the run cleans up")
    return run.attempt(number, trouble=trouble, interrupted=interrupted)


def _ended_scenarios(run_log: Path) -> list[str]:
    try:
        text = run_log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    return [line for line in text.splitlines() if _ENDED in line]


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
        return NOTHING_RAN
    return None
