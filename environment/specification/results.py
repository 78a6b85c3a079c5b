"""What became of each scenario in a run, as the JUnit files of behave have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from xml.etree import ElementTree as ET

from environment.errors import HarnessError

Outcome = Literal["passed", "failed", "skipped", "not run"]

_OUTCOMES: Final[Mapping[str, Outcome]] = {
    "passed": "passed",
    "skipped": "skipped",
    "untested": "not run",
}
_BAD: Final = ("failure", "error")


class ResultsMissing(HarnessError):  # noqa: N818 - the family's way of naming
    """There are no results of a run, or they cannot be read."""


@dataclass(frozen=True)
class Results:
    """The outcome of every scenario of a run, by the path of its feature and its name.

    The path is from features/ on, without a suffix and with dots (``production.us1_…``), as behave
    writes it. ``taken_at`` is when the first feature's results were written, ISO 8601.
    """

    outcomes: Mapping[tuple[str, str], Outcome]
    taken_at: str

    def of(self, feature: str, scenario: str) -> Outcome:
        """Return a scenario's outcome; ``not run`` where the run did not have it."""
        return self.outcomes.get((feature, scenario), "not run")

    def __str__(self) -> str:
        counts = Counter(self.outcomes.values())
        return ", ".join(f"{counts[word]} {word}" for word in ("passed", "failed", "skipped"))


def read_results(folder: Path) -> Results:
    """Read the files that ``behave --junit`` wrote; ``ResultsMissing`` where there are none."""
    files = sorted(folder.glob("TESTS-*.xml"))
    if not files:
        raise ResultsMissing(
            f"There are no results in {folder}.",
            remedy="`make e2e` runs the suite and leaves them.",
        )
    outcomes: dict[tuple[str, str], Outcome] = {}
    taken: list[str] = []
    for file in files:
        suite = _suite(file)
        taken.append(suite.get("timestamp", ""))
        # Where a feature was named on the command line, behave counts from the root.
        feature = file.stem.removeprefix("TESTS-").removeprefix("features.")
        for case in suite.iter("testcase"):
            outcomes[feature, case.get("name", "")] = _outcome(case)
    return Results(outcomes, min(taken))


def _suite(file: Path) -> ET.Element:
    try:
        return ET.parse(file).getroot()  # noqa: S314 - written by our own runs
    except ET.ParseError as error:
        raise ResultsMissing(
            f"{file} was cut short: {error}.", remedy="run `make e2e` again."
        ) from None


def _outcome(case: ET.Element) -> Outcome:
    if any(case.find(word) is not None for word in _BAD):
        return "failed"
    return _OUTCOMES.get(case.get("status", ""), "failed")
