"""The soak: runs the suite again and again, tells how it goes, and sums it up at any end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from environment.console import Progress
from environment.errors import SettingsInvalid
from environment.evidence.artifacts import write_json
from environment.evidence.report import shown, spoken_duration
from environment.settings import REPO_ROOT
from environment.soak.report import SoakReport, render
from environment.suite_runs.attempt import Attempt
from environment.suite_runs.folders import new_folder
from environment.suite_runs.process import BEHAVE, run_once
from environment.suite_runs.selection import with_features

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130


def soak(
    progress: Progress,
    root: Path,
    *,
    runs: int,
    arguments: Sequence[str] = (),
    program: Sequence[str] = BEHAVE,
) -> int:
    """Run the suite ``runs`` times, one run after the other; print rates and failures (SC-007).

    Evidence of every run stays in ``root``/soak-<time>/run-<n>/, the sum in soak.json there.
    ``arguments`` are behave's; without a feature among them all are run. Returns 0 if every run
    passed, 1 if one failed, 130 if it was interrupted: what was complete is told then as well.
    """
    if runs < 1:
        raise SettingsInvalid(f"{runs} runs show nothing.", remedy="ask for one at least.")
    selected = with_features(arguments)
    folder = new_folder(root, "soak")
    progress.line(f"       behave {' '.join(selected)}, {runs} times; evidence: {folder}")
    attempts: list[Attempt] = []
    try:
        for number in range(1, runs + 1):
            with progress.step(f"run {number} of {runs}") as step:
                run_folder = folder / f"run-{number:02d}"
                attempt = run_once(number, run_folder, selected, step=step, program=program)
            attempts.append(attempt)
            progress.line(f"       {_told(attempt, attempts, runs)}")
            if attempt.interrupted:
                break
    except KeyboardInterrupt:
        progress.line("       interrupted again: nothing more is waited for")
    report = SoakReport(runs, tuple(attempts))
    write_json(folder / "soak.json", report.document())
    print(render(report, relative_to=REPO_ROOT), flush=True)
    if report.interrupted:
        return EXIT_INTERRUPTED
    return 0 if report.reliable else EXIT_FAILED


def _told(attempt: Attempt, attempts: Sequence[Attempt], runs: int) -> str:
    if attempt.interrupted:
        return "interrupted"
    words = f"{'passed' if attempt.passed else 'FAILED'}: {attempt}"
    if attempt.trouble:
        words += f"; {attempt.trouble} (log: {shown(attempt.log, REPO_ROOT)})"
    if left := runs - len(attempts):
        each_s = sum(one.duration_s for one in attempts) / len(attempts)
        words += f"; about {spoken_duration(left * each_s)} left"
    return words
