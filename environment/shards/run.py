"""Runs the suite in several behave processes side by side, and says what became of all of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from environment.console import Progress
from environment.errors import SettingsInvalid, WaitTimeout
from environment.evidence.report import shown, spoken_duration
from environment.settings import REPO_ROOT, Settings
from environment.shards.plan import known_seconds, split
from environment.suite_runs.attempt import Attempt
from environment.suite_runs.folders import new_folder
from environment.suite_runs.process import BEHAVE, LOOK_S, RUN_LIMIT_S, SuiteProcess
from environment.suite_runs.selection import names_features, selected_features
from environment.waiting import wait_for

MOST_JOBS: Final = 8
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130
_LONGEST_RUN_ID: Final = 40
_FAILED: Final = " status=failed "


@dataclass(frozen=True)
class Shard:
    """What one process is to run: its number among ``count``, and behave's arguments."""

    number: int
    count: int
    arguments: tuple[str, ...]
    what: str

    def __str__(self) -> str:
        return f"process {self.number} of {self.count}"


def run_shards(
    progress: Progress,
    settings: Settings,
    *,
    jobs: int,
    arguments: Sequence[str] = (),
    program: Sequence[str] = BEHAVE,
    limit_s: float = RUN_LIMIT_S,
) -> int:
    """Run the features in ``jobs`` processes; 0 if all passed, 1 if not, 130 if interrupted.

    The first process has the system that the settings describe; each other one has a system of
    its own beside it, named by its number, on free ports. ``arguments`` are behave's; where they
    name features, one process runs those. What the processes said is printed when all have ended.

    Raises:
        SettingsInvalid: so many processes cannot be had, or the arguments select nothing.
    """
    shards = dealt(arguments, jobs)
    folder = new_folder(settings.artifacts_root, "processes")
    progress.line(f"       evidence: {shown(folder, REPO_ROOT)}{os.sep}")
    began = time.monotonic()
    attempts = run_all(progress, settings, folder, shards, program=program, limit_s=limit_s)
    for attempt in attempts:
        print(f"\n{'=' * 72}\nprocess {attempt.number} of {len(attempts)}:\n")
        print(attempt.log.read_text(encoding="utf-8", errors="replace"))
    print("\n".join(_summary(attempts, time.monotonic() - began)), flush=True)
    if any(attempt.interrupted for attempt in attempts):
        return EXIT_INTERRUPTED
    return 0 if _all_passed(attempts) else EXIT_FAILED


