"""The summary at the end of a run: what passed, what failed, on what, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

Outcome = Literal["passed", "failed", "skipped", "not_selected", "not_run"]

SLOWEST: Final = 3
_WIDTH: Final = 14


@dataclass(frozen=True)
class ScenarioResult:
    """What became of one scenario. ``evidence`` is the folder in which it can be looked at.

    ``skipped``: it said itself why it cannot run here; ``not_selected``: the tags or the paths
    asked for left it out; ``not_run``: the run was interrupted before it. ``warnings`` are what it
    saw that made it no failure.
    """

    name: str
    feature: str
    location: str
    outcome: Outcome
    duration_s: float
    reason: str | None = None
    evidence: Path | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A run's result; ``media_server`` and ``speech`` are None when no stack was needed."""

    run_id: str
    folder: Path
    duration_s: float
    results: tuple[ScenarioResult, ...]
    media_server: str | None
    is_stand_in: bool | None
    speech: str | None
    sts: dict[str, Any] = field(default_factory=dict)
    interrupted: bool = False
    troubles: tuple[str, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """How many scenarios had each outcome."""
        return Counter(result.outcome for result in self.results)

    @property
    def failed(self) -> list[ScenarioResult]:
        """The scenarios that failed."""
        return [result for result in self.results if result.outcome == "failed"]

    @property
    def slowest(self) -> list[ScenarioResult]:
        """The three scenarios that took longest."""
        ran = [result for result in self.results if result.outcome in {"passed", "failed"}]
        return sorted(ran, key=lambda result: result.duration_s, reverse=True)[:SLOWEST]

    def document(self) -> dict[str, Any]:
        """Return the summary ready for JSON."""
        return {
            **asdict(self),
            "counts": dict(self.counts),
            "slowest": [result.name for result in self.slowest],
        }


def render(summary: Summary, *, relative_to: Path | None = None) -> str:
    """Return the summary as text, paths relative to a folder where they lie below it."""
    counts = summary.counts
    numbers = [f"{counts['passed']} passed", f"{counts['failed']} failed"]
    numbers.append(f"{counts['skipped']} skipped")
    for outcome, words in (("not_run", "not run"), ("not_selected", "not selected")):
        if counts[outcome]:
            numbers.append(f"{counts[outcome]} {words}")
    lines = ["", "=" * 72, f"{', '.join(numbers)}, in {spoken_duration(summary.duration_s)}"]
    if summary.interrupted:
        lines.append("The run was interrupted: what is not counted here was not tried.")
    for trouble in summary.troubles:
        lines += _labelled("trouble", [trouble])
    for result in summary.failed:
        lines += _labelled("FAILED", [f"{result.feature}: {result.name}", result.location])
        lines += [f"{'':{_WIDTH}}{line}" for line in (result.reason or "").splitlines()]
        if result.evidence:
            lines.append(f"{'':{_WIDTH}}evidence: {shown(result.evidence, relative_to)}/")
    for result in summary.results:
        for warning in result.warnings:
            lines += _labelled("warning", [f"{result.name}: {warning}"])
        if result.outcome == "skipped":
            lines += _labelled("skipped", [f"{result.name}: {result.reason or 'no reason given'}"])
    if summary.media_server is not None:
        lines += _labelled("media server", [summary.media_server])
        lines += _labelled("speech", [summary.speech or "unknown"])
    else:
        lines += _labelled("stack", ["none was needed"])
    slowest = [f"{r.duration_s:6.1f} s  {r.feature}: {r.name}" for r in summary.slowest]
    lines += _labelled("slowest", slowest)
    where = shown(summary.folder, relative_to)
    lines += _labelled("evidence", [f"{where}/ (run.log, summary.json)"])
    return "\n".join([*lines, "=" * 72])


def render_failure(
    scenario: str,
    step: str | None,
    location: str | None,
    lines: Iterable[tuple[str, str]],
    evidence: str | None,
) -> str:
    """Return what is told of a scenario at once when it has failed (FR-045)."""
    text = [f"--- FAILED: {scenario}"]
    if step:
        text += _labelled("step", [step, *([location] if location else [])])
    for label, content in lines:
        text += _labelled(label, content.splitlines() or [""])
    if evidence:
        text += _labelled("evidence", [evidence])
    return "\n".join([*text, "---"])


def shown(path: Path, relative_to: Path | None) -> str:
    """Return a path relative to a folder if it lies below it, else as it is."""
    if relative_to is not None and path.is_relative_to(relative_to):
        return str(path.relative_to(relative_to))
    return str(path)


def spoken_duration(seconds: float) -> str:
    """Return seconds as ``1 min 5 s`` or ``5.2 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"


def _labelled(label: str, content: Sequence[str]) -> list[str]:
    return [f"{label if i == 0 else '':<{_WIDTH}}{line}" for i, line in enumerate(content)]
