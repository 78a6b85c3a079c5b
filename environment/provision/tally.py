"""The sum of several test runs, from their JUnit results; `.ci/run` ends with it.

Needs the standard library only: it must also say that the environment could not be made.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET


@dataclass(frozen=True)
class Tally:
    """How many tests ended which way."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def read_results(place: Path) -> Tally:
    """Count the test cases of a JUnit file, or of all in a folder; none where there is nothing.

    Raises:
        xml.etree.ElementTree.ParseError: a file was cut short.
    """
    files = sorted(place.glob("*.xml")) if place.is_dir() else [place] if place.is_file() else []
    total = Tally()
    for file in files:
        for case in ET.parse(file).iter("testcase"):  # noqa: S314 - written by our own runs
            total += _outcome(case)
    return total


def judged(name: str, status: int, place: Path) -> Tally:
    """The results of one run; a run that failed without a failed test, or ran none, counts as one.

    `status` is the exit status of the command that left its results at `place`.
    """
    try:
        found = read_results(place)
    except ET.ParseError as error:
        print(f"{name}: its results cannot be read: {error}")
        return Tally(failed=1)
    if status != 0 and found.failed == 0:
        print(f"{name} failed outside its tests, with exit status {status}; counted as one failure")
        return found + Tally(failed=1)
    if status == 0 and found == Tally():
        print(f"{name} reported no tests; counted as one failure")
        return Tally(failed=1)
    return found


def main(arguments: Sequence[str]) -> int:
    """`name status results` for each run: print the sum as the last line; 1 if anything failed."""
    total = Tally()
    for start in range(0, len(arguments), 3):
        name, status, place = arguments[start : start + 3]
        total += judged(name, int(status), Path(place))
    print(total)
    return 1 if total.failed else 0


def _outcome(case: ET.Element) -> Tally:
    if case.find("failure") is not None or case.find("error") is not None:
        return Tally(failed=1)
    if case.find("skipped") is not None:
        return Tally(skipped=1)
    return Tally(passed=1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
