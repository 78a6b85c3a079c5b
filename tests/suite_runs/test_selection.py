"""What behave's arguments select."""

from __future__ import annotations

import pytest

from environment.settings import REPO_ROOT
from environment.suite_runs.selection import selected_features, with_features


@pytest.mark.parametrize(
    "arguments",
    [
        ["features/production/us1_independent_containers.feature:10"],
        ["./features/production"],
        [f"{REPO_ROOT}/features/production", "--tags=@us1"],
        ["--junit", "--junit-directory", "artifacts", "features/dual_compose"],
    ],
)
def test_features_that_are_named_are_run_alone(arguments: list[str]) -> None:
    assert with_features(arguments) == arguments


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--tags=@us1"],
        ["-n", "the whole clip"],
        ["--exclude", "features/production/chaos.feature"],
        ["-D", "behave.reporter.junit.show_skipped_always=true", "--junit-directory", "features"],
    ],
)
def test_else_all_are_run(arguments: list[str]) -> None:
    assert with_features(arguments) == ["features/", *arguments]


def test_a_feature_is_selected_by_the_tags_of_its_scenarios() -> None:
    slow = selected_features(["--tags=@slow"])
    quick = selected_features(["--tags=not @slow"])
    assert "production/chaos.feature" in slow
    assert "production/chaos.feature" not in quick
    assert "production/clips.feature" in quick
    assert set(slow) | set(quick) == set(selected_features([]))


def test_a_scenario_is_selected_by_its_name() -> None:
    assert selected_features(["-n", "the disk is full"]) == ["production/survival.feature"]


def test_nothing_may_be_selected() -> None:
    assert selected_features(["--tags=@no-such-tag"]) == []
