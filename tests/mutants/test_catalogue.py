"""Mutants must fit the product they sabotage, and name scenarios that exist."""

import shutil
from pathlib import Path

import pytest
from behave.parser import parse_file

from tests.mutants.catalogue import MUTANTS, UNHARMED
from tests.mutants.mutant import Edit, Mutant, MutantStaleError
from tests.mutants.runner import ROOT, Verdict, scenarios_that_are


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_product(mutant: Mutant, tmp_path: Path) -> None:
    for file in {edit.file for edit in mutant.edits}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    for edit in mutant.edits:
        edit.apply(tmp_path)
    for file in {edit.file for edit in mutant.edits}:
        compile((tmp_path / file).read_text(), file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_names_scenarios_that_it_runs_and_that_run_unharmed(mutant: Mutant) -> None:
    files = [word for word in mutant.behave if word.endswith(".feature")]
    names = {
        scenario.name
        for file in files
        for scenario in parse_file(str(ROOT / file)).walk_scenarios(with_outlines=False)
    }
    assert mutant.red
    assert set(mutant.red) <= names
    assert set(files) <= set(UNHARMED.behave)


def test_stale_words_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    with pytest.raises(MutantStaleError, match="2 times"):
        Edit("a.py", "x = 1", "x = 2").apply(tmp_path)
    with pytest.raises(MutantStaleError, match="0 times"):
        Edit("b.py", "x = 1", "x = 2").apply(tmp_path)


def test_an_edit_leaves_what_the_copy_was_linked_to(tmp_path: Path) -> None:
    original, copy = tmp_path / "original.py", tmp_path / "copy.py"
    original.write_text("x = 1\n")
    copy.hardlink_to(original)
    Edit("copy.py", "x = 1", "x = 2").apply(tmp_path)
    assert (original.read_text(), copy.read_text()) == ("x = 1\n", "x = 2\n")


def test_scenarios_are_read_from_the_report() -> None:
    report = [
        {
            "elements": [
                {"type": "background", "name": "b", "status": "failed"},
                {"type": "scenario", "name": "red", "status": "failed"},
                {"type": "scenario", "name": "broken", "status": "error"},
                {"type": "scenario", "name": "green", "status": "passed"},
            ]
        }
    ]
    assert scenarios_that_are("failed", report) == ("red",)
    assert scenarios_that_are("error", report) == ("broken",)


@pytest.mark.parametrize(
    ("failed", "broken", "status", "objections"),
    [
        (("red",), (), 1, 0),
        ((), (), 0, 2),
        (("red", "green"), (), 1, 1),
        ((), ("red",), 1, 2),
        (("red",), (), 0, 1),
    ],
)
def test_only_the_right_red_counts(
    failed: tuple[str, ...], broken: tuple[str, ...], status: int, objections: int
) -> None:
    mutant = Mutant("m", "", (), (), red=("red",))
    assert len(Verdict(mutant, failed, broken, status, 1.0, Path()).objections) == objections
