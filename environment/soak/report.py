"""What many runs of the suite say together: rates, intervals, and every failure's evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from environment.evidence.report import shown, spoken_duration
from environment.soak.rate import Rate
from environment.suite_runs.attempt import Attempt, Scenario

PASS_RATE: Final = 0.95
"""SC-007: of ten runs' scenarios, so many have to pass."""


@dataclass(frozen=True)
class SoakReport:
    """The runs that were asked for, and those that were made."""

    wanted: int
    attempts: tuple[Attempt, ...]

    @property
    def complete(self) -> tuple[Attempt, ...]:
        """The runs that came to their own end."""
        return tuple(attempt for attempt in self.attempts if not attempt.interrupted)

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped it before all runs were made."""
        return len(self.complete) < self.wanted

    @property
    def runs(self) -> Rate:
        """How many runs passed whole."""
        return Rate(sum(attempt.passed for attempt in self.complete), len(self.complete))

    @property
    def scenarios(self) -> Rate:
        """How many scenarios passed; those that were skipped or left out do not count."""
        passed = sum(attempt.count("passed") for attempt in self.complete)
        failed = sum(attempt.count("failed") for attempt in self.complete)
        return Rate(passed, passed + failed)

    @property
    def reliable(self) -> bool:
        """Whether every run passed; the rates of SC-007 follow from that and are held as well."""
        rates = (self.runs, self.scenarios)
        return all(attempt.passed for attempt in self.complete) and all(
            rate.share >= PASS_RATE for rate in rates
        )

    def document(self) -> dict[str, Any]:
        """Return the report ready for JSON."""
        return {
            "wanted": self.wanted,
            "reliable": self.reliable,
            "interrupted": self.interrupted,
            "runs": {**asdict(self.runs), "interval": self.runs.interval},
            "scenarios": {**asdict(self.scenarios), "interval": self.scenarios.interval},
            "attempts": [asdict(attempt) for attempt in self.attempts],
        }


def render(report: SoakReport, *, relative_to: Path | None = None) -> str:
    """Return the report as text, paths relative to a folder where they lie below it."""
    lines = ["", "=" * 72, *_table(report.attempts), ""]
    lines.append(f"runs       {report.runs}")
    lines.append(f"scenarios  {report.scenarios}")
    lines += _failures(report.complete, relative_to)
    if report.interrupted:
        lines.append(
            f"interrupted: {len(report.complete)} of {report.wanted} runs were made; what was cut "
            "short counts for nothing"
        )
    words = "held" if report.reliable else "missed"
    lines.append(f"SC-007     {words}: {100 * PASS_RATE:g} % and no failed run are asked for")
    return "\n".join([*lines, "=" * 72])


def _table(attempts: tuple[Attempt, ...]) -> Iterator[str]:
    yield f"{'run':>4}  {'passed':>6}  {'failed':>6}  {'skipped':>7}  {'time':>12}  verdict"
    for attempt in attempts:
        verdict = "passed" if attempt.passed else "FAILED"
        yield (
            f"{attempt.number:>4}  {attempt.count('passed'):>6}  {attempt.count('failed'):>6}  "
            f"{attempt.count('skipped'):>7}  {spoken_duration(attempt.duration_s):>12}  "
            f"{'interrupted' if attempt.interrupted else verdict}"
        )


def _failures(attempts: tuple[Attempt, ...], relative_to: Path | None) -> Iterator[str]:
    """Tell each scenario that failed once, the most frequent first, with every run's evidence."""
    failed: dict[tuple[str, str, str], list[tuple[Attempt, Scenario]]] = {}
    for attempt in attempts:
        if attempt.trouble:
            yield f"run {attempt.number}: {attempt.trouble}"
            yield f"    log: {shown(attempt.log, relative_to)}"
        for scenario in attempt.failed:
            key = (scenario.feature, scenario.name, scenario.location)
            failed.setdefault(key, []).append((attempt, scenario))
    for (feature, name, location), times in sorted(failed.items(), key=lambda f: -len(f[1])):
        yield f"failed in {len(times)} of {len(attempts)} runs: {feature}: {name} ({location})"
        for attempt, scenario in times:
            reason = (scenario.reason or "no reason given").splitlines()
            seen = next((line for line in reason if line.startswith("seen: ")), reason[0])
            yield f"    run {attempt.number}: {seen}"
            evidence = Path(scenario.evidence) if scenario.evidence else attempt.folder
            yield f"        evidence: {shown(evidence, relative_to)}/"
