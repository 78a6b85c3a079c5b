"""Reading each file once, however many measures are taken of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Two recordings are held against each other; five minutes of stereo take 115 MB each.
_KEPT = 2


def once_per_file(
    read: Callable[[Path | str, *Ts], T],
) -> Callable[[Path | str, *Ts], T]:
    """Keep what `read` made of the two files last asked for, until they change.

    What it returns is shared, so that it must not be changed. Errors are never kept, nor what
    lies under no path.
    """

    @lru_cache(maxsize=_KEPT)
    def kept(path: Path, _stamp: tuple[int, int, int], /, *rest: *Ts) -> T:
        return read(path, *rest)

    @wraps(read)
    def reader(path: Path | str, /, *rest: *Ts) -> T:
        try:
            status = Path(path).stat()
        except OSError:
            return read(path, *rest)
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        return kept(Path(path).absolute(), stamp, *rest)

    return reader
