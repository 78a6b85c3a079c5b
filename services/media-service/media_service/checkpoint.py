"""What is kept of a stream so that another process can carry it on, and how that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from media_service.atomic_file import write_atomically
from media_service.discovery import PublishedPath
from media_service.report import StreamReport
from media_service.spool_names import CHECKPOINT

MAX_SEGMENTS = 100
"""Of a stream's report, the last segments are kept."""


class CheckpointError(Exception):
    """There is no checkpoint here, or not one that can be used."""


class SavedSource(BaseModel):
    """A publication, as discovery found it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    name: str
    source_id: str
    ready_at: float | None
    tracks: tuple[str, ...]

    @classmethod
    def of(cls, source: PublishedPath) -> SavedSource:
        """Return what is kept of a publication."""
        return cls(
            path=source.path,
            name=source.name,
            source_id=source.source_id,
            ready_at=source.ready_at,
            tracks=source.tracks,
        )

    def published(self) -> PublishedPath:
        """Return the publication."""
        return PublishedPath(self.path, self.name, self.source_id, self.ready_at, self.tracks)


class Checkpoint(BaseModel):
    """A stream at a segment boundary (021, FR-024).

    ``source`` is the one whose clock ``report.time_zero_s`` is on, and ``zero_at`` the Unix time at
    which the timeline's zero arrived. ``goes_on`` where it was not the source that ended.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    written_at: float
    source: SavedSource
    zero_at: float | None
    goes_on: bool
    report: StreamReport

    def encode(self) -> bytes:
        """Return the content of the file."""
        return self.model_dump_json().encode()


def write_checkpoint(folder: Path, content: bytes) -> None:
    """Replace the checkpoint in ``folder``; raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / CHECKPOINT, content)


def read_checkpoint(folder: Path) -> Checkpoint:
    """Return the checkpoint in ``folder``; raises ``CheckpointError``."""
    try:
        content = (folder / CHECKPOINT).read_bytes()
    except OSError as error:
        raise CheckpointError(error.strerror or str(error)) from error
    try:
        checkpoint = Checkpoint.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CheckpointError(f"{where}: {first['msg']}".removeprefix(": ")) from error
    if checkpoint.report.stream_id != folder.name:
        raise CheckpointError(f"it is of stream {checkpoint.report.stream_id!r}")
    return checkpoint
