"""One command in a container of its own: followed while it runs, bounded, and always removed."""

from __future__ import annotations

import io
import tarfile
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.models.containers import Container
from docker.types import LogConfig, Mount

from environment.errors import ContainerFailed, WaitTimeout
from environment.stack.ownership import Owner

_TAIL_BYTES = 16_384


@dataclass(frozen=True)
class Errand:
    """What to run, and what it finds: `files` are put in at their paths, before it starts.

    `volumes` maps a named volume to its folder inside; `folders` are shown read-only at the
    given path; `brought_back` are folders whose plain files are copied out afterwards, of a
    command that failed only where `even_failed`. Without a `network`, by name, it has none; it
    weighs `cpu_weight` against the 1024 of every other container where the processor is short.
    `shared_memory` is how much its processes can hand each other, e.g. "1g"; the engine's own
    64 MB unless told.
    """

    name: str
    image: str
    command: tuple[str, ...]
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[Path, str] = field(default_factory=dict)
    brought_back: Mapping[str, Path] = field(default_factory=dict)
    even_failed: bool = False
    user: str | None = None
    working_dir: str | None = None
    on_host_network: bool = False
    network: str | None = None
    cpu_weight: int | None = None
    shared_memory: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How it ended: the exit status, and the end of what it said."""

    status: int
    tail: str


def run_errand(
    client: docker.DockerClient, errand: Errand, owner: Owner, tell: Callable[[bytes], object]
) -> Outcome:
    """Run it to its end, giving what it says to `tell` as it comes.

    Raises:
        ContainerFailed: the engine cannot run it.
        WaitTimeout: it had not ended after `timeout_s`; it is removed then too.
    """
    for volume in errand.volumes:
        client.volumes.create(volume)
    try:
        container = _created(client, errand, owner)
    except APIError as error:
        raise ContainerFailed(
            f"The engine makes no container for {errand.name}: {error.explanation}.",
            remedy="`make images` builds its image; a folder must lie where the engine runs.",
        ) from error
    try:
        container.put_archive("/", packed(errand.files))
        container.start()
        outcome = _followed(container, errand, tell)
        if outcome.status == 0 or errand.even_failed:
            for inside, target in errand.brought_back.items():
                _bring_back(container, inside, target)
    except (DockerException, requests.RequestException) as error:
        reason = error.explanation if isinstance(error, APIError) else error
        raise ContainerFailed(f"The engine cannot run {errand.name}: {reason}") from error
    else:
        return outcome
    finally:
        remove(container)


@contextmanager
def removed_after(container: Container, timeout_s: float) -> Iterator[threading.Event]:
    """Remove it if the context lasts longer than that, which ends its log; yields whether it did.

    Following a log has no bound of its own.
    """
    overdue = threading.Event()

    def end() -> None:
        overdue.set()
        remove(container)

    deadline = threading.Timer(timeout_s, end)
    deadline.daemon = True
    deadline.start()
    try:
        yield overdue
    finally:
        deadline.cancel()


def packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of `files`, readable by all."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size = len(content)
            info.mode = 0o644
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _created(client: docker.DockerClient, errand: Errand, owner: Owner) -> Container:
    return client.containers.create(
        errand.image,
        list(errand.command),
        name=f"dubspec-{errand.name}-{uuid.uuid4().hex[:8]}",
        labels=owner.labels(),
        environment=dict(errand.environment),
        user=errand.user,
        working_dir=errand.working_dir,
        network_mode="host" if errand.on_host_network else errand.network or "none",
        cpu_shares=errand.cpu_weight,
        shm_size=errand.shared_memory,
        # The engine's own init reaps what the command leaves; an image's would be the second.
        entrypoint=[""],
        init=True,
        mounts=[
            *(Mount(inside, volume, type="volume") for volume, inside in errand.volumes.items()),
            *(
                Mount(inside, str(folder), type="bind", read_only=True)
                for folder, inside in errand.folders.items()
            ),
        ],
        log_config=LogConfig(type=LogConfig.types.JSON, config={"max-size": "50m"}),
    )


def _followed(container: Container, errand: Errand, tell: Callable[[bytes], object]) -> Outcome:
    said: deque[bytes] = deque()
    kept_bytes = 0
    with removed_after(container, errand.timeout_s) as overdue:
        try:
            for chunk in container.logs(stream=True, follow=True):
                tell(chunk)
                said.append(chunk)
                kept_bytes += len(chunk)
                while kept_bytes > _TAIL_BYTES and len(said) > 1:
                    kept_bytes -= len(said.popleft())
            tail = b"".join(said).decode(errors="replace")
            if not overdue.is_set():
                return Outcome(int(container.wait(timeout=60)["StatusCode"]), tail)
        except (NotFound, requests.RequestException):
            if not overdue.is_set():
                raise
            tail = b"".join(said).decode(errors="replace")
    raise WaitTimeout(f"{errand.name} to end", timeout_s=errand.timeout_s, last_seen=tail[-500:])


def _bring_back(container: Container, inside: str, target: Path) -> None:
    """Copy the plain files of a folder, each in one move, so that none is ever half there."""
    chunks, _ = container.get_archive(inside)
    target.mkdir(parents=True, exist_ok=True)
    root = PurePosixPath(inside).name
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member) if member.isfile() else None
            if content is None or path.parent != PurePosixPath(root):
                continue
            unfinished = target / f".{path.name}.part"
            unfinished.write_bytes(content.read())
            unfinished.replace(target / path.name)


def remove(container: Container) -> None:
    """Remove it; one that is gone, or going, is as good."""
    try:
        container.remove(force=True, v=True)
    except APIError as error:
        if error.status_code not in {requests.codes.not_found, requests.codes.conflict}:
            raise
