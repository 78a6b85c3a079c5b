"""The image the services are built on: the official Python one, else Debian put together here."""

from __future__ import annotations

import hashlib
import json
import platform
import shutil
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import docker
import requests
from docker.errors import DockerException

from environment.console import Progress, Step
from environment.errors import ImageUnavailable, ToolUnavailable
from environment.provision import debian
from environment.provision.locks import SETUP_FOLDER, exclusive
from environment.provision.registry import PullFailed, Registry, image_id
from environment.settings import Settings

REPOSITORY = "dubspec/base"
SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates", "netbase")
BUILD_TIMEOUT_S = 900.0

_OPTIONS = (
    "--variant=minbase",
    f"--include={','.join(PACKAGES)}",
    '--aptopt=Apt::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
)
_CHANGES = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    'CMD ["python3"]',
    "LABEL dubspec.image=base",
)


@dataclass(frozen=True)
class BaseImage:
    """The base as the engine knows it; `id` goes into the content hash of what stands on it."""

    reference: str
    id: str


def ensure_base(
    client: docker.DockerClient, settings: Settings, registry: Registry, progress: Progress
) -> BaseImage:
    """The image BASE_IMAGE names where it can be had, else Debian's Python under our own tag.

    One that the user named is never replaced: that would build on what nobody asked for.

    Raises:
        ImageUnavailable: it can neither be pulled nor put together here.
    """
    wanted = settings.base_image
    own = f"{REPOSITORY}:{recipe_hash()}"
    is_replaceable = "base_image" not in settings.model_fields_set
    candidates = (wanted, own) if is_replaceable else (wanted,)
    found = _first_known(client, candidates)
    if found is not None:
        return found
    with exclusive(
        SETUP_FOLDER / "base.lock",
        timeout_s=2 * BUILD_TIMEOUT_S,
        on_wait=lambda: progress.line("...    wait for another run that makes the base image"),
    ):
        found = _first_known(client, candidates)
        if found is not None:
            return found
        reference = wanted
        try:
            registry.pull(wanted, progress, patiently=not (is_replaceable and _can_put_together()))
        except PullFailed as failure:
            if not is_replaceable:
                raise ImageUnavailable(
                    f"BASE_IMAGE={wanted} cannot be pulled: {failure}.",
                    remedy="correct it, or unset it to have Debian's Python put together here.",
                ) from failure
            _put_together(client, own, wanted=wanted, why=str(failure), progress=progress)
            reference = own
    made = _first_known(client, (reference,))
    if made is None:
        raise ImageUnavailable(
            f"The engine does not have {reference}, though it took it a moment ago.",
            remedy="see that nothing else prunes its images, and run this again.",
        )
    return made


def _first_known(client: docker.DockerClient, references: Iterable[str]) -> BaseImage | None:
    for reference in references:
        known = image_id(client, reference)
        if known is not None:
            return BaseImage(reference, known)
    return None


def recipe_hash() -> str:
    """12 hex digits that change with whatever decides what our own base holds."""
    recipe = json.dumps([SUITE, _OPTIONS, _CHANGES, platform.machine()])
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _put_together(
    client: docker.DockerClient, tag: str, *, wanted: str, why: str, progress: Progress
) -> None:
    _ensure_mmdebstrap(wanted, why, progress)
    with (
        progress.step(f"put {tag} together from Debian {SUITE} (about 30 s)") as step,
        tempfile.TemporaryDirectory(prefix="dubspec-base-") as folder,
    ):
        archive = Path(folder) / "base.tar"
        _debootstrap(archive, step)
        step.note(f"import {archive.stat().st_size / 1e6:.0f} MB into the engine")
        try:
            client.api.import_image(
                str(archive), repository=REPOSITORY, tag=tag.rpartition(":")[2], changes=_CHANGES
            )
            client.api.tag(tag, REPOSITORY, "latest")
        except (DockerException, requests.RequestException) as error:
            raise ImageUnavailable(
                f"The engine does not take the base image: {error}",
                remedy="see that it has room (`docker system df`).",
            ) from error


def _can_put_together() -> bool:
    return shutil.which("mmdebstrap") is not None or debian.can_install()


def _ensure_mmdebstrap(wanted: str, why: str, progress: Progress) -> None:
    if shutil.which("mmdebstrap"):
        return
    if not debian.can_install():
        raise ImageUnavailable(
            f"{wanted} cannot be pulled ({why}) and mmdebstrap, which can replace it, is missing.",
            remedy="give the engine a registry, or name an image it has in BASE_IMAGE"
            + (
                ", or `sudo apt-get install mmdebstrap`."
                if debian.is_debian_family()
                else " (Debian bookworm with Python 3.11)."
            ),
        )
    with progress.step("install mmdebstrap") as step:
        try:
            debian.install(["mmdebstrap", "debian-archive-keyring"], step)
        except ToolUnavailable as error:
            raise ImageUnavailable(error.message, remedy=error.remedy) from error


def _debootstrap(archive: Path, step: Step) -> None:
    """Run mmdebstrap with its own default mirror; what it says goes to `step`."""
    command = ["mmdebstrap", *_OPTIONS, SUITE, str(archive)]
    tail: deque[str] = deque(maxlen=5)
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as process:
        overdue = threading.Timer(BUILD_TIMEOUT_S, process.terminate)
        overdue.start()
        try:
            for line in process.stderr or ():
                tail.append(line.strip())
                step.detail(line)
            status = process.wait()
        except BaseException:
            process.terminate()
            raise
        finally:
            overdue.cancel()
    if status != 0:
        raise ImageUnavailable(
            f"mmdebstrap failed with status {status}: {' | '.join(tail)}",
            remedy="see that this machine reaches a Debian mirror (`apt-get update` works), "
            "and run this again.",
        )
