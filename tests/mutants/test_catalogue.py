"""Mutants must fit the product they sabotage, and name scenarios that are really run."""

import shutil
from pathlib import Path

import pytest
import yaml
from behave.configuration import Configuration

from tests.mutants.catalogue import MUTANTS, UNHARMED
from tests.mutants.copies import ROOT
from tests.mutants.mutant import Edit, Mutant, MutantStaleError
from tests.mutants.page import PAGE, page, scenarios_of


def selected(mutant: Mutant) -> set[str]:
    """The scenarios that behave runs for its arguments."""
    chosen = Configuration(list(mutant.behave), load_config=False)
    return {
        scenario.name
        for file in mutant.features
        for scenario in scenarios_of(file)
        if scenario.should_run(chosen)
    }


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_fits_the_product(mutant: Mutant, tmp_path: Path) -> None:
    for file in {edit.file for edit in mutant.edits}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    for edit in mutant.edits:
        edit.apply(tmp_path)
    for file in {edit.file for edit in mutant.edits}:
        harmed = (tmp_path / file).read_text()
        if file.endswith(".yml"):
            assert yaml.safe_load(harmed)
        else:
            compile(harmed, file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutant_names_scenarios_that_it_runs_and_that_run_unharmed(mutant: Mutant) -> None:
    assert mutant.red
    assert set(mutant.errors) <= set(mutant.red)
    assert set(mutant.red) <= selected(mutant)
    alike = [run for run in UNHARMED if run.profile == mutant.profile]
    assert selected(mutant) <= set().union(*map(selected, alike))


def test_every_mutant_has_a_name_of_its_own() -> None:
    names = [mutant.name for mutant in (*MUTANTS, *UNHARMED)]
    assert len(set(names)) == len(names)
    # They become run ids, of which containers' names and the settings' bound have room.
    assert all(len(f"mutant-{name}") <= 40 for name in names)


def test_the_page_is_the_catalogue_s() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m tests.mutants --page"


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
