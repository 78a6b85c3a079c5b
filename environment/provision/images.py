"""The images of the system: there already, else pulled, else built, with what they hold as tag."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Thread
from typing import IO, Any

import docker
import requests
from docker.errors import DockerException

from environment.console import Progress, Step
from environment.errors import ImageUnavailable
from environment.provision.base_image import BaseImage, ensure_base
from environment.provision.build_context import Source, take_snapshot
from environment.provision.locks import SETUP_FOLDER, exclusive
from environment.provision.registry import PullFailed, Registry, image_id
from environment.provision.superseded import remove_superseded
from environment.provision.wheelhouse import abandon_wheels, ensure_wheels
from environment.settings import Settings

CONTRACTS = PurePosixPath("services/contracts")
MODELS = PurePosixPath("fixtures/models")
_MEDIA = PurePosixPath("services/media-service")
_STS = PurePosixPath("services/sts-service")
_STAND_IN = PurePosixPath("services/mediamtx/offline")

MEDIA_PACKAGES = Source(
    "media-service-packages",
    _MEDIA / "packages",
    contents=(_MEDIA / "packages", _MEDIA / "requirements.txt"),
    requirements=_MEDIA / "requirements.txt",
)
MEDIA_SERVICE = Source(
    "media-service",
    _MEDIA,
    contents=(_MEDIA / "Dockerfile", _MEDIA / "media_service", CONTRACTS),
    stands_on=MEDIA_PACKAGES,
)
STS_PACKAGES = Source(
    "sts-service-packages",
    _STS / "packages",
    contents=(_STS / "packages", _STS / "requirements.txt"),
    requirements=_STS / "requirements.txt",
)
STS_SERVICE = Source(
    "sts-service",
    _STS,
    contents=(
        _STS / "Dockerfile",
        _STS / "unpack_models.py",
        _STS / "sts_service",
        CONTRACTS,
        MODELS,
    ),
    stands_on=STS_PACKAGES,
)
MEDIA_SERVER_STAND_IN = Source(
    "mediamtx-offline",
    _STAND_IN,
    contents=(_STAND_IN, CONTRACTS),
    requirements=_STAND_IN / "requirements.txt",
)
_TRAINING = PurePosixPath("fixtures/training")
WORKBENCH = Source(
    "workbench",
    _TRAINING,
    contents=(_TRAINING / "Dockerfile", _TRAINING / "requirements.txt"),
    requirements=_TRAINING / "requirements.txt",
    stands_on=STS_PACKAGES,
)
_PLAYERS = PurePosixPath("environment/players")
PLAYERS = Source("players", _PLAYERS, contents=(_PLAYERS / "Dockerfile",))

LABEL = "dubspec.image"
STAGE_LABEL = "dubspec.stage"

_BUILDING_TIMEOUT_S = 3600.0
_SILENT_STEP_S = 900
_TAIL_LINES = 15
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class ImageSet:
    """The image each container is made of; references the engine knows."""

    media_server: str
    media_service: str
    sts_service: str
    media_server_is_stand_in: bool
    base: str


def ensure_images(client: docker.DockerClient, settings: Settings, progress: Progress) -> ImageSet:
    """Everything the system's containers are made of; a second call only looks.

    A local image is used where there is one, a pulled one next, a built one last. Tags are the
    content that went in, so an image is current exactly when its tag is there.

    Raises:
        ImageUnavailable: one can neither be pulled nor built; the message says why.
    """
    registry = Registry(client)
    base = ensure_base(client, settings, registry, progress)
    try:
        media_server, media_service, sts_service = _side_by_side(
            lambda: _ensure_media_server(client, settings, base, registry, progress),
            lambda: ensure_built(client, MEDIA_SERVICE, base, progress),
            lambda: ensure_built(client, STS_SERVICE, base, progress),
        )
    except BaseException:
        abandon_wheels(client)
        raise
    return ImageSet(
        media_server=media_server,
        media_service=media_service,
        sts_service=sts_service,
        media_server_is_stand_in=is_stand_in(media_server),
        base=base.reference,
    )


def ensure_built(
    client: docker.DockerClient, source: Source, base: BaseImage, progress: Progress
) -> str:
    """The image of `source` with its content as tag, built if it is not there.

    `base` is at the bottom of it, and its Python decides which wheels fit.

    Raises:
        ImageUnavailable: it cannot be built; the message carries the end of the build's output.
    """
    if not (source.root / source.dockerfile).is_file():
        raise ImageUnavailable(
            f"{source.repository} cannot be built: {source.dockerfile} is not there.",
            remedy="restore it (`git status` shows what is missing).",
        )
    under = base
    if source.stands_on is not None:
        below = ensure_built(client, source.stands_on, base, progress)
        under = BaseImage(below, below)
    snapshot = take_snapshot(source)
    tag = f"{source.repository}:{snapshot.hash(under.id)}"
    if image_id(client, tag) is not None:
        # By its tag's age other checkouts' builds know that it is in use.
        client.api.tag(tag, source.repository, "latest")
        return tag
    with exclusive(
        SETUP_FOLDER / f"{source.name}.lock",
        timeout_s=_BUILDING_TIMEOUT_S,
        on_wait=lambda: progress.line(f"...    wait for another run that builds {source.name}"),
    ):
        if image_id(client, tag) is None:
            wheels = ensure_wheels(client, base, source, progress)
            with progress.step(f"build {tag}") as step, snapshot.archive(wheels) as context:
                _build(client, source, context, under, tag=tag, step=step)
            client.api.tag(tag, source.repository, "latest")
            for old in remove_superseded(client, source.repository):
                progress.line(f"       superseded: {old}")
    return tag


def is_stand_in(media_server_image: str) -> bool:
    """Whether this image is the stand-in, and so has to be named as one in every report."""
    return media_server_image.partition(":")[0] == MEDIA_SERVER_STAND_IN.repository


def _ensure_media_server(
    client: docker.DockerClient,
    settings: Settings,
    base: BaseImage,
    registry: Registry,
    progress: Progress,
) -> str:
    wanted = settings.mediamtx_image
    if is_stand_in(wanted):
        return ensure_built(client, MEDIA_SERVER_STAND_IN, base, progress)
    if image_id(client, wanted) is not None:
        return wanted
    is_named = "mediamtx_image" in settings.model_fields_set
    try:
        registry.pull(wanted, progress, patiently=is_named)
    except PullFailed as failure:
        if is_named:
            raise ImageUnavailable(
                f"MEDIAMTX_IMAGE={wanted} cannot be pulled: {failure}.",
                remedy=f"correct it, or set it to {MEDIA_SERVER_STAND_IN.repository} for the "
                "stand-in.",
            ) from failure
        stand_in = ensure_built(client, MEDIA_SERVER_STAND_IN, base, progress)
        progress.line(f"       in place of {wanted} its stand-in is used: {stand_in}")
        return stand_in
    return wanted


def _build(
    client: docker.DockerClient,
    source: Source,
    context: IO[bytes],
    base: BaseImage,
    *,
    tag: str,
    step: Step,
) -> None:
    # This checkout's own, whose lock is held: no other build is robbed of its stages.
    stage = f"{source.name}-{hashlib.sha256(str(SETUP_FOLDER).encode()).hexdigest()[:8]}"
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    try:
        events = client.api.build(
            fileobj=context,
            custom_context=True,
            dockerfile=str(source.dockerfile),
            tag=tag,
            buildargs={"BASE_IMAGE": base.reference, "STAGE": stage, **_proxies()},
            labels={LABEL: source.name},
            # What the host reaches the build reaches, by a proxy on its loopback too.
            network_mode="host",
            rm=True,
            forcerm=True,
            decode=True,
            timeout=_SILENT_STEP_S,
        )
        for event in events:
            _follow(event, tail, step)
    except (DockerException, requests.RequestException, BuildStopped) as error:
        raise ImageUnavailable(
            f"{tag} cannot be built: {error}\n" + "\n".join(f"  {line}" for line in tail) + "\n",
            remedy=f"correct {source.dockerfile} or what it installs; where a download failed, "
            "run this again.",
        ) from error
    _forget_stages(client, stage, step)


def _forget_stages(client: docker.DockerClient, stage: str, step: Step) -> None:
    """Remove the stages before the last, which the classic builder keeps with all they left out.

    The image stands already, so a busy engine is no failure: the next build tries again.
    """
    try:
        client.images.prune(filters={"dangling": True, "label": [f"{STAGE_LABEL}={stage}"]})
    except (DockerException, requests.RequestException) as error:
        step.note(f"its first stage stays for now: {error}")


class BuildStopped(Exception):  # noqa: N818 - the engine's word, wrapped where it is met
    """The engine ended a build; the text is its reason."""


def _follow(event: Mapping[str, Any], tail: deque[str], step: Step) -> None:
    if "error" in event:
        raise BuildStopped(str(event["error"]).strip())
    for line in str(event.get("stream", "")).splitlines():
        if not line.strip():
            continue
        tail.append(line.rstrip())
        takes_time = line.startswith("Step ") and " : RUN " in line
        (step.note if takes_time else step.detail)(line)


def _proxies() -> dict[str, str]:
    return {name: os.environ[name] for name in _PROXIES if os.environ.get(name)}


def _side_by_side(*jobs: Callable[[], str]) -> list[str]:
    """Run `jobs` in threads of their own; their results in order, or the first failure at once.

    The threads are daemons: an interrupt must not wait for a build, which the engine drops when
    its client is gone.
    """
    futures = [Future[str]() for _ in jobs]
    for job, future in zip(jobs, futures, strict=True):
        Thread(target=_fulfil, args=(future, job), daemon=True).start()
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()
    return [future.result() for future in futures]


def _fulfil(future: Future[str], job: Callable[[], str]) -> None:
    try:
        future.set_result(job())
    except BaseException as error:  # noqa: BLE001 - raised again by whoever asks for the result
        future.set_exception(error)
