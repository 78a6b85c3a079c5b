"""docs/mutants.md: the table of the mutants, made from the catalogue."""

from __future__ import annotations

from typing import Final

from behave.model import Scenario
from behave.parser import parse_file

from environment.settings import REPO_ROOT
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant

PAGE: Final = REPO_ROOT / "docs" / "mutants.md"
_HEAD: Final = """\
# The mutants

Made by `python -m tests.mutants --page` from `tests/mutants/`; do not edit.

A check that cannot fail proves nothing. So the product, and the suite itself, is sabotaged on
purpose, one harm at a time, in a copy: {count} mutants. Each has to turn red the scenarios that
claim to notice it, and no others. `make mutants` tries all of them, two at a time, after it saw
every one of these scenarios green without a sabotage; it fails if one mutant stays green, turns red
what it should not, or does not even start. `make mutants ARGS="late-150ms wrong-segment"` tries
those.

A mutant is an exact edit: words that stand in the product once, and what replaces them. Where the
product has changed so that they are not there any more, `make test` says so.

"""


def page() -> str:
    """Return the page."""
    groups: dict[str, list[Mutant]] = {}
    for mutant in MUTANTS:
        groups.setdefault(_where(mutant), []).append(mutant)
    lines = [_HEAD.format(count=len(MUTANTS))]
    for where, mutants in groups.items():
        lines.append(f"## Sabotaged: {where}\n\n")
        lines.append("| mutant | what is wrong | what must turn red |\n|---|---|---|\n")
        lines += [
            f"| {mutant.name} | {mutant.story} | {'<br>'.join(_reds(mutant))} |\n"
            for mutant in mutants
        ]
        lines.append("\n")
    return "".join(lines).rstrip("\n") + "\n"


def scenarios_of(file: str) -> list[Scenario]:
    """Return the scenarios of a feature file, those of outlines one by one."""
    feature = parse_file(str(REPO_ROOT / file))
    return list(feature.walk_scenarios(with_outlines=False))


def _where(mutant: Mutant) -> str:
    parts = mutant.edits[0].file.split("/")
    return parts[1] if parts[0] == "services" else "the harness"


def _reds(mutant: Mutant) -> list[str]:
    files = {scenario.name: file for file in mutant.features for scenario in scenarios_of(file)}
    return [
        f"{files[name].rpartition('/')[2].removesuffix('.feature')}: {name}" for name in mutant.red
    ]
