"""The soak: runs the suite again and again, tells how it goes, and sums it up at any end."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from environment.console import Progress
from environment.errors import SettingsInvalid
from environment.evidence.artifacts import write_json
from environment.evidence.report import shown, spoken_duration
from environment.settings import REPO_ROOT, Settings
from environment.shards.run import as_one, dealt, run_all
from environment.soak import past
from environment.soak.report import SoakReport, render
from environment.suite_runs.attempt import Attempt
from environment.suite_runs.folders import new_folder
from environment.suite_runs.process import BEHAVE, run_once
from environment.suite_runs.selection import with_features

EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130


def soak(
    progress: Progress,
    settings: Settings,
    *,
    runs: int,
    jobs: int = 1,
    go_on: bool = False,
    arguments: Sequence[str] = (),
    program: Sequence[str] = BEHAVE,
) -> int:
    """Run the suite ``runs`` times, one run after the other; print rates and failures (SC-007).

    Evidence of every run stays in soak-<time>/run-<n>/ below the artifacts, the sum in soak.json
    there, after each run. ``jobs`` processes share each run. ``go_on`` counts the runs of the
    newest soak, if it was one of the same suite, and makes what is missing. ``arguments`` are
    behave's; without a feature among them all are run. Returns 0 if every run passed, 1 if one
    failed, 130 if it was interrupted: what was complete is told then as well.

    Raises:
        SettingsInvalid: no run is asked for, or there is no such soak to go on with.
    """
    if runs < 1:
        raise SettingsInvalid(f"{runs} runs show nothing.", remedy="ask for one at least.")
    selected = with_features(arguments)
    identity = past.identity(settings, selected, jobs)
    if go_on:
        folder, attempts = _taken_up(progress, past.newest(settings.artifacts_root, identity))
    else:
        folder, attempts = new_folder(settings.artifacts_root, "soak"), []
    progress.line(f"       behave {' '.join(selected)}, {runs} times; evidence: {folder}")
    run_suite = _runner(progress, settings, arguments, jobs, program)
    try:
        for number in range(len(attempts) + 1, runs + 1):
            run_folder = folder / f"run-{number:02d}"
            # Of one that was cut short: it counts for nothing.
            shutil.rmtree(run_folder, ignore_errors=True)
            attempt = run_suite(number, run_folder, f"run {number} of {runs}")
            attempts.append(attempt)
            _keep(folder, runs, attempts, identity)
            progress.line(f"       {_told(attempt, attempts, runs)}")
            if attempt.interrupted:
                break
    except KeyboardInterrupt:
        progress.line("       interrupted again: nothing more is waited for")
    report = _keep(folder, runs, attempts, identity)
    print(render(report, relative_to=REPO_ROOT), flush=True)
    if report.interrupted:
        return EXIT_INTERRUPTED
    return 0 if report.reliable else EXIT_FAILED


def _runner(
    progress: Progress,
    settings: Settings,
    arguments: Sequence[str],
    jobs: int,
    program: Sequence[str],
) -> Callable[[int, Path, str], Attempt]:
    def in_one(number: int, folder: Path, title: str) -> Attempt:
        with progress.step(title) as step:
            return run_once(number, folder, with_features(arguments), step=step, program=program)

    def side_by_side(number: int, folder: Path, title: str) -> Attempt:
        with progress.step(title):
            shards = dealt(arguments, jobs)
            parts = run_all(progress, settings, folder, shards, program=program)
            return as_one(number, folder, parts)

    return in_one if jobs == 1 else side_by_side


def _taken_up(progress: Progress, before: past.Past) -> tuple[Path, list[Attempt]]:
    progress.line(f"       going on after {len(before.attempts)} runs in {before.folder}")
    return before.folder, list(before.attempts)


def _keep(
    folder: Path, runs: int, attempts: Sequence[Attempt], identity: dict[str, Any]
) -> SoakReport:
    report = SoakReport(runs, tuple(attempts))
    write_json(folder / past.SUM, report.document() | {"identity": identity})
    return report


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