def dealt(arguments: Sequence[str], jobs: int) -> list[Shard]:
    """Deal the features that behave's ``arguments`` select out to ``jobs`` processes, at most.

    Raises:
        SettingsInvalid: so many processes cannot be had, or the arguments select nothing.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise SettingsInvalid(
            f"{jobs} processes cannot run the suite.", remedy=f"ask for 1 to {MOST_JOBS}."
        )
    if names_features(arguments):
        return [Shard(1, 1, tuple(arguments), "the features that were named")]
    dealt = split(selected_features(arguments), known_seconds(), jobs)
    if not dealt:
        raise SettingsInvalid(
            f"No scenario is selected by {' '.join(arguments)}.",
            remedy="see the tags in features/, and behave's --tags and --name.",
        )
    return [
        Shard(
            number,
            len(dealt),
            (*arguments, *(f"features/{name}" for name in names)),
            f"{len(names)} features",
        )
        for number, names in enumerate(dealt, start=1)
    ]


def run_all(
    progress: Progress,
    settings: Settings,
    folder: Path,
    shards: Sequence[Shard],
    *,
    program: Sequence[str] = BEHAVE,
    limit_s: float = RUN_LIMIT_S,
) -> list[Attempt]:
    """Run each shard in a process, with its evidence below ``folder``, until all have ended."""
    runs = {
        shard: SuiteProcess(
            folder / f"process-{shard.number}",
            shard.arguments,
            scenario_ended=_teller(progress, shard),
            variables=_apart(settings, shard.number),
            program=program,
        )
        for shard in shards
    }
    trouble: str | None = None
    interrupted = False
    try:
        with ExitStack() as everything:
            for shard, run in runs.items():
                everything.enter_context(run)
                log = shown(run.log, REPO_ROOT)
                progress.line(f"...    {shard}: {shard.what}; log: {log}")
            try:
                _wait_for_all(progress, runs, limit_s)
            except WaitTimeout:
                trouble = f"did not end within {limit_s:g} s, and was ended"
            except KeyboardInterrupt:
                interrupted = True
                progress.line("       interrupted: all processes clean up")
            # All at once: leaving the context waits for one after the other.
            for run in runs.values():
                run.ask_to_end()
    except KeyboardInterrupt:
        interrupted = True
        progress.line("       interrupted again: nothing more is waited for")
    return [
        run.attempt(shard.number, trouble=trouble, interrupted=interrupted)
        for shard, run in runs.items()
    ]


def as_one(number: int, folder: Path, attempts: Sequence[Attempt]) -> Attempt:
    """Put the processes of one run of the suite together, as if one had run it all."""
    at_work = [attempt for attempt in attempts if not attempt.skipped_all] or list(attempts)
    troubles = [
        f"process {attempt.number}: {attempt.trouble}" for attempt in at_work if attempt.trouble
    ]
    statuses = [attempt.status for attempt in at_work]
    return Attempt(
        number=number,
        status=None if None in statuses else max(filter(None, statuses), default=0),
        duration_s=max(attempt.duration_s for attempt in attempts),
        folder=folder,
        log=folder,
        scenarios=tuple(each for attempt in attempts for each in attempt.scenarios),
        trouble="; ".join(troubles) or None,
        interrupted=any(attempt.interrupted for attempt in attempts),
    )


def _wait_for_all(progress: Progress, runs: dict[Shard, SuiteProcess], limit_s: float) -> None:
    at_work = dict(runs)
    began = time.monotonic()

    def over() -> bool:
        for shard, run in list(at_work.items()):
            if run.over():
                del at_work[shard]
                took = spoken_duration(time.monotonic() - began)
                progress.line(f"       {shard} ended after {took}")
        return not at_work

    wait_for("all processes to end", over, timeout_s=limit_s, interval_s=LOOK_S)


def _teller(progress: Progress, shard: Shard) -> Callable[[str], None]:
    """Tell of each failure at once: what else a process says is printed at its end."""

    def tell(scenario: str) -> None:
        if _FAILED in f"{scenario} ":
            progress.line(f"failed {shard}: {scenario}")

    return tell


def _apart(settings: Settings, number: int) -> dict[str, str]:
    """What keeps a process's system apart from the first one's."""
    if number == 1:
        return {}
    behind = f"-{number}"
    base = settings.e2e_run_id or "process"
    return {
        "E2E_RUN_ID": base[: _LONGEST_RUN_ID - len(behind)] + behind,
        "E2E_NETWORK_NAME": f"{settings.network_name}{behind}",
        "E2E_DYNAMIC_PORTS": "1",
    }


def _all_passed(attempts: Sequence[Attempt]) -> bool:
    """Whether every process passed; one whose scenarios were all skipped does not count."""
    at_work = [attempt for attempt in attempts if not attempt.skipped_all]
    return bool(at_work) and all(attempt.passed for attempt in at_work)


def _summary(attempts: Sequence[Attempt], took_s: float) -> list[str]:
    lines = ["=" * 72]
    for attempt in attempts:
        if attempt.trouble and not attempt.skipped_all:
            log = shown(attempt.log, REPO_ROOT)
            lines.append(f"process {attempt.number}: {attempt.trouble} (log: {log})")
        for scenario in attempt.failed:
            evidence = Path(scenario.evidence) if scenario.evidence else attempt.folder
            lines.append(f"failed: {scenario.feature}: {scenario.name} ({scenario.location})")
            lines.append(f"        evidence: {shown(evidence, REPO_ROOT)}{os.sep}")
    if any(attempt.interrupted for attempt in attempts):
        lines.append("interrupted: what was cut short says nothing of the suite")
    if all(attempt.skipped_all for attempt in attempts):
        lines.append("every scenario was skipped, so nothing is proven")
    counts = ", ".join(
        f"{sum(attempt.count(word) for attempt in attempts)} {word}"
        for word in ("passed", "failed", "skipped")
    )
    return [*lines, f"{counts}; took {spoken_duration(took_s)}", "=" * 72]
