"""The programs the suite runs on the host: found, else installed, else named in one line."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from environment.console import Progress
from environment.errors import ToolUnavailable
from environment.provision import debian


@dataclass(frozen=True)
class Tool:
    """A program on the host, and the package that brings it.

    `data` is a file it is of no use without.
    """

    command: str
    package: str
    data: Path | None = None

    @property
    def is_there(self) -> bool:
        """Whether the program (with its data) can be used."""
        return shutil.which(self.command) is not None and (self.data is None or self.data.exists())


STREAM_TOOLS = (
    Tool("ffmpeg", "ffmpeg"),
    Tool("ffprobe", "ffmpeg"),
)
SPEECH_TOOLS = (
    Tool("flite", "flite"),
    Tool("espeak-ng", "espeak-ng"),
    Tool("apertium", "apertium-eng-spa", data=Path("/usr/share/apertium/modes/eng-spa.mode")),
)


def ensure_host_tools(progress: Progress, tools: Iterable[Tool] = STREAM_TOOLS) -> None:
    """See to it that every one of `tools` is there, installing what is missing where possible.

    Raises:
        ToolUnavailable: some are missing and cannot be installed here; one line names them all.
    """
    missing = [tool for tool in tools if not tool.is_there]
    if not missing:
        return
    commands = ", ".join(tool.command for tool in missing)
    packages = list(dict.fromkeys(tool.package for tool in missing))
    if not debian.can_install():
        raise ToolUnavailable(f"Missing on this machine: {commands}.", remedy=_by_hand(missing))
    with progress.step(f"install {' '.join(packages)}") as step:
        debian.install(packages, step)
    still = [tool.command for tool in missing if not tool.is_there]
    if still:
        raise ToolUnavailable(
            f"Still missing after installing {' '.join(packages)}: {', '.join(still)}.",
            remedy="see that they are on PATH.",
        )


def _by_hand(missing: list[Tool]) -> str:
    packages = list(dict.fromkeys(tool.package for tool in missing))
    if debian.is_debian_family():
        return f"`sudo apt-get install {' '.join(packages)}`, or run this as root."
    return f"install them by this system's own means (on Debian: {' '.join(packages)})."
