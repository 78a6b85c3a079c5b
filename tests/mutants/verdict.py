"""What the suite said of a mutant, and whether that is what it had to say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutants.mutant import Mutant


@dataclass(frozen=True)
class Verdict:
    """What the suite said of one mutant.

    ``failed`` are the scenarios in which an expectation was not met, ``broken`` those that ended
    otherwise, as they all do when the copy does not even start; ``status`` is behave's, None: it
    was ended because it took too long.
    """

    mutant: Mutant
    failed: tuple[str, ...]
    broken: tuple[str, ...]
    status: int | None
    duration_s: float
    log: Path

    @property
    def objections(self) -> tuple[str, ...]:
        """Why the mutant does not count as caught; empty: the right scenarios failed, no other."""
        red, errors = self.mutant.red, self.mutant.errors
        turned = (*self.failed, *self.broken)
        said = [f"stayed green: {name}" for name in red if name not in turned]
        said += [f"failed as well: {name}" for name in self.failed if name not in red]
        said += [f"broke: {name}" for name in self.broken if name not in errors]
        said += [f"failed, but not by an error: {name}" for name in errors if name in self.failed]
        if self.status is None:
            said.append("took too long, and was ended")
        elif bool(self.status) != bool(red):
            said.append(f"behave's exit status was {self.status}")
        return tuple(said)


def scenarios_that_are(status: str, features: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the names of the scenarios of that status in behave's JSON report."""
    return tuple(
        str(element["name"])
        for feature in features
        for element in feature.get("elements", [])
        if element.get("type") == "scenario" and element.get("status") == status
    )
