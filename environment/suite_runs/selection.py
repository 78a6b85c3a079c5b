"""What behave's arguments select, as behave itself reads them."""

from __future__ import annotations

from collections.abc import Sequence

from behave.configuration import Configuration

from environment.specification.features import read_features


def names_features(arguments: Sequence[str]) -> bool:
    """Whether the arguments say which features to run."""
    return bool(_configuration(arguments).paths)


def selected_features(arguments: Sequence[str]) -> list[str]:
    """Every feature below features/ of which the arguments select a scenario, by its path there."""
    configuration = _configuration(arguments)
    return [
        file.path.as_posix()
        for file in read_features()
        if any(row.should_run(configuration) for _, rows in file.groups for row in rows)
    ]


def with_features(arguments: Sequence[str]) -> list[str]:
    """Return behave's arguments with ``features/`` before them, unless they name features."""
    return [*([] if names_features(arguments) else ["features/"]), *arguments]


def _configuration(arguments: Sequence[str]) -> Configuration:
    # behave.ini names the folder of all features, which is nobody's choice here.
    return Configuration(list(arguments), load_config=False)
