"""What goes into and comes out of a container beside its ports: commands and files."""

from __future__ import annotations

import io
import tarfile
import threading
import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from environment.errors import ContainerFailed, WaitTimeout


@dataclass(frozen=True)
class ExecResult:
    """What a command run inside a container came to; `output` holds stdout and stderr."""

    exit_code: int
    output: str


def run_inside(
    client: docker.DockerClient, container: Container, argv: tuple[str, ...], *, timeout_s: float
) -> ExecResult:
    """Run a command with the container's user and environment.

    Raises:
        ContainerFailed: the container does not run.
        WaitTimeout: the command did not end; it is left running in there.
    """
    api: Any = client.api
    try:
        command = api.exec_create(container.id, list(argv))["Id"]
        stream = api.exec_start(command, stream=True)
    except APIError as error:
        raise ContainerFailed(
            f"{container.name} cannot be asked to run {argv[0]}: {error.explanation}."
        ) from error
    chunks: list[bytes] = []
    # The stream has no deadline of its own: it ends when the command does.
    reader = threading.Thread(target=lambda: chunks.extend(stream), daemon=True)
    reader.start()
    reader.join(timeout_s)
    output = b"".join(chunks).decode(errors="replace")
    if reader.is_alive():
        raise WaitTimeout(
            f"`{' '.join(argv)}` inside {container.name} to end",
            timeout_s=timeout_s,
            last_seen=repr(output[-500:]),
        )
    return ExecResult(int(api.exec_inspect(command)["ExitCode"]), output)


def read_file(container: Container, path: str) -> bytes:
    """Content of a file inside, of a stopped container too; raises `FileNotFoundError`."""
    with tarfile.open(fileobj=io.BytesIO(read_archive(container, path))) as archive:
        content = archive.extractfile(archive.getmembers()[0])
        if content is None:
            raise FileNotFoundError(f"{container.name}:{path} is no file")
        return content.read()


def read_archive(container: Container, path: str) -> bytes:
    """A file or folder inside as a tar archive, of a stopped container too; `FileNotFoundError`."""
    try:
        stream, _ = container.get_archive(path)
    except NotFound as error:
        raise FileNotFoundError(f"{container.name}:{path}") from error
    return b"".join(stream)


def put_file(container: Container, path: str, content: bytes) -> None:
    """Put a world-readable file into a container, which need not run; its folder must exist."""
    target = PurePosixPath(path)
    member = tarfile.TarInfo(target.name)
    member.size, member.mode, member.mtime = len(content), 0o644, int(time.time())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(member, io.BytesIO(content))
    container.put_archive(str(target.parent), buffer.getvalue())
