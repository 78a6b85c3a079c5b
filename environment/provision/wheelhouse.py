"""The Python packages of a service as wheels, made inside the image they will be installed in."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import uuid
from collections import deque
from pathlib import Path

import docker
import requests
from docker.errors import APIError
from docker.models.containers import Container
from docker.types import Mount

from environment.console import Progress, Step
from environment.errors import ImageUnavailable
from environment.provision.base_image import BaseImage
from environment.provision.build_context import Source
from environment.provision.locks import SETUP_FOLDER
from environment.provision.pip_config import read_pip_config

TIMEOUT_S = 1800.0
STAMP = ".complete"
LABEL = "dubspec.wheels"

_OUT = "/wheels"
_SCRIPT = (
    "python3 -m venv /pip && "
    f"exec /pip/bin/pip wheel --progress-bar off --wheel-dir {_OUT} -r /requirements.txt"
)
_TAIL_LINES = 12


def ensure_wheelhouse(
    client: docker.DockerClient, base: BaseImage, source: Source, progress: Progress
) -> None:
    """Fill `source.wheelhouse` with wheels that fit `base`; nothing to do when it is current.

    pip runs in a container of the base image, on the host's network and with the host's
    configuration, so that the wheels fit the image whatever Python the host has.

    Raises:
        ImageUnavailable: pip failed; the message carries the last it said.
    """
    requirements = source.requirements
    if requirements is None:
        return
    wanted = hashlib.sha256(f"{base.id}\0".encode() + requirements.read_bytes()).hexdigest()
    stamp = source.wheelhouse / STAMP
    if stamp.is_file() and stamp.read_text().split("\n") == [wanted, *_names(source.wheelhouse)]:
        return
    with progress.step(f"wheels for {source.name}") as step:
        SETUP_FOLDER.mkdir(exist_ok=True)
        filled = Path(tempfile.mkdtemp(prefix="wheels-", dir=SETUP_FOLDER))
        try:
            _fill(client, base, source, requirements.read_bytes(), target=filled, step=step)
            (filled / STAMP).write_text("\n".join([wanted, *_names(filled)]))
            filled.chmod(0o755)
            shutil.rmtree(source.wheelhouse, ignore_errors=True)
            filled.rename(source.wheelhouse)
        finally:
            shutil.rmtree(filled, ignore_errors=True)
        wheels = [w.stat().st_size for w in source.wheelhouse.glob("*.whl")]
        step.note(f"{len(wheels)} wheels, {sum(wheels) / 1e6:.0f} MB")


def abandon_wheelhouses(client: docker.DockerClient) -> None:
    """Remove the containers in which this process makes wheels, so that an interrupt ends soon."""
    for container in client.containers.list(
        all=True, filters={"label": f"{LABEL}={os.getpid()}"}, ignore_removed=True
    ):
        _remove(container)


def _names(folder: Path) -> list[str]:
    return sorted(wheel.name for wheel in folder.glob("*.whl"))


def _fill(
    client: docker.DockerClient,
    base: BaseImage,
    source: Source,
    requirements: bytes,
    *,
    target: Path,
    step: Step,
) -> None:
    config = read_pip_config()
    try:
        container = client.containers.create(
            base.reference,
            ["sh", "-c", _SCRIPT],
            name=f"dubspec-wheels-{source.name}-{uuid.uuid4().hex[:8]}",
            environment=config.environment,
            mounts=[
                Mount(str(folder), str(folder), type="bind", read_only=True)
                for folder in config.folders
            ],
            # The index is seen as the host sees it, a mirror or proxy on its loopback included.
            network_mode="host",
            labels={LABEL: str(os.getpid())},
        )
    except APIError as error:
        raise ImageUnavailable(
            f"The engine makes no container for the wheels of {source.name}: {error.explanation}",
            remedy="where the engine is another machine, pip's local folders must lie there too.",
        ) from error
    try:
        files = {**config.files, "/requirements.txt": requirements, f"{_OUT}/.keep": b""}
        container.put_archive("/", _packed(files))
        container.start()
        tail = _follow(container, step)
        status = int(container.wait(timeout=TIMEOUT_S)["StatusCode"])
        if status != 0:
            raise ImageUnavailable(
                f"pip cannot make the wheels for {source.name}:\n" + "\n".join(tail) + "\n",
                remedy="see that pip works on this machine with the service's requirements.txt "
                "(its configuration is handed in), and run this again.",
            )
        _unpack(container, target)
    except (APIError, requests.RequestException) as error:
        reason = error.explanation if isinstance(error, APIError) else error
        raise ImageUnavailable(
            f"The engine cannot run the container for the wheels of {source.name}: {reason}",
            remedy="see the engine's log, and run this again.",
        ) from error
    finally:
        _remove(container)


def _follow(container: Container, step: Step) -> deque[str]:
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    for chunk in container.logs(stream=True, follow=True):
        for line in chunk.decode(errors="replace").splitlines():
            tail.append(f"  {line}")
            step.detail(line)
    return tail


def _packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size = len(content)
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


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


def _remove(container: Container) -> None:
    """Remove it; one that is being removed already, by an interrupt, is as good as gone."""
    try:
        container.remove(force=True, v=True)
    except APIError as error:
        if error.status_code not in {requests.codes.not_found, requests.codes.conflict}:
            raise
