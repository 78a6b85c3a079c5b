"""Replaces a file as a whole: whoever reads it finds the old content or the new one."""

from __future__ import annotations

import os
from pathlib import Path

_NEW = ".new"


def write_atomically(path: Path, content: bytes) -> None:
    """Have ``content`` in ``path``, on the disk itself, when this returns; raises ``OSError``."""
    new = path.with_name(path.name + _NEW)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        write_all(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
    sync_folder(path.parent)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of ``content``; raises ``OSError`` where the disk takes only a part."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def sync_folder(folder: Path) -> None:
    """Have a folder's entries on the disk itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
