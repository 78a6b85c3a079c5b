"""What goes into an image: its files, their content hash, and the archive it is built from."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from environment.settings import REPO_ROOT

WHEELHOUSE: Final = "wheelhouse"

_LEFT_OUT_FOLDERS: Final = frozenset(
    {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "tests", WHEELHOUSE}
)
_LEFT_OUT_SUFFIXES: Final = (".pyc", ".md", ".swp", "~")
_LEFT_OUT_PREFIXES: Final = ("docker-compose", ".")


@dataclass(frozen=True)
class Source:
    """Where an image comes from: `name` is its repository under `dubspec/`.

    Paths are relative to the repository's root, as in the Dockerfile's COPY lines. `folder` holds
    the Dockerfile; `contents` are the files and folders of the build context. `requirements`
    pins the Python packages whose wheels come along. `stands_on` is the image that takes the
    place of the base: what changes seldom, so that a change of code is built in seconds.
    """

    name: str
    folder: PurePosixPath
    contents: tuple[PurePosixPath, ...]
    requirements: PurePosixPath | None = None
    stands_on: Source | None = None
    root: Path = REPO_ROOT

    @property
    def repository(self) -> str:
        """The image's name without a tag."""
        return f"dubspec/{self.name}"

    @property
    def dockerfile(self) -> PurePosixPath:
        """The Dockerfile, relative to the root."""
        return self.folder / "Dockerfile"


@dataclass(frozen=True)
class Snapshot:
    """A source's files as they were at one moment: what is hashed is what is built."""

    source: Source
    files: tuple[tuple[str, int, bytes], ...]

    def hash(self, base_id: str) -> str:
        """12 hex digits that change with any of the files, and with the base they stand on.

        The wheels do not count: the requirements and the base decide them.
        """
        digest = hashlib.sha256(base_id.encode())
        for path, mode, content in self.files:
            digest.update(f"\0{path}\0{mode:o}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()[:12]

    def archive(self, wheels: Iterable[Path] = ()) -> IO[bytes]:
        """The build context as a tar, with `wheels` in the wheelhouse beside the Dockerfile.

        The same bytes for the same content, so that layers are reused. The caller closes it.
        """
        packed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - handed over
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path, mode, content in self.files:
                tar.addfile(_entry(path, mode, len(content)), io.BytesIO(content))
            for wheel in wheels:
                path = (self.source.folder / WHEELHOUSE / wheel.name).as_posix()
                with wheel.open("rb") as opened:
                    tar.addfile(_entry(path, 0o644, wheel.stat().st_size), opened)
        packed.seek(0)
        return packed


def take_snapshot(source: Source) -> Snapshot:
    """Read what goes into the image of `source`."""
    return Snapshot(
        source,
        tuple(
            (path.relative_to(source.root).as_posix(), _mode(path), path.read_bytes())
            for path in _own_files(source)
        ),
    )


def _entry(path: str, mode: int, size_bytes: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(path)
    info.mode = mode
    info.size = size_bytes
    return info


def _own_files(source: Source) -> Iterator[Path]:
    """Each file once, though one of the contents may hold another."""
    seen: set[Path] = set()
    for content in source.contents:
        for path in _files_at(source.root / content):
            if path not in seen:
                seen.add(path)
                yield path


def _files_at(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for entry in sorted(place.iterdir()):
        if entry.name.startswith(_LEFT_OUT_PREFIXES):
            continue
        if entry.is_dir():
            if entry.name not in _LEFT_OUT_FOLDERS:
                yield from _files_at(entry)
        elif entry.is_file() and not entry.name.endswith(_LEFT_OUT_SUFFIXES):
            yield entry


def _mode(path: Path) -> int:
    """Readable by all, whatever the umask the repository was cloned under."""
    return 0o755 if os.access(path, os.X_OK) else 0o644
