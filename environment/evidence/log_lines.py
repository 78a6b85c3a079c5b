"""Reading a run's log back, line by line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

_FIELD: Final = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^\s"=]+)')


@dataclass(frozen=True)
class LogLine:
    """One event of ``run.log``: when it was, in Unix seconds, and its fields as words."""

    at: float
    event: str
    fields: Mapping[str, str]


def read_log(path: Path) -> list[LogLine]:
    """Read a ``run.log``, also one that is still being written. Empty where there is none."""
    if not path.is_file():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [_line(text) for text in whole.splitlines()]


def _line(text: str) -> LogLine:
    stamp, event, said = f"{text}  ".split(" ", 2)
    fields = {
        key: json.loads(value) if value.startswith('"') else value
        for key, value in _FIELD.findall(said)
    }
    return LogLine(datetime.fromisoformat(stamp).timestamp(), event, fields)
