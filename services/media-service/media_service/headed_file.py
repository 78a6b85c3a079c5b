"""The form of those spool files that say what their data is: a JSON header, and the data."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct(">I")


class BrokenFileError(Exception):
    """A file does not hold what its name says."""


def headed(fields: Mapping[str, object], data: bytes) -> bytes:
    """Return the content of a file."""
    header = json.dumps(dict(fields)).encode()
    return _LENGTH.pack(len(header)) + header + data


def read_headed(path: Path) -> tuple[dict[str, Any], bytes]:
    """Return a file's fields and data; raises ``BrokenFileError`` and ``OSError``."""
    content = path.read_bytes()
    try:
        (length,) = _LENGTH.unpack(content[: _LENGTH.size])
        fields = json.loads(content[_LENGTH.size : _LENGTH.size + length])
    except (struct.error, ValueError) as error:
        raise BrokenFileError(f"{path.name}: {error}") from error
    if not isinstance(fields, dict):
        raise BrokenFileError(f"{path.name} has no header")
    return fields, content[_LENGTH.size + length :]
