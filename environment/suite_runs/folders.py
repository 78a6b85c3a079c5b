"""A new folder for each soak and each run in several processes; the oldest go."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

KEPT: Final = 3
"""Ten runs leave some hundred megabytes; the oldest folder goes when there are more than this."""


def new_folder(root: Path, name: str) -> Path:
    """Make ``root``/``name``-<time in UTC>, and remove all but the newest of that name.

    Two that begin in the same second differ by their microseconds.
    """
    now = datetime.now(UTC)
    folder = root / f"{name}-{now:%Y%m%d-%H%M%S}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        folder = root / f"{name}-{now:%Y%m%d-%H%M%S-%f}"
        folder.mkdir()
    for old in sorted(place for place in root.glob(f"{name}-*") if place.is_dir())[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder
