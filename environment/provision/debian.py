"""Installing Debian packages on the host, where the host and the user's rights allow it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from pathlib import Path

from environment.console import Step
from environment.errors import ToolUnavailable
from environment.provision.locks import exclusive

APT_TIMEOUT_S = 900.0
_LOCK = Path("/run/lock/dubspec-apt.lock")


def is_debian_family() -> bool:
    """Whether this is Debian, Ubuntu, or a system that calls itself like one of them."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return False
    names = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    return bool(names & {"debian", "ubuntu"})


def is_root() -> bool:
    """Whether this process may install packages and start system services."""
    return os.geteuid() == 0


def can_install() -> bool:
    """Whether `install` can work here: Debian or Ubuntu, root, apt-get at hand."""
    return is_debian_family() and is_root() and shutil.which("apt-get") is not None


def install(packages: list[str], step: Step) -> None:
    """Install `packages` with apt-get, after fetching the package lists.

    Raises:
        ToolUnavailable: apt-get failed or took too long; the message carries its last error.
    """
    wait_for_dpkg = ["-o", "DPkg::Lock::Timeout=300"]
    with exclusive(_LOCK, timeout_s=APT_TIMEOUT_S):
        step.note("apt-get update")
        update_error = _fetch_lists()
        step.note(f"apt-get install {' '.join(packages)}")
        error = _apt(["install", "-y", "-qq", "--no-install-recommends", *wait_for_dpkg, *packages])
    if error:
        raise ToolUnavailable(
            f"apt-get cannot install {' '.join(packages)}: {error}"
            + (f" (apt-get update: {update_error})" if update_error else "")
            + ".",
            remedy=f"see what `apt-get install {' '.join(packages)}` says, and run this again.",
        )


def offers(package: str) -> bool:
    """Whether this release of the distribution has a package of that name."""
    shown = subprocess.run(
        ["apt-cache", "show", package], capture_output=True, timeout=60, check=False
    )
    return shown.returncode == 0 and bool(shown.stdout.strip())


@cache
def _fetch_lists() -> str | None:
    """Bring the package lists up to date, once a run; what apt-get complained about.

    Lists that are there may do even when a mirror of theirs does not answer today.
    """
    return _apt(["update", "-qq"])


def _apt(arguments: list[str]) -> str | None:
    """Run apt-get; what it complained about, or None when it came off."""
    try:
        done = subprocess.run(
            ["apt-get", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=APT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {APT_TIMEOUT_S:g} s"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("E:")]
    return "; ".join(errors[:2] or lines[-1:]) or f"exit status {done.returncode}"
