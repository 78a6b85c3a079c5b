"""A behave process that runs the suite or a part of it beside this one."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from environment.console import Step
from environment.errors import WaitTimeout
from environment.evidence.artifacts import LATEST, RUN_LOG
from environment.runs.program import Program, WithProgram
from environment.settings import REPO_ROOT
from environment.suite_runs.attempt import Attempt, attempt_of
from environment.waiting import wait_for

BEHAVE: Final = (sys.executable, "-m", "behave")
RUN_LIMIT_S: Final = 2 * 3600.0
"""A run that lasts longer hangs; it is ended, and has failed."""
LOOK_S: Final = 0.5
"""How often to look whether it has ended."""
_GRACE_S: Final = 90.0
_ENDED: Final = " scenario_ended "


class SuiteProcess(WithProgram):
    """Behave with ``arguments``, its evidence below ``folder``; a context manager.

    Leaving the context ends it in order, as a signal does. ``scenario_ended`` is called with the
    words of run.log about each scenario. ``variables`` are added to this process's environment.
    """

    def __init__(
        self,
        folder: Path,
        arguments: Sequence[str],
        *,
        scenario_ended: Callable[[str], None],
        variables: Mapping[str, str] | None = None,
        program: Sequence[str] = BEHAVE,
    ) -> None:
        self.folder = folder
        self.log = folder / "behave.log"
        self._scenario_ended = scenario_ended
        self._told = 0
        self._began = time.monotonic()
        self._over_at: float | None = None
        self._program = Program(
            [*program, *arguments],
            log_file=self.log,
            environment={**os.environ, **(variables or {}), "E2E_ARTIFACTS": str(folder)},
            folder=REPO_ROOT,
            grace_s=_GRACE_S,
        )

    def over(self) -> bool:
        """Whether it has ended by itself; tells of the scenarios that did since the last time."""
        if self._over_at is None and self._program.exit_code is not None:
            self._over_at = time.monotonic()
        lines = self._ended_scenarios()
        for line in lines[self._told :]:
            self._scenario_ended(line.partition(_ENDED)[2])
        self._told = len(lines)
        return self._over_at is not None

    def ask_to_end(self) -> None:
        """Let it begin to clean up, without waiting for that."""
        self._program.ask_to_end()

    def attempt(
        self, number: int, *, trouble: str | None = None, interrupted: bool = False
    ) -> Attempt:
        """Tell what became of it, once its context was left.

        ``trouble`` and ``interrupted`` are about a process that did not end by itself, and say
        nothing of one that did.
        """
        cut_short = self._over_at is None
        return attempt_of(
            number,
            self.folder,
            self.log,
            status=None if cut_short else self._program.exit_code,
            duration_s=(self._over_at or time.monotonic()) - self._began,
            trouble=trouble if cut_short else None,
            interrupted=interrupted and cut_short,
        )

    def _ended_scenarios(self) -> list[str]:
        run_log = self.folder / LATEST / RUN_LOG
        try:
            text = run_log.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return []
        return [line for line in text.splitlines() if _ENDED in line]


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
    ended: list[str] = []

    def tell(scenario: str) -> None:
        ended.append(scenario)
        step.detail(f"{len(ended)} scenarios; last: {scenario}")

    run = SuiteProcess(folder, arguments, scenario_ended=tell, program=program)
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
