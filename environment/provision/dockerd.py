"""The Docker daemon where no service manager starts it: a container, or a bare machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from environment.stack.strays import unmarked

LOG = Path("/var/log/dockerd.log")
NETWORKS = Path("/var/lib/docker/network/files/local-kv.db")
"""Where the engine keeps its networks. It holds no image, container or volume."""

_RUN = Path("/var/run")
_UNREADABLE_NETWORKS = "libnetwork.(*controller).reservePools"


class Dockerd:
    """A daemon that this process started, and what it has logged since."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, logged_before: int) -> None:
        self._process = process
        self._log = log
        self._logged_before = logged_before

    def ended(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._process.poll()

    def complaint(self) -> str:
        """Why it ended or is silent, in its own words: a panic's first line, else the last one."""
        lines = [line.strip() for line in self._said().splitlines() if line.strip()]
        panics = [line for line in lines if line.startswith(("panic:", "fatal error:"))]
        return (panics or lines or ["it left no log"])[-1]

    def ended_over_its_networks(self) -> bool:
        """Whether it ended over a network of which only half was written.

        A daemon that is killed while it makes a network leaves that behind, and then panics at
        each start (moby/moby#45057).
        """
        return self.ended() is not None and _UNREADABLE_NETWORKS in self._said()

    def _said(self) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(self._logged_before)
                return log.read().decode(errors="replace")
        except OSError:
            return ""


def start(log_file: Path = LOG) -> Dockerd | None:
    """Start a daemon, clearing what a killed one left behind; None where one runs already."""
    containerd_pid = _RUN / "docker/containerd/containerd.pid"
    if not _alive(containerd_pid, "containerd"):
        containerd_pid.unlink(missing_ok=True)
    if not os.path.ismount("/sys/fs/cgroup"):
        mount = ["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]
        subprocess.run(mount, check=False, timeout=10)
    daemon_pid = _RUN / "docker.pid"
    if _alive(daemon_pid, "dockerd"):
        return None
    daemon_pid.unlink(missing_ok=True)
    with log_file.open("ab") as log:
        logged_before = log.tell()
        process = subprocess.Popen(
            [program("dockerd") or "dockerd", "--mtu", str(_uplink_mtu())],
            # The engine stays when the run that started it has ended.
            env=unmarked(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return Dockerd(process, log_file, logged_before)


def set_networks_aside(networks: Path = NETWORKS) -> Path | None:
    """Put what the engine knows of its networks under another name beside; None if none is there.

    The engine makes its own networks anew, and a run makes those that it needs.
    """
    if not networks.exists():
        return None
    aside = next(
        place
        for number in range(1, 10_000)
        if not (place := networks.with_name(f"{networks.name}.unreadable-{number}")).exists()
    )
    return networks.rename(aside)


def program(name: str) -> str | None:
    """Where a system program lies; a user's PATH often leaves out the sbin folders."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def _alive(pid_file: Path, name: str) -> bool:
    """Whether the process a pid file names runs; a zombie or a reused number does not count."""
    try:
        process = Path("/proc") / pid_file.read_text().strip()
        return (process / "comm").read_text().strip() == name and not any(
            line.startswith("State:") and "Z" in line.split()
            for line in (process / "status").read_text().splitlines()
        )
    except OSError:
        return False


def _uplink_mtu() -> int:
    """The MTU of the default route's device: bridges wider than it lose large packets."""
    try:
        routes = Path("/proc/net/route").read_text().splitlines()[1:]
        device = next(r.split()[0] for r in routes if r.split()[1] == "00000000")
        return int(Path(f"/sys/class/net/{device}/mtu").read_text())
    except (OSError, StopIteration, ValueError):
        return 1500
