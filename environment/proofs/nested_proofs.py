"""Proofs about another run of the suite: how it ended, and what it said of the reason.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from environment.evidence.log_lines import LogLine
from environment.expectations import expect
from environment.runs.nested import NestedRun
from environment.runs.nested_tests import ContainerLife, PublishedByTest

_SHOWN_CHARS: Final = 1500
# What shows that a test had control: the stack was handed over, or something was published.
_IN_CONTROL: Final = frozenset({"stack_started", "publish_started"})
# What a run says of its stack after the first start, whenever something of it starts anew.
_ANEW: Final = frozenset(
    {"stack_healed", "stack_given_up", "container_restarted", "project_reconfigured"}
)
_CONTAINERS: Final = 3
_LABELS: Final = ("step", "expected", "seen", "try", "evidence")
_TRACEBACK: Final = "Traceback (most recent call last)"
_SERVICES: Final = ("e2e-media-service", "sts-service")


def prove_failed(nested: NestedRun, status: int, since: float, limit_s: float) -> None:
    """It ended in failure, within so many seconds of a moment (Unix seconds)."""
    took_s = nested.ended_at - since
    expect(
        status > 0 and took_s <= limit_s,
        expected=f"an exit status of its own that is not 0, within {limit_s:g} s",
        seen=f"status {status} after {took_s:.1f} s; {nested.output[-_SHOWN_CHARS:]}",
        evidence=nested.log_file,
        hint="its log says what it waited for.",
    )


def prove_no_traceback(nested: NestedRun) -> None:
    """What it printed is for people: no traceback of Python's is anywhere in it (FR-045)."""
    said = nested.output
    at = said.find(_TRACEBACK)
    expect(
        at < 0,
        expected="an error in words, without a traceback (FR-045)",
        seen=said[max(0, at) :][:_SHOWN_CHARS],
        evidence=nested.log_file,
        hint="environment/vocabulary.py: told_in_words; what is no HarnessError is not foreseen.",
    )


def prove_said(nested: NestedRun, cause: str, remedy: str) -> None:
    """It printed the cause and the remedy, and no traceback in their place or beside (FR-045)."""
    said = " ".join(nested.output.split())
    at = said.find(cause)
    expect(
        at >= 0 and remedy in said[at:],
        expected=f"{cause!r}, and behind it {remedy!r} (FR-045)",
        seen=said[-_SHOWN_CHARS:],
        evidence=nested.log_file,
        hint="environment/errors.py: an error is a cause with a remedy.",
    )
    prove_no_traceback(nested)


def prove_explained(nested: NestedRun, step: str) -> None:
    """It printed of that step what was expected and seen, where the evidence is, what to try."""
    labels = [line.split()[0] for line in _report(nested.output, step) if line[:1].strip()]
    expect(
        [label for label in labels if label in _LABELS] == list(_LABELS),
        expected=f"of the step {step!r} in this order: {', '.join(_LABELS)} (FR-045)",
        seen=labels or nested.output[-_SHOWN_CHARS:],
        evidence=nested.log_file,
        hint="environment/evidence/report.py: render_failure.",
    )
    prove_no_traceback(nested)


def prove_skipped(nested: NestedRun, status: int, reasons: Sequence[str]) -> None:
    """Its scenarios were skipped, which is no failure, and it printed every part of the reason."""
    said = " ".join(nested.output.split())
    expect(
        status == 0
        and {result["outcome"] for result in nested.results} == {"skipped"}
        and all(reason in said for reason in reasons),
        expected=f"exit status 0, all skipped, the reason told: {', '.join(reasons)}",
        seen=f"status {status}; {[r['outcome'] for r in nested.results]}; {said[-_SHOWN_CHARS:]}",
        evidence=nested.log_file,
        hint="environment/vocabulary.py skips; environment/evidence/report.py prints why.",
    )
    prove_no_traceback(nested)


def prove_first_alone_started(nested: NestedRun) -> None:
    """Of its two services the engine made both and let one start."""
    made, started = (
        [
            name
            for line in nested.events
            for name in _SERVICES
            if line.event == event and line.fields["container"].startswith(f"{name}-")
        ]
        for event in ("container_created", "container_started")
    )
    expect(
        sorted(made) == sorted(_SERVICES) and len(started) == 1,
        expected="both services' containers made, one of them started",
        seen=f"made: {made}; started: {started}",
        evidence=nested.log_file,
        hint="the engine refuses a second container on a port; run.log has both events.",
    )


