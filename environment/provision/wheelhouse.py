"""The Python packages of an image as wheels, made inside the base they will be installed on."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import tarfile
import tempfile
import uuid
from collections import deque
from pathlib import Path
from typing import Final

import docker
import requests
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.types import Mount

from environment.console import Progress, Step
from environment.errors import ImageUnavailable
from environment.provision.base_image import BaseImage
from environment.provision.build_context import Source
from environment.provision.errand import packed, remove, removed_after
from environment.provision.locks import SETUP_FOLDER
from environment.provision.pins import Pins, read_pins
from environment.provision.pip_config import read_pip_config
from environment.stack.ownership import Owner

TIMEOUT_S: Final = 1800.0
_END_TIMEOUT_S: Final = 60.0
LABEL: Final = "dubspec.wheels"
_RUN: Final = "wheels"

_OUT: Final = "/wheels"
# PEP 517 for all, since old packages without it would need more in the environment of pip.
_PIP: Final = f"/pip/bin/pip wheel --progress-bar off --no-deps --use-pep517 --wheel-dir {_OUT}"
# All pinned packages have wheels for x86-64; a few have to be compiled for others.
_COMPILERS: Final = (
    '[ "$(uname -m)" != x86_64 ] && apt-get update'
    " && apt-get install --yes --no-install-recommends gcc g++ python3-dev"
)
_TAIL_LINES: Final = 12
_DOWNLOAD: Final = re.compile(r"Downloading (\S+/)?(?P<name>[^-\s]+)-\S+ \((?P<mb>[\d.]+) MB\)")
_LARGE_MB: Final = 10.0


def ensure_wheels(
    client: docker.DockerClient, base: BaseImage, source: Source, progress: Progress
) -> tuple[Path, ...]:
    """The wheels that `source` installs, fitting `base`; only those not there yet are made.

    All images share one folder per base, so a wheel is fetched once and kept when another
    requirement changes. pip runs in a container of the base, on the host's network and with the
    host's configuration, so that the wheels fit the image whatever Python the host has.

    Raises:
        ImageUnavailable: pip failed; the message carries the last it said.
    """
    if source.requirements is None:
        return ()
    pins = read_pins(source.root / source.requirements)
    folder = wheels_folder(base)
    folder.mkdir(parents=True, exist_ok=True)
    missing = pins.missing_from(folder.glob("*.whl"))
    if missing:
        with progress.step(f"wheels for {source.name}: {len(missing)} of {len(pins.pins)}") as step:
            _make(client, base, source, Pins(missing, pins.extra_index), folder=folder, step=step)
    return pins.chosen_from(folder.glob("*.whl"))


def wheels_folder(base: BaseImage) -> Path:
    """Where the wheels that fit `base` are kept."""
    return SETUP_FOLDER / "wheels" / hashlib.sha256(base.id.encode()).hexdigest()[:12]


def abandon_wheels(client: docker.DockerClient) -> None:
    """Remove the containers in which this process makes wheels, so that an interrupt ends soon."""
    for container in client.containers.list(
        all=True, filters={"label": f"{LABEL}={os.getpid()}"}, ignore_removed=True
    ):
        remove(container)


def script_for(pins: Pins) -> str:
    """The shell's part: the pins that lie on another index first, since they are the largest.

    That index is asked only when pip finds nothing nearer, and for those alone: where it cannot
    be reached, each question would cost the time of all its retries.
    """
    lines = ["set -e", "python3 -m venv /pip"]
    local = " ".join(shlex.quote(str(pin)) for pin in pins.pins if pin.is_local)
    if local and pins.extra_index is not None:
        other = f"--index-url {shlex.quote(pins.extra_index)}"
        lines.append(f"{_PIP} {local} || {_PIP} {other} {local}")
    elif local:
        lines.append(f"{_PIP} {local}")
    public = " ".join(shlex.quote(str(pin)) for pin in pins.pins if not pin.is_local)
    if public:
        lines.append(f"{_PIP} {public} || {{ {_COMPILERS} && {_PIP} {public}; }}")
    return "\n".join(lines)


def _make(
    client: docker.DockerClient,
    base: BaseImage,
    source: Source,
    missing: Pins,
    *,
    folder: Path,
    step: Step,
) -> None:
    made = Path(tempfile.mkdtemp(prefix="wheels-", dir=SETUP_FOLDER))
    try:
        _run_pip(client, base, source, script_for(missing), target=made, step=step)
        wheels = sorted(made.glob("*.whl"))
        left = missing.missing_from(wheels)
        if left:
            raise ImageUnavailable(
                f"pip made no wheel for {', '.join(map(str, left))}.",
                remedy="write the version in requirements.txt as the package itself does.",
            )
        step.note(
            f"{len(wheels)} wheels, {sum(wheel.stat().st_size for wheel in wheels) / 1e6:.0f} MB"
        )
    finally:
        # What came before a failure is kept too: PyTorch is not fetched twice.
        for wheel in made.glob("*.whl"):
            wheel.replace(folder / wheel.name)
        shutil.rmtree(made, ignore_errors=True)


def _run_pip(
    client: docker.DockerClient,
    base: BaseImage,
    source: Source,
    script: str,
    *,
    target: Path,
    step: Step,
) -> None:
    config = read_pip_config()
    try:
        container = client.containers.create(
            base.reference,
            ["sh", "-c", script],
            name=f"dubspec-wheels-{source.name}-{uuid.uuid4().hex[:8]}",
            environment=config.environment,
            mounts=[
                Mount(str(folder), str(folder), type="bind", read_only=True)
                for folder in config.folders
            ],
            # The index is seen as the host sees it, a mirror or proxy on its loopback included.
            network_mode="host",
            # As an owner's, the next run sweeps it away if this one is killed.
            labels={LABEL: str(os.getpid()), **Owner.current(_RUN).labels()},
        )
    except APIError as error:
        raise ImageUnavailable(
            f"The engine makes no container for the wheels of {source.name}: {error.explanation}",
            remedy="where the engine is another machine, pip's local folders must lie there too.",
        ) from error
    try:
        container.put_archive("/", packed({**config.files, f"{_OUT}/.keep": b""}))
        container.start()
        status, tail = _followed(container, source, step)
        _unpack(container, target)
        if status != 0:
            raise ImageUnavailable(
                f"pip cannot make the wheels for {source.name}:\n" + "\n".join(tail) + "\n",
                remedy=f"see that pip works on this machine with {source.requirements} "
                "(its configuration is handed in), and run this again.",
            )
    except (APIError, requests.RequestException) as error:
        reason = error.explanation if isinstance(error, APIError) else error
        raise ImageUnavailable(
            f"The engine cannot run the container for the wheels of {source.name}: {reason}",
            remedy="see the engine's log, and run this again.",
        ) from error
    finally:
        remove(container)


def _followed(container: Container, source: Source, step: Step) -> tuple[int, deque[str]]:
    """Wait for pip's end; its exit status, and the last it said."""
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with removed_after(container, TIMEOUT_S) as overdue:
        try:
            _follow(container, step, tail)
            if not overdue.is_set():
                return int(container.wait(timeout=_END_TIMEOUT_S)["StatusCode"]), tail
        except (NotFound, requests.RequestException):
            if not overdue.is_set():
                raise
    raise ImageUnavailable(
        f"pip had not made the wheels for {source.name} after {TIMEOUT_S:g} s; it said:\n"
        + "\n".join(tail)
        + "\n",
        remedy="see that this machine reaches its package index quickly, and run this again.",
    )


def _follow(container: Container, step: Step, tail: deque[str]) -> None:
    """Tell what pip says; a download that takes a while is worth a line of its own."""
    for chunk in container.logs(stream=True, follow=True):
        for line in chunk.decode(errors="replace").splitlines():
            tail.append(f"  {line}")
            download = _DOWNLOAD.search(line)
            if download is not None and float(download["mb"]) >= _LARGE_MB:
                step.note(f"download {download['name']}, {download['mb']} MB")
            else:
                step.detail(line)


def _unpack(container: Container, target: Path) -> None:
    """Copy the wheels out of the container; only plain files, only by their last name."""
    chunks, _ = container.get_archive(_OUT)
    with tempfile.TemporaryFile() as received:
        for chunk in chunks:
            received.write(chunk)
        received.seek(0)
        with tarfile.open(fileobj=received) as tar:
            for member in tar:
                name = Path(member.name).name
                content = tar.extractfile(member) if member.isfile() else None
                if content is not None and name.endswith(".whl"):
                    with content, (target / name).open("wb") as wheel:
                        shutil.copyfileobj(content, wheel)
