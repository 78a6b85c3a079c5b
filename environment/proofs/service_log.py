"""What a service has logged: its JSON lines, by event, with their times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer


@dataclass(frozen=True)
class Logged:
    """One line: when (Unix seconds), which event, with which fields."""

    at: float
    event: str
    fields: Mapping[str, Any]


def logged(container: ServiceContainer, event: str, *, since: float) -> list[Logged]:
    """Return the lines of that event since a Unix time, the oldest first."""
    lines = parse_log(container.logs(since=since))
    return [line for line in lines if line.event == event and line.at >= since]


def parse_log(text: str) -> list[Logged]:
    """Read JSON log lines; what is none, such as a traceback of the interpreter, is passed over.

    media-service calls a line's moment `time`, sts-service `timestamp`.
    """
    found = []
    for line in text.splitlines():
        try:
            document = json.loads(line)
            moment = document["time"] if "time" in document else document["timestamp"]
            at = datetime.fromisoformat(moment).timestamp()
            found.append(Logged(at, str(document["event"]), document))
        except (ValueError, TypeError, KeyError):
            continue
    return found
