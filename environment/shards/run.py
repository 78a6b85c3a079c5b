"""Runs the suite in several behave processes side by side, and says what became of all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from environment.console import Progress
from environment.errors import SettingsInvalid, WaitTimeout
from environment.evidence.report import shown, spoken_duration
from environment.settings import REPO_ROOT, Settings
from environment.shards.plan import every_feature, known_seconds, split
from environment.soak.attempt import (
    BEHAVE,
    LOOK_S,
    NOTHING_RAN,
    RUN_LIMIT_S,
    Attempt,
    SuiteRun,
)
from environment.soak.folders import new_folder
from environment.soak.soak import names_a_feature
from environment.waiting import wait_for

MOST_JOBS: Final = 8
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130


def run_shards(
    progress: Progress,
    settings: Settings,
    *,
    jobs: int,
    arguments: Sequence[str] = (),
    program: Sequence[str] = BEHAVE,
    limit_s: float = RUN_LIMIT_S,
) -> int:
    """Run all features in ``jobs`` processes; 0 if all passed, 1 if not, 130 if interrupted.

    The first process has the system that the settings describe; each other one has a system of
    its own beside it, named by its number, on free ports. ``arguments`` are behave's; where they
    name a feature, one process runs it. What the processes said is printed when all have ended.

    Raises:
        SettingsInvalid: so many processes cannot be had.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise SettingsInvalid(
            f"{jobs} processes cannot run the suite.", remedy=f"ask for 1 to {MOST_JOBS}."
        )
    shards = _dealt(arguments, jobs)
    began = time.monotonic()
    folder = new_folder(settings.artifacts_root, "processes")
    attempts = _run_all(progress, settings, folder, shards, program=program, limit_s=limit_s)
    for attempt in attempts:
        print(f"\n{'=' * 72}\nprocess {attempt.number} of {len(attempts)}:\n")
        print(attempt.log.read_text(encoding="utf-8", errors="replace"))
    print("\n".join(_summary(attempts, time.monotonic() - began)), flush=True)
    if any(attempt.interrupted for attempt in attempts):
        return EXIT_INTERRUPTED
    return 0 if _all_passed(attempts) else EXIT_FAILED


def _dealt(arguments: Sequence[str], jobs: int) -> list[list[str]]:
    """Return behave's arguments for each process."""
    if names_a_feature(arguments):
        return [list(arguments)]
    shards = split(every_feature(), known_seconds(), jobs)
    return [[*arguments, *(f"features/{name}" for name in shard)] for shard in shards]


def _run_all(
    progress: Progress,
    settings: Settings,
    folder: Path,
    shards: Sequence[Sequence[str]],
    *,
    program: Sequence[str],
    limit_s: float,
) -> list[Attempt]:
    trouble: str | None = None
    interrupted = False
    with ExitStack() as everything:
        runs: list[SuiteRun] = []
        for number, arguments in enumerate(shards, start=1):
            count = sum(word.endswith(".feature") for word in arguments)
            title = f"process {number} of {len(shards)}: {count} features"
            run = SuiteRun(
                folder / f"process-{number}",
                arguments,
                step=everything.enter_context(progress.step(title)),
                variables=_apart(settings, number),
                program=program,
            )
            runs.append(everything.enter_context(run))
        try:
            # Each is asked each time: the asking tells the user how far it is.
            wait_for(
                "all processes to end",
                lambda: sum(not run.over() for run in runs) == 0,
                timeout_s=limit_s,
                interval_s=LOOK_S,
            )
        except WaitTimeout:
            trouble = f"did not end within {limit_s:g} s, and was ended"
        except KeyboardInterrupt:
            interrupted = True
            progress.line("       interrupted: all processes clean up")
        for run in runs:
            run.ask_to_end()
    return [
        run.attempt(number, trouble=trouble, interrupted=interrupted)
        for number, run in enumerate(runs, start=1)
    ]


def _apart(settings: Settings, number: int) -> dict[str, str]:
    """What keeps a process's system apart from the first one's."""
    if number == 1:
        return {}
    base = settings.e2e_run_id or "process"
    return {"E2E_RUN_ID": f"{base}-{number}", "E2E_DYNAMIC_PORTS": "1"}


def _all_passed(attempts: Sequence[Attempt]) -> bool:
    """Whether every process passed; one of which nothing was selected does not count."""
    at_work = [attempt for attempt in attempts if not _had_nothing_to_do(attempt)]
    return bool(at_work) and all(attempt.passed for attempt in at_work)


def _had_nothing_to_do(attempt: Attempt) -> bool:
    return attempt.status == 0 and attempt.trouble == NOTHING_RAN


def _summary(attempts: Sequence[Attempt], took_s: float) -> list[str]:
    lines = ["=" * 72]
    for attempt in attempts:
        if attempt.trouble and not _had_nothing_to_do(attempt):
            log = shown(attempt.log, REPO_ROOT)
            lines.append(f"process {attempt.number}: {attempt.trouble} (log: {log})")
        for scenario in attempt.failed:
            evidence = Path(scenario.evidence) if scenario.evidence else attempt.folder
            lines.append(f"failed: {scenario.feature}: {scenario.name} ({scenario.location})")
            lines.append(f"        evidence: {shown(evidence, REPO_ROOT)}{os.sep}")
    counts = ", ".join(
        f"{sum(attempt.count(word) for attempt in attempts)} {word}"
        for word in ("passed", "failed", "skipped")
    )
    return [*lines, f"{counts}; took {spoken_duration(took_s)}", "=" * 72]
