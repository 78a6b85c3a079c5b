"""What the suite said of a mutant, and whether that is what it had to say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.mutants.mutant import Mutant

_FAILED: Final = frozenset({"failed", "error", "hook_error"})
# The harness's own errors fail a step as well: so does a copy that does not even start.
_EXPECTED: Final = "ASSERT FAILED: expected: "


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


def unmet_and_broken(features: list[dict[str, Any]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the scenarios that failed in behave's JSON report, as two groups.

    First those in which an expectation was not met, then those that ended otherwise.
    """
    unmet: list[str] = []
    broken: list[str] = []
    for element in (element for feature in features for element in feature.get("elements", [])):
        if element.get("type") == "scenario" and element.get("status") in _FAILED:
            (unmet if _unmet(element) else broken).append(str(element["name"]))
    return tuple(unmet), tuple(broken)


def _unmet(scenario: dict[str, Any]) -> bool:
    messages = [step.get("result", {}).get("error_message") for step in scenario.get("steps", [])]
    texts = ["\n".join(said) if isinstance(said, list) else said for said in messages if said]
    return any(text.startswith(_EXPECTED) for text in texts)
