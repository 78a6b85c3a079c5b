"""The Docker engine: found where one answers, else installed and started where that is possible."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from environment.console import Progress, Step
from environment.errors import EngineUnavailable, ToolUnavailable, WaitTimeout
from environment.provision import debian, dockerd
from environment.provision.locks import exclusive
from environment.waiting import wait_for

DEFAULT_SOCKET = Path("/var/run/docker.sock")
PACKAGES = ("docker.io", "iptables", "ca-certificates", "curl")

_PROBE_TIMEOUT_S = 5
_CALL_TIMEOUT_S = 60
_START_TIMEOUT_S = 60.0
_INSTALL_TIMEOUT_S = 900.0
_LOCK = Path("/run/lock/dubspec-engine.lock")


def ensure_engine(progress: Progress) -> docker.DockerClient:
    """A client of an engine that answers, installing and starting one if it must.

    DOCKER_HOST and the Docker CLI's context are honoured, and an engine that they name is never
    installed over. Safe to be called by two processes at once.

    Raises:
        EngineUnavailable: none answers, and none can be had here; nothing was installed then.
    """
    client = find_engine()
    if client is not None:
        return client
    _refuse_where_none_can_be_started()
    with exclusive(_LOCK, timeout_s=_INSTALL_TIMEOUT_S):
        client = find_engine()
        if client is not None:
            return client
        if dockerd.program("dockerd") is None:
            with progress.step("install the Docker engine") as step:
                _install(step)
        with progress.step("start the Docker engine") as step:
            return _start(step, progress)


def find_engine() -> docker.DockerClient | None:
    """A client of an engine that answers, or None where there is none to ask.

    Raises:
        EngineUnavailable: one is named by DOCKER_HOST and silent, or refuses this user; or this is
            not Linux, where no engine is of use.
    """
    _refuse_without_proc()
    client = _answering(None)
    if client is not None:
        return client
    named = os.environ.get("DOCKER_HOST")
    if named and named != f"unix://{DEFAULT_SOCKET}":
        raise EngineUnavailable(
            f"No Docker engine answers at DOCKER_HOST={named}.",
            remedy="start that engine, or unset DOCKER_HOST.",
        )
    for socket in _other_sockets():
        client = _answering(f"unix://{socket}")
        if client is not None:
            # Child processes (the watchdog, nested runs) must meet the same engine.
            os.environ["DOCKER_HOST"] = f"unix://{socket}"
            return client
    if DEFAULT_SOCKET.exists() and not os.access(DEFAULT_SOCKET, os.R_OK | os.W_OK):
        raise EngineUnavailable(
            f"The Docker engine at {DEFAULT_SOCKET} does not let this user in.",
            remedy="`sudo usermod -aG docker $USER`, log in again, and run this again.",
        )
    return None


def _answering(base_url: str | None) -> docker.DockerClient | None:
    try:
        client = (
            docker.DockerClient(base_url=base_url, timeout=_PROBE_TIMEOUT_S)
            if base_url
            else docker.from_env(timeout=_PROBE_TIMEOUT_S)
        )
    except (DockerException, requests.RequestException, OSError):
        return None
    try:
        client.ping()
    except (DockerException, requests.RequestException, OSError):
        client.close()
        return None
    client.api.timeout = _CALL_TIMEOUT_S
    return client


def _other_sockets() -> list[Path]:
    """Where rootless engines and desktop products listen when no context says so."""
    home = Path.home()
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    places = [
        *([Path(runtime) / "docker.sock"] if runtime else []),
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
    ]
    return [place for place in places if place.is_socket()]


def _refuse_without_proc() -> None:
    if not sys.platform.startswith("linux"):
        raise EngineUnavailable(
            f"The suite needs Linux, and this is {sys.platform}: whose containers are whose, and "
            "who holds a port, it tells by /proc.",
            remedy="run it on a Linux machine, or in a Linux VM that has a Docker engine of its "
            "own (WSL2 is one).",
        )


def _refuse_where_none_can_be_started() -> None:
    if debian.can_install():
        return
    if dockerd.program("dockerd") is not None:
        remedy = "`sudo systemctl start docker`, and run this again."
    elif debian.is_debian_family():
        remedy = "run this as root, which installs one, or `sudo apt-get install docker.io`."
    else:
        remedy = "install and start Docker (https://docs.docker.com/engine/install)."
    raise EngineUnavailable("No Docker engine answers, and none can be started.", remedy=remedy)


def _install(step: Step) -> None:
    # From Debian 13 on the client is a package of its own.
    client = ["docker-cli"] if debian.offers("docker-cli") else []
    try:
        debian.install([*PACKAGES, *client], step)
    except ToolUnavailable as error:
        raise EngineUnavailable(error.message, remedy=error.remedy) from error
    if dockerd.program("dockerd") is None:
        raise EngineUnavailable(
            "docker.io is installed, but dockerd is not on the path.",
            remedy="add /usr/sbin to PATH.",
        )


def _start(step: Step, progress: Progress) -> docker.DockerClient:
    if _is_managed():
        step.note("systemctl start docker")
        _start_by_systemd()
        return _wait_until_it_answers(None)
    daemon = dockerd.start()
    try:
        return _wait_until_it_answers(daemon)
    except EngineUnavailable as error:
        if daemon is None or not daemon.ended_over_its_networks():
            raise
        aside = dockerd.set_networks_aside()
        if aside is None:
            raise EngineUnavailable(
                f"{error.message} It cannot read its networks (moby/moby#45057).",
                remedy="put network/files/local-kv.db in its data-root aside; images, containers "
                "and volumes are not in it.",
            ) from error
    progress.line(
        f"       the engine could not read its networks, and starts anew without them: {aside}"
    )
    progress.line("       networks that were made by hand have to be made anew")
    return _wait_until_it_answers(dockerd.start())


def _wait_until_it_answers(daemon: dockerd.Dockerd | None) -> docker.DockerClient:
    def still_starting() -> None:
        if daemon is not None and daemon.ended() is not None:
            raise EngineUnavailable(
                f"dockerd ended with status {daemon.ended()}: {daemon.complaint()}",
                remedy=f"see {dockerd.LOG}; in a container dockerd needs --privileged.",
            )

    try:
        return wait_for(
            "the Docker engine to answer",
            lambda: _answering(None),
            timeout_s=_START_TIMEOUT_S,
            alive=still_starting,
        )
    except WaitTimeout as error:
        said = "" if daemon is None else f": {daemon.complaint()}"
        raise EngineUnavailable(
            f"dockerd does not answer after {_START_TIMEOUT_S:g} s{said}",
            remedy=f"see {dockerd.LOG}.",
        ) from error


def _is_managed() -> bool:
    return Path("/run/systemd/system").is_dir()


def _start_by_systemd() -> None:
    started = subprocess.run(
        ["systemctl", "start", "docker"],
        capture_output=True,
        text=True,
        timeout=_START_TIMEOUT_S,
        check=False,
    )
    if started.returncode != 0:
        raise EngineUnavailable(
            f"systemd cannot start docker: {started.stderr.strip()}",
            remedy="see `journalctl -u docker -e`.",
        )
