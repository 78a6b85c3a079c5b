"""The contract tests of the speech engines, run in the workbench, and what became of them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Final

from environment.console import Progress
from environment.provision.engine import ensure_engine
from environment.provision.tally import Tally, read_results
from environment.provision.workbench import ensure_workbench, run_engine_tests, to_nobody
from environment.settings import REPO_ROOT, Settings

RESULTS: Final = REPO_ROOT / "artifacts" / "results" / "engines"


@dataclass(frozen=True)
class ContractRun:
    """How the tests of one profile's engines ended; ``tail`` is the end of what pytest said."""

    profile: str
    status: int
    tally: Tally
    tail: str


def run_contract(settings: Settings, profile: str, progress: Progress) -> ContractRun:
    """Run every test of tests/engines against a profile's engines; the workbench is built first."""
    results = RESULTS / f"{profile}.xml"
    results.unlink(missing_ok=True)
    with closing(ensure_engine(progress)) as client:
        image = ensure_workbench(client, settings, progress)
        outcome = run_engine_tests(client, image, (), profiles=(profile,), tell=to_nobody)
    return ContractRun(profile, outcome.status, read_results(results), outcome.tail)
