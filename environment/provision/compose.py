"""docker compose on the host: found in either of its generations, else installed."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from environment.console import Progress
from environment.errors import ToolUnavailable
from environment.provision import debian

PACKAGE: Final = "docker-compose"
PLUGIN: Final = ("docker", "compose")
STANDALONE: Final = ("docker-compose",)
_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Compose:
    """A command that takes compose files, such as `docker compose`, and its version."""

    argv: tuple[str, ...]
    version: str

    def __str__(self) -> str:
        return f"{' '.join(self.argv)} {self.version}"


def find_compose(wanted: str = "") -> Compose | None:
    """The plugin of the docker command, else the program docker-compose; None: there is neither.

    `wanted` (E2E_COMPOSE) names one of the two where both are there.
    """
    choices = [tuple(wanted.split())] if wanted else [PLUGIN, STANDALONE]
    for argv in choices:
        version = _version_of(argv)
        if version:
            return Compose(argv, version)
    return None


def ensure_compose(progress: Progress, wanted: str = "") -> Compose:
    """Find compose, installing Debian's package where there is none and that can be done.

    Raises:
        ToolUnavailable: there is none, and none can be installed here.
    """
    found = find_compose(wanted)
    if found is not None:
        return found
    if wanted not in {"", " ".join(STANDALONE)} or not debian.can_install():
        raise ToolUnavailable(
            f"Missing on this machine: {wanted or 'docker compose'}.",
            remedy="install Docker's compose plugin, or the package docker-compose.",
        )
    with progress.step(f"install {PACKAGE}") as step:
        debian.install([PACKAGE], step)
    found = find_compose(wanted)
    if found is None:
        raise ToolUnavailable(
            f"Still missing after installing {PACKAGE}: {' '.join(STANDALONE)}.",
            remedy="see that it is on PATH, and what `docker-compose version` says.",
        )
    return found


def _version_of(argv: tuple[str, ...]) -> str | None:
    if shutil.which(argv[0]) is None:
        return None
    try:
        asked = subprocess.run(
            [*argv, "version", "--short"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    # A docker command without the plugin takes `compose` for a mistake.
    return asked.stdout.strip() or None if asked.returncode == 0 else None
