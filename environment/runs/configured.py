"""Another run of the suite with variables of its own: held until it was looked at, then let go."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from docker.errors import NotFound

from environment.runs.nested import NestedRun
from environment.runs.obstacles import fixed_ports, lent_network
from environment.runs.rendezvous import let_go_on
from environment.settings import Settings
from environment.stack.blueprint import (
    API_PORT,
    MEDIA_SERVER,
    MEDIA_SERVICE,
    MEDIA_SERVICE_PORT,
    RTMP_PORT,
    RTSP_PORT,
    STS_PORT,
    STS_SERVICE,
)
from environment.stack.containers import ServiceContainer
from environment.stack.ports import free_ports

FEATURE: Final = "configured.feature"
CLIP: Final = "7s.mp4"
CONFIGURED: Final = "configured"
BUILDS: Final = ("build-one", "build-two")
FREE_PORT: Final = "a free port"

_STARTS_WITHIN_S: Final = 60.0
_ENDS_WITHIN_S: Final = 120.0
# What it says is not the point: the engines that load fastest will do.
_FAST: Final = {"STS_PROFILE": "embedded", "STS_WORKERS": "1"}


@dataclass(frozen=True)
class Configured:
    """A run of ``configured.feature`` with its variables; ``settings`` are this run's own."""

    nested: NestedRun
    variables: Mapping[str, str]
    settings: Settings

    def wait_up(self, containers: int = 3) -> None:
        """Wait until its system is up; it stays so until it is let go."""
        timeout_s = self.settings.timeout(_STARTS_WITHIN_S)
        self.nested.wait_stack(containers, timeout_s=timeout_s)

    def let_go(self) -> None:
        """Let it dub its clip."""
        let_go_on(self.nested.evidence)

    def wait_ended(self) -> int:
        """Wait until it has ended by itself; return its exit status."""
        return self.nested.wait_ended(timeout_s=self.settings.timeout(_ENDS_WITHIN_S))


def configured(
    settings: Settings, log: Path, variables: Mapping[str, str], *, tag: str = CONFIGURED
) -> Configured:
    """Prepare a run with those variables, on ports that nobody uses; start it by entering it.

    Ports that the variables name are taken as they are.
    """
    given = {**_FAST, **fixed_ports(), **variables}
    nested = NestedRun(FEATURE, tag, log, variables=given)
    return Configured(nested, given, settings)


def build(settings: Settings, log: Path, tag: str) -> Configured:
    """Prepare a run as a build server does it: a network name of its own, whatever port is free."""
    nested = NestedRun(FEATURE, tag, log)
    variables = {**_FAST, "E2E_NETWORK_NAME": f"ci-{nested.run_id}", "E2E_DYNAMIC_PORTS": "1"}
    return Configured(NestedRun(FEATURE, tag, log, variables=variables), variables, settings)


def filled_in(rows: Mapping[str, str]) -> dict[str, str]:
    """Return a table's values with a different free port for each that asks for one."""
    asking = [name for name, value in rows.items() if value == FREE_PORT]
    ports = dict(zip(asking, map(str, free_ports(len(asking))), strict=True))
    return {**rows, **ports}


def ports_by_variable(values: Mapping[str, str]) -> dict[tuple[str, int], int]:
    """Which container port, by plain container name, each variable's host port leads to."""
    url = values.get("STS_SERVICE_URL", "")
    inside = {
        "MEDIAMTX_RTMP_PORT": (MEDIA_SERVER, RTMP_PORT),
        "MEDIAMTX_RTSP_PORT": (MEDIA_SERVER, RTSP_PORT),
        "MEDIAMTX_API_PORT": (MEDIA_SERVER, API_PORT),
        "MEDIA_SERVICE_PORT": (MEDIA_SERVICE, MEDIA_SERVICE_PORT),
        "STS_PORT": (STS_SERVICE, urlsplit(url).port or STS_PORT),
    }
    return {inside[name]: int(value) for name, value in values.items() if name in inside}


def write_variables(path: Path, variables: Mapping[str, str]) -> Path:
    """Write a file of variables as a shell, or an ``.env`` file's reader, takes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{name}={shlex.quote(value)}\n" for name, value in variables.items())
    path.write_text("".join(lines))
    return path


@contextmanager
def provided_network(name: str, member: ServiceContainer, alias: str) -> Iterator[str]:
    """A network that is nobody's run's, with one container on it; yields that one's address there.

    There the container answers to ``alias``.
    """
    with lent_network(name) as network:
        network.connect(member.name, aliases=[alias])
        try:
            joined = member.inspect()["NetworkSettings"]["Networks"][name]
            yield str(joined["IPAddress"])
        finally:
            with suppress(NotFound):
                network.disconnect(member.name, force=True)