def prove_no_test_had_control(nested: NestedRun) -> None:
    """No step of it had the stack, and the log of each container that was started is kept."""
    events = nested.events
    started = {line.fields["container"] for line in events if line.event == "container_started"}
    kept = {
        f"{path.stem}-{nested.run_id}"
        for path in nested.evidence.glob("stack/*.log")
        if path.stat().st_size > 0
    }
    expect(
        started and started <= kept and not _IN_CONTROL & {line.event for line in events},
        expected="no test before all is healthy (FR-021), and the logs kept (FR-022, FR-042)",
        seen=f"events: {[line.event for line in events]}; started: {sorted(started)}; "
        f"logs: {sorted(kept)}",
        evidence=nested.evidence,
        hint="environment/session.py: _start_stack.",
    )


def prove_healthy_first(events: Sequence[LogLine]) -> None:
    """Three containers started and healthy, the stack ready, and only then a stream (FR-021)."""
    at = {
        event: [line.at for line in events if line.event == event]
        for event in ("container_started", "container_healthy", "stack_started", "publish_started")
    }
    expect(
        len(at["container_started"]) == len(at["container_healthy"]) == 3
        and len(at["stack_started"]) == 1
        and at["publish_started"]
        and max(at["container_started"]) <= at["stack_started"][0]
        and max(at["container_healthy"]) <= at["stack_started"][0] <= min(at["publish_started"]),
        expected="all healthy before a test publishes (FR-021), each with its time (FR-043)",
        seen=at,
        hint="environment/session.py: stack() returns once everything is healthy.",
    )


def prove_started_once(
    events: Sequence[LogLine],
    lives: Sequence[ContainerLife],
    tests: Sequence[PublishedByTest],
    *,
    projects: int,
) -> None:
    """All tests had the same three containers: made and started once, before the first of them.

    ``lives`` are the containers that ran, by the engine's word; so many compose projects have them.
    """
    stacks = [line.at for line in events if line.event == "stack_started"]
    ups = [line.fields["project"] for line in events if line.event == "project_up"]
    anew = [line.event for line in events if line.event in _ANEW]
    began_at = min((test.started_at for test in tests), default=0.0)
    last_at = max((test.started_at for test in tests), default=0.0)
    through = [life for life in lives if life.first_at <= began_at and last_at <= life.last_at]
    expect(
        len(tests) > 1
        and len(stacks) == 1
        and stacks[0] <= began_at
        and len(ups) == len(set(ups)) == projects
        and not anew
        and len(through) == len(lives) == len({life.name for life in lives}) == _CONTAINERS,
        expected=f"one start of all, {projects} `up`s, the same {_CONTAINERS} containers from "
        "the first test to the last (FR-031)",
        seen=f"started {len(stacks)} times; up: {ups}; {anew}; the tests begun from "
        f"{began_at:.1f} to {last_at:.1f}; {lives}",
        hint="environment/session.py: the stack is shared; environment/hooks.py heals it.",
    )


def prove_waited(nested: NestedRun, service: str, seconds: float, slack_s: float) -> None:
    """From that service's start it waited so long for its health, and then gave up (FR-021)."""
    started = [
        line.at
        for line in nested.events
        if line.event == "container_started" and line.fields["container"].startswith(f"{service}-")
    ]
    failed = [line.at for line in nested.events if line.event == "stack_failed"]
    waited_s = [end - start for start, end in zip(started, failed, strict=False)]
    expect(
        len(started) == len(failed) == 1 and seconds <= waited_s[0] <= seconds + slack_s,
        expected=f"{service} started, and given up {seconds:g} s later (FR-021)",
        seen=f"started: {started}; failed: {failed}; waited: {waited_s}",
        evidence=nested.log_file,
        hint="LOAD_TIMEOUT; environment/stack/containers.py: health_timeout_s.",
    )


def _report(output: str, step: str) -> list[str]:
    """The lines of a scenario's failure report, from the failed step to the report's end."""
    lines = output.splitlines()
    begins = [n for n, line in enumerate(lines) if line.startswith("step ") and step in line]
    if not begins:
        return []
    report = lines[begins[0] :]
    return report[: report.index("---")] if "---" in report else report
