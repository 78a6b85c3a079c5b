"""The proofs about run.log: each passes on a log that tells it all, and fails on others."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from environment.evidence.log_lines import LogLine
from environment.expectations import ExpectationFailed
from environment.proofs.log_proofs import (
    prove_publication_logged,
    prove_segments_logged,
    prove_starts_logged,
)

EVENTS = ("segment_cut", "segment_sent", "segment_processed", "segment_released")


def seen(event: str, number: int, at: float) -> Any:
    return SimpleNamespace(
        received_at=at,
        event=SimpleNamespace(event=event),
        payload={"sequence_number": number},
    )


RUN: Any = SimpleNamespace(
    path_in="live/a/in",
    stream_name="a",
    published_at=100.0,
    active_at=100.5,
    publish_ended_at=130.0,
    segments=[{"number": 0, "sent_at": 107.0}, {"number": 1, "sent_at": 108.0}, {"number": 2}],
    events=[
        *(seen("fragment:data", n, 107.0 + n) for n in (0, 1)),
        *(seen("fragment:processed", n, 108.0 + n) for n in (0, 1)),
        seen("fragment:ack", 0, 107.1),
    ],
)
STARTS = [
    LogLine(90.0, event, {"container": name})
    for event in ("container_started", "container_healthy")
    for name in ("sts", "media")
]
PUBLICATION = [
    LogLine(at, event, {"path": "live/a/in"})
    for event, at in (
        ("publish_started", 100.0),
        ("publish_active", 100.5),
        ("publish_ended", 130.0),
    )
]
SEGMENTS = [
    LogLine(106.0 + step + number, event, {"stream": "a", "number": str(number)})
    for number in (0, 1)
    for step, event in enumerate(EVENTS)
]


def test_starts() -> None:
    prove_starts_logged(STARTS, RUN, ["sts", "media"])


@pytest.mark.parametrize(
    "lines",
    [STARTS[:3], STARTS[1:], [*STARTS[:3], replace(STARTS[3], at=101.0)], []],
)
def test_starts_that_are_missing_or_late(lines: list[LogLine]) -> None:
    with pytest.raises(ExpectationFailed, match="FR-043"):
        prove_starts_logged(lines, RUN, ["sts", "media"])


def test_a_publication() -> None:
    others = [replace(line, fields={"path": "live/b/in"}) for line in PUBLICATION]
    prove_publication_logged([*PUBLICATION, *others], RUN)


@pytest.mark.parametrize(
    "lines",
    [
        PUBLICATION[:2],
        [*PUBLICATION, PUBLICATION[0]],
        [*PUBLICATION[:2], replace(PUBLICATION[2], at=131.0)],
    ],
)
def test_a_publication_that_is_told_otherwise(lines: list[LogLine]) -> None:
    with pytest.raises(ExpectationFailed, match="each once"):
        prove_publication_logged(lines, RUN)


def test_segments() -> None:
    prove_segments_logged(SEGMENTS, RUN)


@pytest.mark.parametrize(
    "lines",
    [
        SEGMENTS[:-1],  # never released
        [*SEGMENTS, SEGMENTS[0]],  # told twice
        [*SEGMENTS[:-1], replace(SEGMENTS[-1], at=100.0)],  # released before it was cut
        [replace(line, at=line.at + 5) for line in SEGMENTS],  # in order, and later than it was
        [],
    ],
)
def test_segments_that_are_told_otherwise(lines: list[LogLine]) -> None:
    with pytest.raises(ExpectationFailed, match="FR-043"):
        prove_segments_logged(lines, RUN)


def test_segments_that_nobody_saw() -> None:
    unseen: Any = SimpleNamespace(**{**vars(RUN), "events": []})
    with pytest.raises(ExpectationFailed, match="from what was seen"):
        prove_segments_logged(SEGMENTS, unseen)
