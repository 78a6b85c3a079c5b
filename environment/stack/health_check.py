"""The health check of a container's compose file or image, which the engine runs inside of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from environment.waiting import NotYet

_QUOTED_RUNS: Final = 2
_QUOTED_CHARACTERS: Final = 300


def check_passes(name: str, state: Mapping[str, Any]) -> bool:
    """True when the engine has seen the check pass; raises `NotYet` with what it said last.

    `state` is the container's `State`, as `docker inspect` prints it.
    """
    health = state.get("Health")
    if health is None:
        raise NotYet(f"{name} is {state.get('Status')} and has no health check")
    if health["Status"] != "healthy":
        runs = [_told(run) for run in (health.get("Log") or [])[-_QUOTED_RUNS:]]
        raise NotYet(f"{name} is {health['Status']}; {'; '.join(runs) or 'not checked so far'}")
    return True


def _told(run: Mapping[str, Any]) -> str:
    said = " ".join(str(run.get("Output", "")).split())
    return f"a check ended with {run.get('ExitCode')}: {said[-_QUOTED_CHARACTERS:] or '(nothing)'}"
