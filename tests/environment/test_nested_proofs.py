"""The proofs about another run: each passes on a good account of it, and fails on bad ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.evidence.log_lines import LogLine
from environment.expectations import ExpectationFailed
from environment.proofs.nested_proofs import (
    prove_explained,
    prove_failed,
    prove_first_alone_started,
    prove_healthy_first,
    prove_no_test_had_control,
    prove_said,
    prove_skipped,
    prove_started_once,
    prove_waited,
)
from environment.proofs.network_proofs import prove_rebuilt
from environment.runs.nested_tests import ContainerLife, PublishedByTest


def told(*events: tuple[str, Mapping[str, str]], at: float = 100.0) -> list[LogLine]:
    return [LogLine(at + number, event, fields) for number, (event, fields) in enumerate(events)]


def container(event: str, name: str) -> tuple[str, Mapping[str, str]]:
    return (event, {"container": name})


def nested(**known: Any) -> Any:
    facts = {
        "run_id": "nested-7-passes",
        "output": "",
        "ended_at": 110.0,
        "log_file": Path("nested.log"),
        "results": [],
        "events": [],
        "evidence": Path("nowhere"),
    }
    return SimpleNamespace(**{**facts, **known})


def test_a_failure_in_time() -> None:
    prove_failed(nested(), 1, since=101.0, limit_s=10)


@pytest.mark.parametrize(
    ("status", "since"),
    [
        (0, 101.0),  # it did not fail
        (1, 99.0),  # it took too long
        (-9, 101.0),  # it was ended because it did not end
    ],
)
def test_no_failure_or_a_late_one(status: int, since: float) -> None:
    with pytest.raises(ExpectationFailed, match="within 10 s"):
        prove_failed(nested(), status, since=since, limit_s=10)


def test_cause_and_remedy_are_found_across_lines() -> None:
    prove_said(
        nested(output="seen   Port 1935\n       is taken\ntry    another"), "is taken", "try"
    )


TRACEBACK = "Traceback (most recent call last):\n  File ...\n"


def test_cause_and_remedy_under_a_traceback() -> None:
    with pytest.raises(ExpectationFailed, match="without a traceback"):
        prove_said(nested(output=f"{TRACEBACK}it is taken\ntry another"), "is taken", "try")
    skipped = nested(output=f"A B\n{TRACEBACK}", results=[{"outcome": "skipped"}])
    with pytest.raises(ExpectationFailed, match="without a traceback"):
        prove_skipped(skipped, 0, ("A", "B"))
    with pytest.raises(ExpectationFailed, match="without a traceback"):
        prove_explained(nested(output=f"{TRACEBACK}{REPORT}"), "fails on purpose")


@pytest.mark.parametrize(
    "output",
    [
        "Traceback (most recent call last): ConnectionError",
        "is taken, and no word of what to do",
        "free it! is taken",  # the remedy of something else, before it
    ],
)
def test_a_cause_without_its_remedy(output: str) -> None:
    with pytest.raises(ExpectationFailed, match="FR-045"):
        prove_said(nested(output=output), "is taken", "free it")


REPORT = """\
--- FAILED: a scenario
step          Then this scenario fails on purpose
              features/a.feature:3
