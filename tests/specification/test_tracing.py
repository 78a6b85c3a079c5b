"""`make trace`: a requirement counts as proven only by a scenario that passed in the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from environment import __main__ as cli
from environment.specification import commands
from environment.specification.features import read_features
from environment.specification.requirements import (
    Specification,
    read_specifications,
    requirement_tags,
)
from environment.specification.results import ResultsMissing, read_results
from environment.specification.tracing import Traced, render, trace, unproven

SPEC = Specification(
    "spec-021", "Production", "021-x", "production", {"FR-001": "one", "SC-001": "two"}
)
FEATURE = """\
@spec-021
Feature: A story

  @fr-001
  Scenario: plain
    Given something

  @fr-001 @sc-001
  Scenario Outline: many
    Given <thing>

    Examples: things
      | thing |
      | a     |
      | b     |
"""
ROWS = ("many -- @1.1 things", "many -- @1.2 things")


def traced(tmp_path: Path, outcomes: dict[str, str], *, feature: str = FEATURE) -> list[Traced]:
    features, results = tmp_path / "features", tmp_path / "results"
    for folder in (features / "production", features / "dual_compose", results):
        folder.mkdir(parents=True)
    (features / "production" / "us1.feature").write_text(feature)
    (features / "dual_compose" / "us1.feature").write_text(feature.replace("plain", "other"))
    cases = "".join(
        f'<testcase name="{name}" status="{status}">{"<failure/>" * (status == "failed")}'
        f"{'<skipped/>' * (status == 'skipped')}</testcase>"
        for name, status in outcomes.items()
    )
    (results / "TESTS-production.us1.xml").write_text(
        f'<testsuite timestamp="2026-11-22T10:00:00">{cases}</testsuite>'
    )
    return list(trace([SPEC], read_features(features), read_results(results)))


def test_a_requirement_is_proven_by_what_passed(tmp_path: Path) -> None:
    first, second = traced(tmp_path, {"plain": "passed", **dict.fromkeys(ROWS, "passed")})
    assert (first.verdict, second.verdict) == ("passed", "passed")
    assert [proof.place for proof in first.proofs] == [
        "features/production/us1.feature:5",
        "features/production/us1.feature:9",
    ]
    assert unproven([first, second]) == ()


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (("passed", "failed"), "failed"),
        (("passed", "skipped"), "passed"),
        (("skipped", "skipped"), "skipped"),
        (("skipped", "untested"), "skipped"),
        (("untested", "untested"), "not run"),
        (("passed", "hook_error"), "failed"),
        ((), "not run"),
    ],
)
def test_what_failed_was_skipped_or_left_out_proves_nothing(
    tmp_path: Path, rows: tuple[str, ...], verdict: str
) -> None:
    _, item = traced(tmp_path, dict(zip(ROWS, rows, strict=False)))
    assert item.verdict == verdict
    assert (item in unproven([item])) is (verdict != "passed")


def test_a_requirement_without_a_tag_has_no_scenario(tmp_path: Path) -> None:
    _, item = traced(tmp_path, {"plain": "passed"}, feature=FEATURE.replace(" @sc-001", ""))
    assert item.verdict == "no scenario"


def test_another_specification_s_folder_proves_nothing_here(tmp_path: Path) -> None:
    first, _ = traced(tmp_path, {"other": "passed"})
    assert first.verdict == "not run"


def test_the_table_ends_with_what_is_left(tmp_path: Path) -> None:
    items = traced(tmp_path, {"plain": "passed", ROWS[0]: "failed", ROWS[1]: "passed"})
    text = render([SPEC], items, read_results(tmp_path / "results"))
    assert "results of 2026-11-22 10:00: 2 passed, 1 failed, 0 skipped" in text
    assert "1 failed, 1 passed features/production/us1.feature:9  many" in text
    assert text.splitlines()[-2:] == [
        "NOT PROVEN  spec-021 SC-001  failed",
        "0 of 2 requirements and success criteria proven",
    ]


def test_without_results_it_says_how_to_get_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["trace", "--results", str(tmp_path)]) == 2
    assert "make e2e" in capsys.readouterr().err


def test_results_that_were_cut_short_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "TESTS-production.us1.xml").write_text("<testsuite><testcase")
    with pytest.raises(ResultsMissing, match="cut short"):
        read_results(tmp_path)


@pytest.mark.parametrize(("status", "ends_with"), [("passed", 0), ("skipped", 1), ("failed", 1)])
def test_the_exit_status_says_whether_all_is_proven(
    status: str, ends_with: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced(tmp_path, {"plain": "passed", **dict.fromkeys(ROWS, status)})
    monkeypatch.setattr(commands, "read_specifications", lambda: (SPEC,))
    monkeypatch.setattr(commands, "read_features", lambda: read_features(tmp_path / "features"))
    assert cli.main(["trace", "--results", str(tmp_path / "results")]) == ends_with


def test_tags_of_requirements_are_told_from_others() -> None:
    tags = ("fr-016a", "sc-001", "us1", "fr-1", "spec-021", "frs-001")
    assert requirement_tags(tags) == {"FR-016a", "SC-001"}


def test_the_list_has_every_number_of_both_specifications() -> None:
    counts = {
        spec.tag: [sum(n.startswith(kind) for n in spec.requirements) for kind in ("FR", "SC")]
        for spec in read_specifications()
    }
    assert counts == {"spec-021": [45, 8], "spec-019": [36, 8]}


def test_no_scenario_claims_a_requirement_that_there_is_not() -> None:
    listed = {spec.folder: set(spec.requirements) for spec in read_specifications()}
    for file in read_features():
        for _, rows in file.groups:
            for row in rows:
                assert requirement_tags(row.effective_tags) <= listed[file.path.parts[0]], row.name
