"""Models that somebody brings in a folder: the repository's own, and how they get into a volume."""

from __future__ import annotations

import tarfile
from contextlib import closing
from pathlib import Path
from typing import Final

from environment.console import Progress
from environment.errors import HarnessError
from environment.provision.engine import ensure_engine
from environment.provision.errand import Outcome
from environment.provision.workbench import pull_models
from environment.settings import REPO_ROOT, Settings

ARCHIVES: Final = REPO_ROOT / "fixtures" / "models"


def unpack(name: str, folder: Path) -> None:
    """Unpack a model of fixtures/models into a folder that everybody may read.

    Raises ``HarnessError`` when the repository has no such model.
    """
    archive = ARCHIVES / f"{name}.tar.xz"
    if not archive.is_file():
        raise HarnessError(
            f"{archive} is missing.", remedy="`git checkout -- fixtures/models`, or `make models`."
        )
    folder.chmod(0o755)
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")


def fill_volume(settings: Settings, folder: Path, progress: Progress) -> Outcome:
    """Do what `make pull-models FROM=<folder>` does with these settings; what it says is kept."""
    with closing(ensure_engine(progress)) as client:
        return pull_models(client, settings, progress, brought=folder, tell=_to_nobody)


def _to_nobody(_said: bytes) -> None:
    """Its end is in the outcome."""
