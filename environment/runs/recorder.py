"""Fetching what the media server recorded: the suite's ground truth."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

import requests

from environment.errors import HarnessError
from environment.runs.publisher import is_ready
from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.stack.containers import MediaServerContainer
    from environment.stack.topology import Topology

RECORDINGS: Final = PurePosixPath("/recordings")
SUFFIXES: Final = frozenset({".mp4", ".flv", ".ts"})
_SETTLE_S: Final = 0.3


@dataclass(frozen=True)
class Recording:
    """One file that the media server wrote for one session of a publisher."""

    name: str
    modified_at: float
    content: bytes


class Recorded(Protocol):
    """A clip that was published, and the media server's recordings of its input and its output."""

    @property
    def clip(self) -> Path:
        """What was published."""

    @property
    def source(self) -> Path:
        """What was recorded of the input."""

    @property
    def output(self) -> Path:
        """What was recorded of the output."""


@dataclass(frozen=True)
class Recordings:
    """These three and nothing else, of a stream that nobody watched on the wire."""

    clip: Path
    source: Path
    output: Path


def fetch_both(
    stack: Topology, clip: Path, path_in: str, folder: Path, *, timeout_s: float = 30.0
) -> Recordings:
    """Copy the newest recordings of a stream's input and output into ``folder``.

    Waits, and raises, as ``fetch_recording`` does.
    """
    path_out = f"{path_in.removesuffix('/in')}/out"
    source, output = (
        fetch_recording(stack, path, folder / name, timeout_s=timeout_s)
        for path, name in ((path_in, "source"), (path_out, "output"))
    )
    return Recordings(clip, source, output)


def fetch_recording(
    stack: Topology,
    path: str,
    destination: Path,
    *,
    complete: bool = True,
    timeout_s: float = 30.0,
) -> Path:
    """Copy the newest recording of ``path`` out of the media server, complete.

    Waits until nobody publishes at ``path`` any more and the file has stopped growing; a media
    server that is stopped counts as nobody. ``destination`` is a folder that exists, or a file
    name whose suffix is replaced by the recording's (``.mp4``, ``.flv``). With ``complete``
    off, what has been recorded so far is taken at once.

    Returns the file written. Raises ``WaitTimeout`` if the publisher stays or nothing was
    recorded.
    """
    server = stack.media_server
    if complete:
        wait_for(
            f"the publisher of {path} to be gone",
            lambda: not _published(server, path),
            timeout_s=timeout_s,
            interval_s=0.05,
        )
    sizes: dict[str, int] = {}

    def settled() -> Recording:
        found = recordings_in(_archive(server, path))
        if not found:
            raise NotYet(f"no file in {RECORDINGS / path}")
        newest = max(found, key=lambda recording: (recording.modified_at, recording.name))
        known = sizes.get(newest.name)
        sizes[newest.name] = len(newest.content)
        if not newest.content or (complete and known != len(newest.content)):
            raise NotYet(f"{newest.name} has {len(newest.content)} bytes and may still grow")
        return newest

    newest = wait_for(
        f"the recording of {path}", settled, timeout_s=timeout_s, interval_s=_SETTLE_S
    )
    suffix = PurePosixPath(newest.name).suffix
    target = (
        destination / f"{path.replace('/', '-')}{suffix}"
        if destination.is_dir()
        else destination.with_suffix(suffix)
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(newest.content)
    return target


def fetch_recordings(
    stack: Topology, path: str, folder: Path, *, timeout_s: float = 30.0
) -> tuple[Path, ...]:
    """Copy every recording of ``path`` into ``folder``, one for each publication, the oldest first.

    Waits as ``fetch_recording`` does for the newest. Raises ``WaitTimeout`` likewise.
    """
    fetch_recording(stack, path, folder / "newest", timeout_s=timeout_s).unlink()
    written = []
    # Their names are their times, to the microsecond.
    found = sorted(recordings_in(_archive(stack.media_server, path)), key=lambda r: r.name)
    for number, recording in enumerate(found):
        name = f"{path.replace('/', '-')}-{number}{PurePosixPath(recording.name).suffix}"
        (folder / name).write_bytes(recording.content)
        written.append(folder / name)
    return tuple(written)


def is_recorded(stack: Topology, path: str) -> bool:
    """Whether anything was ever recorded of ``path``."""
    try:
        return bool(recordings_in(_archive(stack.media_server, path)))
    except NotYet:
        return False


def recordings_in(archive: bytes) -> list[Recording]:
    """Return the media files in a tar archive; other files and folders are passed over."""
    found = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isfile() else None
            if stream is not None and PurePosixPath(member.name).suffix in SUFFIXES:
                found.append(Recording(member.name, float(member.mtime), stream.read()))
    return found


def _published(server: MediaServerContainer, path: str) -> bool:
    try:
        state = server.path(path)
    except requests.RequestException as error:
        if server.status == "running":
            raise HarnessError(f"The media server does not answer about {path}: {error}") from error
        return False
    return state is not None and is_ready(state)


def _archive(server: MediaServerContainer, path: str) -> bytes:
    try:
        return server.read_archive(str(RECORDINGS / path))
    except FileNotFoundError:
        raise NotYet(f"the media server has no folder {RECORDINGS / path}") from None
