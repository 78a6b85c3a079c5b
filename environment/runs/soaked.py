"""The suite run again and again by `make soak`, as another program beside this run."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from environment.runs.nested import FEATURES, nested_environment, nested_run_id
from environment.runs.program import Program
from environment.settings import REPO_ROOT, Settings
from environment.waiting import wait_for

CONTAINERS: Final = "containers"
"""The tag of what is soaked with the containers of spec 021."""

_FEATURE: Final = FEATURES / "soaked.feature"
_RUN_WITHIN_S: Final = 120.0
_GRACE_S: Final = 120.0
# What is said is not the point: the engines that load fastest will do.
_FAST: Final = {"STS_PROFILE": "embedded", "STS_WORKERS": "1"}


@dataclass(frozen=True)
class Soaked:
    """How a soak ended: its exit status, what it printed last, and its sum, soak.json."""

    status: int
    output: str
    sum: dict[str, Any]
    log_file: Path


def soak(settings: Settings, log: Path, tag: str, count: int) -> Soaked:
    """Run `make soak RUNS=<count>` with the scenario of that tag, to its end.

    Raises ``WaitTimeout`` if it takes longer than two minutes a run, stretched.
    """
    evidence = log.with_suffix("")
    command = (sys.executable, "-m", "environment", "soak", "--runs", str(count))
    with Program(
        [*command, str(_FEATURE.relative_to(REPO_ROOT)), f"--tags=@{tag}"],
        log_file=log,
        environment={**nested_environment(nested_run_id(f"soak-{tag}"), evidence), **_FAST},
        folder=REPO_ROOT,
        grace_s=_GRACE_S,
    ) as program:
        wait_for(
            f"{count} runs to end",
            lambda: program.exit_code is not None,
            timeout_s=settings.timeout(_RUN_WITHIN_S * count),
            interval_s=0.5,
            evidence=lambda: program.log[-3000:],
        )
        status, output = program.exit_code, program.log
    sums = sorted(evidence.glob("soak-*/soak.json"))
    document = json.loads(sums[-1].read_text(encoding="utf-8")) if sums else {}
    return Soaked(-1 if status is None else status, output, document, log)
