"""One compose project of this run: its file, its variables, and compose's command on it."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from docker.errors import APIError

from environment.errors import HarnessError
from environment.provision.compose import Compose
from environment.settings import REPO_ROOT
from environment.stack.strays import mark

UP_TIMEOUT_S: Final = 120.0
DOWN_TIMEOUT_S: Final = 60.0
LOGS_TIMEOUT_S: Final = 30.0
_SAID_CHARS: Final = 3000
_REFERENCE: Final = re.compile(r"\$\{([A-Z][A-Z0-9_]*)")


class ComposeFailed(HarnessError):  # noqa: N818 - the family's way of naming
    """A compose command failed; `said` is the end of what it printed."""

    def __init__(self, message: str, *, said: str, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.said = said

    @property
    def refusal(self) -> APIError:
        """The engine's refusal behind it, as its API would have put it."""
        return APIError(self.message, explanation=self.said)


@dataclass(frozen=True)
class Volume:
    """A volume of a project: its name on the engine (None: compose's own), and whose it is.

    What is not `owned` belongs to nobody's run, and stays.
    """

    name: str | None = None
    owned: bool = True


class ComposeProject:
    """A compose file under a project name of this run's own.

    All that the file reads from the environment is in `variables`, which may be changed between
    two commands. What the project makes bears `labels`: they are the whole content of an override
    file in `folder`, so that it can be taken away after any kind of death. Ports, names, images
    and endpoints come from the variables alone.
    """

    def __init__(
        self,
        compose: Compose,
        name: str,
        file: Path,
        *,
        services: tuple[str, ...],
        volumes: Mapping[str, Volume],
        network_variable: str,
        labels: Mapping[str, str],
        variables: Mapping[str, str],
        folder: Path,
    ) -> None:
        self.name = name
        self.file = file
        self.services = services
        self.variables = dict(variables)
        self._compose = compose
        self._volumes = volumes
        self._network_variable = network_variable
        self._labels = dict(labels)
        self._override = folder / f"{name}.override.json"

    @property
    def network(self) -> str:
        """The name of its network on the engine."""
        return self.variables[self._network_variable]

    def up(self) -> None:
        """Create and start what is missing; recreate what its variables have changed.

        Raises `ComposeFailed`. Nothing is built or waited for, but for what one service needs of
        another.
        """
        self._run("up", "-d", "--no-build", timeout_s=UP_TIMEOUT_S)

    def stop(self) -> None:
        """Stop its containers and leave them."""
        self._run("stop", timeout_s=DOWN_TIMEOUT_S)

    def down(self) -> None:
        """Remove its containers, its network, and the volumes that are this run's."""
        owned = all(volume.owned for volume in self._volumes.values())
        arguments = ["--volumes"] if owned else []
        self._run("down", "--remove-orphans", *arguments, timeout_s=DOWN_TIMEOUT_S)

    def logs(self) -> str:
        """What all its containers have logged, as compose prints it (FR-033)."""
        return self._run("logs", "--no-color", "--timestamps", timeout_s=LOGS_TIMEOUT_S)

    def resolved(self, variables: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The file alone as compose reads it for somebody who has set these variables, no others.

        Without the override, and without all that this run tells its projects. Raises
        `ComposeFailed`.
        """
        asked = set(_REFERENCE.findall(self.file.read_text(encoding="utf-8")))
        bare = {name: value for name, value in os.environ.items() if name not in asked}
        told = {**bare, **(variables or {})}
        read = self._called([], ["config"], told, timeout_s=LOGS_TIMEOUT_S, warnings=False)
        document: dict[str, Any] = yaml.safe_load(read)
        return document

    def _run(self, *arguments: str, timeout_s: float) -> str:
        self._override.parent.mkdir(parents=True, exist_ok=True)
        self._override.write_text(json.dumps(self._owned(), indent=2))
        told = {**os.environ, **self.variables}
        return self._called([self._override], [*arguments], told, timeout_s=timeout_s)

    def _called(
        self,
        over: list[Path],
        command: list[str],
        variables: Mapping[str, str],
        *,
        timeout_s: float,
        warnings: bool = True,
    ) -> str:
        argv = [*self._compose.argv, "-p", self.name]
        argv += [word for file in (self.file, *over) for word in ("-f", str(file))]
        argv += command
        try:
            # A session of its own: Ctrl-C is for the suite, which then ends it.
            done = subprocess.run(
                argv,
                cwd=REPO_ROOT,
                env={**variables, **mark()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if warnings else subprocess.PIPE,
                text=True,
                errors="replace",
                timeout=timeout_s,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as late:
            said = _text(late.stdout) + _text(late.stderr)
            raise ComposeFailed(
                f"`{self._compose} {command[0]}` of {self.name} was not done within "
                f"{timeout_s:g} s; it said:\n{said[-_SAID_CHARS:]}",
                said=said,
            ) from late
        if done.returncode:
            said = done.stdout + (done.stderr or "")
            raise ComposeFailed(
                f"`{self._compose} {command[0]}` of {self.name} ended with {done.returncode}; "
                f"it said:\n{said[-_SAID_CHARS:].strip()}\n",
                said=said,
                remedy=f"`{' '.join(argv)}` shows the same.",
            )
        return done.stdout

    def _owned(self) -> dict[str, Any]:
        """The override: the labels. Version 1 takes a network or volume from one file, whole."""
        owned = {
            key: {"labels": self._labels} | ({"name": volume.name} if volume.name else {})
            for key, volume in self._volumes.items()
            if volume.owned
        }
        network = {
            "name": self.network,
            "driver": "bridge",
            "driver_opts": {"com.docker.network.driver.mtu": "1400"},
            "labels": self._labels,
        }
        return {
            "version": "3.8",
            "services": {service: {"labels": self._labels} for service in self.services},
            "networks": {"default": network},
            **({"volumes": owned} if owned else {}),
        }


def _text(said: str | bytes | None) -> str:
    # What a command that was ended had said comes as bytes, whatever was asked for.
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""
