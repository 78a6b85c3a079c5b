"""What a soak has made so far, kept so that it can be gone on with after hours or days."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from environment.errors import SettingsInvalid
from environment.provision.build_context import Source, take_snapshot
from environment.settings import REPO_ROOT, Settings
from environment.stack.compose_variables import MEDIA_FILE, STS_FILE
from environment.suite_runs.attempt import Attempt, Scenario

SUM: Final = "soak.json"
_SUITE: Final = tuple(
    PurePosixPath(name)
    for name in (
        "environment",
        "features",
        "fixtures",
        "services",
        "steps",
        "behave.ini",
        "environment.py",
        "requirements.txt",
        # No image holds these, so that a folder's snapshot leaves them out.
        *(file.relative_to(REPO_ROOT).as_posix() for file in (MEDIA_FILE, STS_FILE)),
    )
)
_OF_THE_HARNESS: Final = "E2E_"


@dataclass(frozen=True)
class Past:
    """An earlier soak: its folder, and the runs in it that came to their own end."""

    folder: Path
    attempts: tuple[Attempt, ...]


def identity(settings: Settings, arguments: Sequence[str], jobs: int) -> dict[str, Any]:
    """What runs have to share to be counted together: what is run, how, and on what system.

    Of the settings those of the product, where they are not the defaults, which are the suite's.
    """
    suite = take_snapshot(Source("suite", PurePosixPath(), _SUITE)).hash("")
    product = {
        variable.name: variable.value
        for variable in settings.variables()
        if variable.value != variable.default and not variable.name.startswith(_OF_THE_HARNESS)
    }
    return {"arguments": list(arguments), "jobs": jobs, "suite": suite, **product}


def newest(root: Path, wanted: dict[str, Any]) -> Past:
    """The newest soak below ``root``.

    Raises:
        SettingsInvalid: there is none, or it was one of something else than ``wanted``.
    """
    sums = sorted(root.glob(f"soak-*/{SUM}"))
    if not sums:
        raise SettingsInvalid("There is no soak to go on with.", remedy="leave out --go-on.")
    document = json.loads(sums[-1].read_text(encoding="utf-8"))
    told = document.get("identity") or {}
    differs = [key for key in {**wanted, **told} if wanted.get(key) != told.get(key)]
    if differs:
        raise SettingsInvalid(
            f"{sums[-1].parent.name} was a soak of something else: {', '.join(differs)} changed.",
            remedy="leave out --go-on: runs of different suites cannot be counted together.",
        )
    attempts = (_attempt(each) for each in document["attempts"])
    return Past(sums[-1].parent, tuple(each for each in attempts if not each.interrupted))


def _attempt(told: dict[str, Any]) -> Attempt:
    return Attempt(
        **told
        | {
            "folder": Path(told["folder"]),
            "log": Path(told["log"]),
            "scenarios": tuple(Scenario(**scenario) for scenario in told["scenarios"]),
        }
    )
