"""`make verbatim`: every word of the specifications is in the features, or it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from environment import __main__ as cli
from environment.specification import commands
from environment.specification.document import DocumentMissing, find_document, read_document
from environment.specification.features import FeatureUnreadable, read_features
from environment.specification.requirements import Specification
from environment.specification.verbatim import Comparison, compare, list_differences
from environment.specification.wording import marked, render

SPEC = Specification("spec-021", "Title", "021-x", "production", {"FR-001": "a", "SC-001": "b"})
DOCUMENT = """\
# Feature Specification: Title

**Feature Branch**: `021-x`

## User Scenarios & Testing

### User Story 1 - Isolation: Alone (Priority: P1)

The services run **apart**, in
containers of their own.

**Acceptance Scenarios**:

1. **Given** a service with `A=1`, **When** it starts, **Then** it runs, it says so
2. **Given** a service, **When** it stops, **Then** it ends.

---

### Edge Cases

- What happens when nothing is there? It waits, then it fails.

## Requirements

- **FR-001**: It MUST run.

### Measurable Outcomes

- **SC-001**: It runs.
"""
FEATURE = """\
@spec-021 @us1
Feature: User Story 1 - Isolation: Alone

  The services run apart, in containers
  of their own.

  Scenario: first
    Given a service with `A=1`
    When it starts
    Then it runs
    And it says so

  @contract
  Scenario: ours
    Given a service
    When it stops
    Then it ends

  Scenario: second
    Given a service
    When it stops
    Then it ends

  @edge-case
  Scenario: What happens when nothing is there?
    It waits, then it fails.

    Given nothing
"""
CLAUSES = 1 + 2 * 3 + 2


def compared(tmp_path: Path, feature: str) -> Comparison:
    (tmp_path / "specs" / "021-x").mkdir(parents=True)
    (tmp_path / "specs" / "021-x" / "spec.md").write_text(DOCUMENT)
    folder = tmp_path / "features" / "production"
    folder.mkdir(parents=True)
    (folder / "us1.feature").write_text(feature)
    document = read_document(find_document(SPEC, tmp_path / "specs"))
    return compare(SPEC, document, read_features(tmp_path / "features"))


def test_word_for_word_is_no_difference(tmp_path: Path) -> None:
    comparison = compared(tmp_path, FEATURE)
    assert comparison.differences == ()
    assert render([comparison], ()) == f"{CLAUSES} of {CLAUSES} clauses verbatim"


@pytest.mark.parametrize(
    ("old", "new", "missing", "problem"),
    [
        ("When it starts", "When it begins", 1, "not verbatim"),
        ("    And it says so\n", "", 1, "not verbatim"),
        ("Isolation: Alone", "Isolation", 7, "no feature has this name"),
        ("apart, in containers", "in containers", 1, "does not open"),
        ("@spec-021 @us1", "@spec-019", 9, "no feature has this name"),
        ("  Scenario: first", "  @wip\n  Scenario: first", 3, "switched off"),
        ("  Scenario: first", "  @contract\n  Scenario: first", 3, "no such step"),
        ("is there?", "is here?", 2, "no scenario has this name"),
        ("then it fails", "then it stops", 1, "does not hold the specification's answer"),
        ("  @edge-case", "  @skip", 2, "no scenario has this name"),
    ],
)
def test_what_differs_is_counted_and_named(
    tmp_path: Path, old: str, new: str, missing: int, problem: str
) -> None:
    assert old in FEATURE
    comparison = compared(tmp_path, FEATURE.replace(old, new))
    assert comparison.missing == missing
    text = render([comparison], ())
    assert problem in text
    assert text.endswith(f"\n{CLAUSES - missing} of {CLAUSES} clauses verbatim")


def test_scenarios_out_of_order_are_not_those_of_the_text(tmp_path: Path) -> None:
    first, second = FEATURE.index("  Scenario: first"), FEATURE.index("  Scenario: second")
    ours, end = FEATURE.index("  @contract"), FEATURE.index("  @edge-case")
    swapped = FEATURE[:first] + FEATURE[second:end] + FEATURE[first:ours] + FEATURE[end:]
    comparison = compared(tmp_path, swapped)
    assert {difference.problem for difference in comparison.differences} == {"out of order"}
    assert comparison.missing == 3


def test_the_difference_is_shown_in_place(tmp_path: Path) -> None:
    text = render([compared(tmp_path, FEATURE.replace("`A=1`", "`A=2`"))], ())
    assert text.splitlines()[:3] == [
        "spec-021: User Story 1 - Isolation: Alone, scenario 1, Given",
        "  not verbatim, features/production/us1.feature:7",
        "    a service with [-`A=1`-] {+`A=2`+}",
    ]


def test_words_are_marked_as_git_does() -> None:
    assert marked("one two three", "one three four") == "one [-two-] three {+four+}"
    assert marked("a b c", "a d c") == "a [-b-] {+d+} c"


def test_the_list_of_requirements_is_held_against_the_text(tmp_path: Path) -> None:
    compared(tmp_path, FEATURE)
    document = read_document(find_document(SPEC, tmp_path / "specs"))
    assert list_differences(SPEC, document) == ()
    other = Specification("spec-021", "", "021-x", "production", {"FR-001": "a", "FR-009": "b"})
    assert list_differences(other, document) == (
        "spec-021 SC-001 is not in the list",
        "spec-021 FR-009 is in the list alone",
    )


def test_a_specification_that_is_missing_or_there_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DocumentMissing, match="there is none"):
        find_document(SPEC, tmp_path)
    for name in ("one.md", "two.md"):
        (tmp_path / name).write_text(DOCUMENT)
    with pytest.raises(DocumentMissing, match=r"one\.md.*two\.md"):
        find_document(SPEC, tmp_path)


@pytest.mark.parametrize(
    "old", ["### Edge Cases", "### User Story", "- **FR", ", **Then** it ends."]
)
def test_a_text_in_another_form_is_an_error_and_not_less_to_compare(
    tmp_path: Path, old: str
) -> None:
    path = tmp_path / "spec.md"
    path.write_text(DOCUMENT.replace("- **SC-001**: It runs.", "").replace(old, "#"))
    with pytest.raises(DocumentMissing):
        read_document(path)


def test_a_feature_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FeatureUnreadable, match=r"us1\.feature"):
        compared(tmp_path, "Feature: x\n  Scenario: y\n    And z\n")


@pytest.mark.parametrize(("feature", "status"), [(FEATURE, 0), (FEATURE.replace(" it ", " "), 1)])
def test_the_exit_status_says_whether_all_is_there(
    feature: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared(tmp_path, feature)
    monkeypatch.setattr(commands, "read_specifications", lambda: (SPEC,))
    monkeypatch.setattr(commands, "read_features", lambda: read_features(tmp_path / "features"))
    assert cli.main(["verbatim", str(tmp_path / "specs")]) == status
