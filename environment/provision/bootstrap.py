"""The virtual environment of this checkout: made once, brought up to date with requirements.txt.

Runs on the host's own Python before anything is installed, hence the standard library only.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MINIMUM = (3, 11)
PIP_TIMEOUT_S = 1800
LOCK_NAME = "venv.lock"


class BootstrapError(Exception):
    """The environment cannot be made; the text says why and what to do."""


def main(root: Path = ROOT) -> int:
    """Make or update `root/.venv`; 2 with one line on stderr when it cannot be done."""
    try:
        ensure_environment(root)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(refusal(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def refusal(error: OSError) -> str:
    """The line for what the machine refused, such as a full disk: the cause, and a remedy.

    One without a number is of our own making, and says both itself.
    """
    said = " ".join(str(error).split())
    if error.errno is None and said:
        return said
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        remedy = "make room on that disk, and run this again."
    elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        remedy = (
            "the checkout with all in it must be yours to write (`sudo chown -R $USER .` in it "
            "makes it so); run this again."
        )
    else:
        remedy = "put that right, and run this again."
    return f"The machine refused: {said or type(error).__name__}. Remedy: {remedy}"


def ensure_environment(root: Path) -> None:
    """Bring `root/.venv` to what requirements.txt says; quick when it is there already.

    Raises:
        BootstrapError: Python is too old, has no venv, or pip failed.
    """
    if sys.version_info < MINIMUM:
        raise BootstrapError(
            f"Python {sys.version.split()[0]} is too old. Remedy: install Python 3.11 or newer."
        )
    (root / ".setup").mkdir(exist_ok=True)
    with (root / ".setup" / LOCK_NAME).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        environment = root / ".venv"
        stamp = environment / ".requirements"
        wanted = _digest(root / "requirements.txt")
        if not _works(environment / "bin" / "python"):
            print(
                f"...    make {environment.name} with Python {sys.version.split()[0]}", flush=True
            )
            _make(environment)
        elif stamp.is_file() and stamp.read_text() == wanted:
            os.utime(stamp)
            return
        print("...    install the Python packages of requirements.txt", flush=True)
        _install(environment, root / "requirements.txt")
        stamp.write_text(wanted)
        print("done   install the Python packages of requirements.txt", flush=True)


def _digest(requirements: Path) -> str:
    return hashlib.sha256(requirements.read_bytes()).hexdigest()


def _works(python: Path) -> bool:
    """Whether an environment is whole: interrupted ones and ones of a removed Python are not."""
    try:
        return _run([str(python), "-c", "import pip"], timeout_s=60) == ""
    except OSError:
        return False


def _make(environment: Path) -> None:
    command = [sys.executable, "-m", "venv", "--clear", str(environment)]
    error = _run(command, timeout_s=300)
    if not error:
        return
    # Debian ships ensurepip apart from Python.
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    if shutil.which("apt-get") and os.geteuid() == 0:
        print(f"...    install {package}", flush=True)
        _run(["apt-get", "update", "-qq"], timeout_s=600)
        error = _run(["apt-get", "install", "-y", "-qq", package], timeout_s=600)
        error = error or _run(command, timeout_s=300)
    if error:
        shutil.rmtree(environment, ignore_errors=True)
        raise BootstrapError(
            f"The virtual environment cannot be made: {error} Remedy: install {package} "
            "(`sudo apt-get install` on Debian and Ubuntu) or another Python."
        )


def _install(environment: Path, requirements: Path) -> None:
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    options = ["--disable-pip-version-check", "--progress-bar", "off"]
    error = _run([*pip, *options, "-r", str(requirements)], timeout_s=PIP_TIMEOUT_S)
    if error:
        raise BootstrapError(
            f"pip cannot install {requirements.name}: {error} "
            "Remedy: see that pip reaches its package index, and run this again."
        )


def _run(command: Sequence[str], *, timeout_s: float) -> str:
    """Run a command; what it said when it failed, else an empty string."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} did not end within {timeout_s:g} s."
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "E:", "Error"))]
    return " ".join((errors or lines)[-3:]) or f"exit status {done.returncode}."


if __name__ == "__main__":
    sys.exit(main())
