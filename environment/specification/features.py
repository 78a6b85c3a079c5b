"""The feature files as behave reads them, for those who hold them against something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from behave.model import Feature, Scenario, ScenarioOutline
from behave.parser import ParserError, parse_file

from environment.errors import HarnessError
from environment.specification.requirements import FEATURES


class FeatureUnreadable(HarnessError):  # noqa: N818 - the family's way of naming
    """A feature file is not Gherkin."""


@dataclass(frozen=True)
class FeatureFile:
    """One feature file; ``path`` is from features/ on."""

    path: Path
    feature: Feature

    @property
    def dotted(self) -> str:
        """The path as behave's JUnit files are named: without a suffix, with dots."""
        return ".".join(self.path.with_suffix("").parts)

    @property
    def groups(self) -> Iterator[tuple[Scenario | ScenarioOutline, tuple[Scenario, ...]]]:
        """Yield each scenario with itself, and each outline with the scenarios of its rows."""
        for item in self.feature.run_items:
            rows = item.scenarios if isinstance(item, ScenarioOutline) else [item]
            yield item, tuple(rows)

    def place(self, item: Scenario | ScenarioOutline) -> str:
        """Return where it stands, as behave takes it: ``features/production/us1….feature:9``."""
        return f"{FEATURES.name}/{self.path}:{item.location.line}"


def read_features(root: Path = FEATURES) -> tuple[FeatureFile, ...]:
    """Parse every feature below ``root``, in the order of their paths."""
    return tuple(
        FeatureFile(path.relative_to(root), feature)
        for path in sorted(root.rglob("*.feature"))
        if (feature := _parsed(path)) is not None
    )


def _parsed(path: Path) -> Feature | None:
    try:
        return parse_file(str(path))
    except ParserError as error:
        raise FeatureUnreadable(f"{path} is no feature file: {error}.") from None
