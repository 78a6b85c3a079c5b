"""Runs the suite against sabotaged copies of the product, some of them side by side."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from environment.errors import WaitTimeout
from environment.runs.program import Program
from environment.waiting import wait_for
from tests.mutants.copies import clear_away, copy_of, images_built, our_images
from tests.mutants.mutant import Mutant
from tests.mutants.verdict import Verdict, unmet_and_broken

TIME_LIMIT_S: Final = 600.0
TERM_GRACE_S: Final = 60.0
AT_ONCE: Final = 2
"""Most of a run is waiting for a clip that goes by in real time."""
_LOOK_S: Final = 0.2
_OWN_SETTINGS: Final = ("E2E_NETWORK_NAME", "E2E_RUN_ID", "E2E_DYNAMIC_PORTS")


class Stopped(Exception):  # noqa: N818 - an answer, not an error
    """The trial was called off before it had a verdict."""


@dataclass
class Trials:
    """Tries mutants against copies of ``snapshot``; what they print goes to ``logs``.

    ``sound`` are the images that were there before, by tag.
    """

    snapshot: Path
    logs: Path
    sound: Mapping[str, str] = field(default_factory=our_images)
    _stopped: threading.Event = field(default_factory=threading.Event)
    _clearing: threading.Lock = field(default_factory=threading.Lock)

    def run(
        self, mutants: Sequence[Mutant], *, at_once: int, tell: Callable[[Verdict], None]
    ) -> list[Verdict]:
        """Try them, up to ``at_once`` side by side, those that want to be alone at last.

        ``tell`` hears each verdict when it is there; they are returned in the mutants' order. An
        interruption ends those under way in order, and is raised.
        """
        apart = [mutant for mutant in mutants if mutant.alone]
        together = [mutant for mutant in mutants if not mutant.alone]
        verdicts: dict[str, Verdict] = {}
        for some, workers in ((together, at_once), (apart, 1)):
            with ThreadPoolExecutor(workers) as pool:
                trials = [pool.submit(self.trial, mutant) for mutant in some]
                try:
                    for trial in as_completed(trials):
                        verdict = trial.result()
                        verdicts[verdict.mutant.name] = verdict
                        tell(verdict)
                except BaseException:
                    self._stopped.set()
                    pool.shutdown(wait=True, cancel_futures=True)
                    raise
        return [verdicts[mutant.name] for mutant in mutants]

    def trial(self, mutant: Mutant) -> Verdict:
        """Sabotage a copy, run the selected scenarios, report which turned red."""
        log = self.logs / f"{mutant.name}.log"
        began = time.monotonic()
        with copy_of(self.snapshot) as folder:
            for edit in mutant.edits:
                edit.apply(folder)
            try:
                status, features = self._run_suite(folder, mutant, log)
            finally:
                if mutant.edits:
                    self._clear_away(log)
        unmet, broken = unmet_and_broken(features)
        return Verdict(mutant, unmet, broken, status, time.monotonic() - began, log)

    def _run_suite(
        self, folder: Path, mutant: Mutant, log: Path
    ) -> tuple[int | None, list[dict[str, Any]]]:
        """Run behave in ``folder``; return its exit status and the features of its JSON report."""
        report = folder / "mutant-report.json"
        shutil.rmtree(log.with_suffix(""), ignore_errors=True)
        command = [sys.executable, "-m", "behave", *mutant.behave]
        command += ["-f", "json", "-o", str(report), "-f", "plain"]
        with Program(
            command,
            log_file=log,
            environment=_environment(mutant, log.with_suffix("")),
            folder=folder,
            grace_s=TERM_GRACE_S,
        ) as program:

            def ended() -> bool:
                if self._stopped.is_set():
                    raise Stopped
                return program.exit_code is not None

            try:
                wait_for(f"{mutant.name} to end", ended, timeout_s=TIME_LIMIT_S, interval_s=_LOOK_S)
            except WaitTimeout:
                return None, []
        return program.exit_code, _features_of(report)

    def _clear_away(self, log: Path) -> None:
        printed = log.read_text(errors="replace") if log.exists() else ""
        with self._clearing:
            clear_away(images_built(printed), self.sound)


def _features_of(report: Path) -> list[dict[str, Any]]:
    """Read behave's JSON report; nothing was run where behave broke off before its end."""
    try:
        features: list[dict[str, Any]] = json.loads(report.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    return features


def _environment(mutant: Mutant, evidence: Path) -> dict[str, str]:
    """Return this process's variables with those of a run of its own in their place."""
    own = {
        "E2E_RUN_ID": f"mutant-{mutant.name}",
        "E2E_DYNAMIC_PORTS": "1",
        "E2E_ARTIFACTS": str(evidence),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STS_PROFILE": mutant.profile,
        **dict(mutant.variables),
    }
    return {name: value for name, value in os.environ.items() if name not in _OWN_SETTINGS} | own
