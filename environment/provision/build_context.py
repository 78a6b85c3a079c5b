"""What goes into an image: its files, their content hash, and the archive it is built from."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from environment.settings import REPO_ROOT

CONTRACTS = PurePosixPath("services/contracts")
WHEELHOUSE = "wheelhouse"

_LEFT_OUT_FOLDERS = frozenset(
    {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "tests"}
)
_LEFT_OUT_SUFFIXES = (".pyc", ".md", ".swp", "~")
_LEFT_OUT_PREFIXES = ("docker-compose", ".")


@dataclass(frozen=True)
class Source:
    """Where an image comes from: `name` is its repository under `dubspec/`, `folder` its service's.

    Paths are relative to the repository's root, as in the Dockerfile's COPY lines.
    """

    name: str
    folder: PurePosixPath
    root: Path = REPO_ROOT

    @property
    def repository(self) -> str:
        """The image's name without a tag."""
        return f"dubspec/{self.name}"

    @property
    def dockerfile(self) -> PurePosixPath:
        """The Dockerfile, relative to the root."""
        return self.folder / "Dockerfile"

    @property
    def requirements(self) -> Path | None:
        """The file that pins the service's Python packages, if it has any."""
        path = self.root / self.folder / "requirements.txt"
        return path if path.is_file() else None

    @property
    def wheelhouse(self) -> Path:
        """Where the wheels of those packages lie for the build."""
        return self.root / self.folder / WHEELHOUSE


@dataclass(frozen=True)
class Snapshot:
    """A service's own files as they were at one moment: what is hashed is what is built."""

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

    def archive(self) -> io.BytesIO:
        """The build context as a tar: the same bytes for the same content, so layers are reused."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path, mode, content in self.files:
                tar.addfile(_entry(path, mode, len(content)), io.BytesIO(content))
            for wheel in sorted(self.source.wheelhouse.glob("*.whl")):
                path = wheel.relative_to(self.source.root).as_posix()
                with wheel.open("rb") as opened:
                    tar.addfile(_entry(path, 0o644, wheel.stat().st_size), opened)
        buffer.seek(0)
        return buffer


def take_snapshot(source: Source) -> Snapshot:
    """Read what goes into the image of `source`: its folder and the contracts."""
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
    for folder in (source.folder, CONTRACTS):
        yield from _files_below(source.root / folder)


def _files_below(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(_LEFT_OUT_PREFIXES):
            continue
        if entry.is_dir():
            if entry.name not in _LEFT_OUT_FOLDERS and entry.name != WHEELHOUSE:
                yield from _files_below(entry)
        elif entry.is_file() and not entry.name.endswith(_LEFT_OUT_SUFFIXES):
            yield entry


def _mode(path: Path) -> int:
    """Readable by all, whatever the umask the repository was cloned under."""
    return 0o755 if os.access(path, os.X_OK) else 0o644
