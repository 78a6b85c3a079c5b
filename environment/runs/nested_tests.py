"""What the tests of a nested run published, seen from outside: processes, and the run's log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from environment.evidence.log_lines import LogLine
from environment.runs.process_table import publishers

_LOOKS_EVERY_S: Final = 0.3


@dataclass(frozen=True)
class PublishedByTest:
    """One publication by the run's log. Times in Unix seconds; None: not seen."""

    test: str
    path: str
    pid: int
    started_at: float
    active_at: float | None
    ended_at: float | None


class PublisherWatch:
    """Looks for the ffmpegs that a process has started and that publish.

    ``urls`` has the URL of each that was seen, by its process id; ``most_at_once`` how many were
    seen at the same time.
    """

    def __init__(self, parent: int) -> None:
        self.urls: dict[int, str] = {}
        self.most_at_once = 0
        self._parent = parent

    def look(self) -> None:
        """Look once; to be called often."""
        seen = {found.pid: str(found.publishes_to) for found in publishers(self._parent)}
        self.urls |= seen
        self.most_at_once = max(self.most_at_once, len(seen))


@dataclass(frozen=True)
class ContainerLife:
    """When a container was seen running, first and last, in Unix seconds."""

    name: str
    first_at: float
    last_at: float


class ContainerWatch:
    """Notes which containers run, one by one: a container made anew is another one.

    ``listed`` asks the engine for those of a run, as its API lists them. ``lives`` has them by id.
    """

    def __init__(self, listed: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
        self.lives: dict[str, ContainerLife] = {}
        self._listed = listed
        self._looked_at = 0.0

    def look(self) -> None:
        """Look once, unless that was just done; to be called often."""
        now = time.time()
        if now - self._looked_at < _LOOKS_EVERY_S:
            return
        self._looked_at = now
        for container in self._listed():
            if container["State"] == "running":
                key, name = str(container["Id"]), str((container["Names"] or ["unnamed"])[0])
                first_at = self.lives[key].first_at if key in self.lives else now
                self.lives[key] = ContainerLife(name, first_at, now)


def published_by_tests(log: Sequence[LogLine]) -> tuple[PublishedByTest, ...]:
    """Put together what a ``run.log`` says of each publication, in the order of their start."""
    found = []
    test = ""
    for place, line in enumerate(log):
        if line.event == "scenario_started":
            test = line.fields["scenario"]
        elif line.event == "publish_started":
            path = line.fields["path"]
            found.append(
                PublishedByTest(
                    test=test,
                    path=path,
                    pid=int(line.fields["pid"]),
                    started_at=line.at,
                    active_at=_next(log[place:], "publish_active", path),
                    ended_at=_next(log[place:], "publish_ended", path),
                )
            )
    return tuple(found)


def _next(log: Sequence[LogLine], event: str, path: str) -> float | None:
    return next(
        (line.at for line in log if line.event == event and line.fields["path"] == path), None
    )
