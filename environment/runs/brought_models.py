"""Models that somebody brings in a folder: the repository's own, and how they get into a volume."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from environment.console import Progress
from environment.errors import HarnessError
from environment.provision.engine import ensure_engine
from environment.provision.errand import Outcome
from environment.provision.workbench import pull_models, to_nobody
from environment.settings import REPO_ROOT, Settings

ARCHIVES: Final = REPO_ROOT / "fixtures" / "models"


_UNPACKER: Final = REPO_ROOT / "services" / "sts-service" / "unpack_models.py"
_UNPACKING_TIMEOUT_S: Final = 60.0


def unpack(name: str, folder: Path, *, archives: Path = ARCHIVES) -> None:
    """Unpack a model of fixtures/models into a folder that everybody may read.

    The program that does it for the image does it here, checksum and all. Raises
    ``HarnessError`` with its reason when the repository has no such model, or another one.
    """
    folder.chmod(0o755)
    ended = subprocess.run(
        [sys.executable, str(_UNPACKER), str(archives), str(folder), name],
        capture_output=True,
        text=True,
        timeout=_UNPACKING_TIMEOUT_S,
        check=False,
    )
    if ended.returncode != 0:
        raise HarnessError(
            f"The model {name} cannot be unpacked: {ended.stderr.strip()}",
            remedy="`git checkout -- fixtures/models`, or `make models`.",
        )


def fill_volume(settings: Settings, folder: Path, progress: Progress) -> Outcome:
    """Do what `make pull-models FROM=<folder>` does with these settings; what it says is kept."""
    with closing(ensure_engine(progress)) as client:
        return pull_models(client, settings, progress, brought=folder, tell=to_nobody)
