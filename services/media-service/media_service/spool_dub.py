"""What goes out for a segment, as it lies in the stream's spool folder."""

from __future__ import annotations

import zlib
from pathlib import Path

from media_service.headed_file import BrokenFileError, headed, read_headed
from media_service.protocol import Result
from media_service.spool_names import DUB, segment_file, unpublished


def encode_dub(result: Result) -> bytes:
    """Return the content of a segment's dub file."""
    fields = {
        "outcome": result.outcome,
        "sample_rate_hz": result.sample_rate_hz,
        "channels": result.channels,
        "check": zlib.crc32(result.pcm),
    }
    return headed(fields, result.pcm)


def read_dub(folder: Path, number: int) -> Result:
    """Return what goes out for a segment; raises ``BrokenFileError``, ``OSError`` without it."""
    path = folder / segment_file(number, DUB)
    fields, pcm = read_headed(path)
    if zlib.crc32(pcm) != fields.pop("check", None):
        raise BrokenFileError(f"{path.name} is torn")
    try:
        return Result(number=number, pcm=pcm, **fields)
    except TypeError as error:
        raise BrokenFileError(f"{path.name}: {error}") from error


def undubbed(folder: Path) -> list[int]:
    """Return the numbers of the unpublished segments that go to STS, once more or at last.

    A dub that is torn is none: its segment is dubbed again.
    """
    return [number for number in unpublished(folder) if not _is_dubbed(folder, number)]


def _is_dubbed(folder: Path, number: int) -> bool:
    try:
        read_dub(folder, number)
    except (OSError, BrokenFileError):
        return False
    return True