expected      a failure
seen          this one
try           none
evidence      artifacts/x/
---
"""


def test_a_failure_that_is_explained() -> None:
    prove_explained(nested(output=f"before\n{REPORT}behind"), "fails on purpose")


@pytest.mark.parametrize("label", ["step", "expected", "seen", "try", "evidence"])
def test_a_failure_that_leaves_something_open(label: str) -> None:
    kept = [line for line in REPORT.splitlines() if not line.startswith(label)]
    with pytest.raises(ExpectationFailed, match="FR-045"):
        prove_explained(nested(output="\n".join(kept)), "fails on purpose")
    with pytest.raises(ExpectationFailed, match="FR-045"):
        prove_explained(nested(output=REPORT), "another step")


def test_skipped_with_all_of_its_reason() -> None:
    run = nested(output="skipped  A and B\nare the same", results=[{"outcome": "skipped"}])
    prove_skipped(run, 0, ("A", "B", "are the same"))


@pytest.mark.parametrize(
    ("status", "outcomes", "output"),
    [
        (1, ["skipped"], "A B"),
        (0, ["failed"], "A B"),
        (0, ["skipped", "passed"], "A B"),
        (0, [], "A B"),
        (0, ["skipped"], "A"),
    ],
)
def test_not_skipped_or_not_for_that_reason(status: int, outcomes: list[str], output: str) -> None:
    run = nested(output=output, results=[{"outcome": outcome} for outcome in outcomes])
    with pytest.raises(ExpectationFailed, match="all skipped"):
        prove_skipped(run, status, ("A", "B"))


MEDIA, STS = "e2e-media-service-nested-7-passes", "sts-service-nested-7-passes"
BOTH_MADE = (container("container_created", MEDIA), container("container_created", STS))


def test_one_of_two_was_let_start() -> None:
    events = told(*BOTH_MADE, container("container_started", STS))
    prove_first_alone_started(nested(events=events))


@pytest.mark.parametrize(
    "events",
    [
        told(*BOTH_MADE),
        told(
            *BOTH_MADE,
            container("container_started", MEDIA),
            container("container_started", STS),
        ),
        told(BOTH_MADE[0], container("container_started", MEDIA)),
    ],
)
def test_none_or_both_or_no_attempt(events: list[LogLine]) -> None:
    with pytest.raises(ExpectationFailed, match="one of them started"):
        prove_first_alone_started(nested(events=events))


def test_no_test_had_control_and_the_logs_are_there(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "sts-service.log").write_text("no model\n")
    events = told(container("container_started", STS), ("stack_failed", {}))
    prove_no_test_had_control(nested(events=events, evidence=tmp_path))


@pytest.mark.parametrize("log", ["no model\n", ""])
def test_a_test_had_control_or_a_log_is_missing(tmp_path: Path, log: str) -> None:
    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / "sts-service.log").write_text(log)
    events = told(container("container_started", STS), ("stack_started", {}))
    with pytest.raises(ExpectationFailed, match="FR-021"):
        prove_no_test_had_control(nested(events=events if log else events[:1], evidence=tmp_path))
    with pytest.raises(ExpectationFailed, match="FR-021"):
        prove_no_test_had_control(nested(events=[], evidence=tmp_path))


STARTED = [("container_started", {"container": str(n)}) for n in range(3)]
HEALTHY = [("container_healthy", {"container": str(n)}) for n in range(3)]
READY: tuple[str, Mapping[str, str]] = ("stack_started", {})
ON_AIR: tuple[str, Mapping[str, str]] = ("publish_started", {})


def test_all_healthy_before_the_first_stream() -> None:
    prove_healthy_first(told(*STARTED, *HEALTHY, READY, ON_AIR))


@pytest.mark.parametrize(
    "events",
    [
        told(*STARTED, *HEALTHY[:2], READY, ON_AIR),
        told(*STARTED, *HEALTHY[:2], READY, HEALTHY[2], ON_AIR),
        told(*STARTED, *HEALTHY, ON_AIR, READY),
        told(*STARTED, *HEALTHY, READY),
    ],
)
def test_a_stream_before_all_were_healthy(events: list[LogLine]) -> None:
    with pytest.raises(ExpectationFailed, match="FR-021"):
        prove_healthy_first(events)


TESTS = [
    PublishedByTest(f"t{n}", f"live/{n}/in", n, at, at, at + 5) for n, at in ((0, 110), (1, 130))
]
LIVES = [ContainerLife(name, 100.0, 131.0) for name in ("server", "media", "sts")]
UPS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("project_up", {"project": "sts"}),
    ("project_up", {"project": "media"}),
)


def test_one_start_for_all_tests() -> None:
    prove_started_once(told(*UPS, READY), LIVES, TESTS, projects=2)
    prove_started_once(told(READY), LIVES, TESTS, projects=0)


@pytest.mark.parametrize(
    ("events", "lives", "tests"),
    [
        (told(*UPS, READY, READY), LIVES, TESTS),
        (told(*UPS, READY, at=200.0), LIVES, TESTS),  # after the first test
        (told(*UPS, UPS[1], READY), LIVES, TESTS),  # one project brought up twice
        (told(UPS[0], READY), LIVES, TESTS),
        (told(*UPS, READY, ("stack_healed", {})), LIVES, TESTS),
        (told(*UPS, READY), [*LIVES, ContainerLife("sts", 120.0, 131.0)], TESTS),
        (told(*UPS, READY), [*LIVES[:2], ContainerLife("sts", 100.0, 129.0)], TESTS),
        (told(*UPS, READY), [*LIVES[:2], ContainerLife("sts", 111.0, 131.0)], TESTS),
        (told(*UPS, READY), LIVES[:2], TESTS),
        (told(*UPS, READY), LIVES, TESTS[:1]),
    ],
)
def test_tests_that_did_not_share_one_start(
    events: list[LogLine], lives: list[ContainerLife], tests: list[PublishedByTest]
) -> None:
    with pytest.raises(ExpectationFailed, match="FR-031"):
        prove_started_once(events, lives, tests, projects=2)


def given_up(after_s: float, *more: tuple[str, Mapping[str, str]]) -> Any:
    failed = LogLine(100.0 + after_s, "stack_failed", {})
    return nested(events=[*told(container("container_started", STS), *more), failed])


def test_a_wait_that_had_its_end() -> None:
    prove_waited(given_up(9.5, container("container_started", MEDIA)), "sts-service", 8, 4)


@pytest.mark.parametrize(
    "run",
    [
        given_up(12.5),
        given_up(7.5),
        given_up(9.0, container("container_started", STS)),
        nested(events=told(container("container_started", STS))),
        nested(events=told(container("container_started", MEDIA), ("stack_failed", {}))),
    ],
)
def test_a_wait_that_was_too_long_or_had_no_end(run: Any) -> None:
    with pytest.raises(ExpectationFailed, match="FR-021"):
        prove_waited(run, "sts-service", 8, 4)


def stack(created_at: float = 101.5, network_id: str = "new") -> Any:
    created = datetime.fromtimestamp(created_at, UTC).isoformat()
    return SimpleNamespace(
        containers={"a": SimpleNamespace(name="a"), "b": SimpleNamespace(name="b")},
        network=SimpleNamespace(inspect=lambda: {"Id": network_id, "Created": created}),
    )


REBUILT = told(
    container("network_missing", "a"),
    ("network_created", {"network": "n"}),
    container("container_started", "a"),
    container("network_missing", "b"),
    container("container_started", "b"),
)


def test_a_network_made_because_a_start_was_refused() -> None:
    prove_rebuilt(stack(), REBUILT, since=100.0, former="old")


@pytest.mark.parametrize(
    ("system", "lines", "since"),
    [
        (stack(network_id="old"), REBUILT, 100.0),
        (stack(created_at=50.0), REBUILT, 100.0),
        (stack(), REBUILT[1:3], 100.0),  # made before anybody had missed it
        (stack(), REBUILT[:3], 100.0),  # not all of them were refused
        (stack(), REBUILT, 200.0),  # that was another time
    ],
)
def test_a_network_that_was_there_or_was_made_otherwise(
    system: Any, lines: list[LogLine], since: float
) -> None:
    with pytest.raises(ExpectationFailed, match="one new network made"):
        prove_rebuilt(system, lines, since=since, former="old")
