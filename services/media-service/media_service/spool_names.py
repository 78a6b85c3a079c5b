"""What the files in a stream's spool folder are called."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

CHECKPOINT = "checkpoint.json"
HEAD = "head"
POSITION = "position"
SOUND, PICTURES, DUB = "sound", "pictures", "dub"
_SEGMENT_FILE = re.compile(r"(?P<number>\d{8})(-(?P<start>\d{14}))?\.(sound|pictures|dub)(\.new)?")


def segment_file(number: int, kind: str, *, start_samples: int | None = None) -> str:
    """Return the name of a segment's file; the sound's has its start."""
    start = "" if start_samples is None else f"-{start_samples:014d}"
    return f"{number:08d}{start}.{kind}"


def segment_files(folder: Path) -> Iterator[tuple[int, int | None, Path]]:
    """Yield number, start (of sounds) and path of each segment's files, in order."""
    for path in sorted(folder.iterdir()):
        known = _SEGMENT_FILE.fullmatch(path.name)
        if known is not None:
            start = known["start"]
            yield int(known["number"]), None if start is None else int(start), path


def unpublished(folder: Path) -> list[int]:
    """Return the numbers of the segments whose sound is in ``folder``."""
    try:
        return [number for number, start, _ in segment_files(folder) if start is not None]
    except OSError:
        # A folder that is gone, or cannot be read, gives nothing to publish.
        return []
