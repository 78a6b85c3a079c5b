"""What the tests of a nested run published, seen from outside: processes, and the run's log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from environment.evidence.log_lines import LogLine
from environment.runs.process_table import publishers


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
