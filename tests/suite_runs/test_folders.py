"""The folders of soaks and of runs in several processes."""

from __future__ import annotations

from pathlib import Path

from environment.suite_runs.folders import KEPT, new_folder


def test_two_that_begin_in_the_same_second_have_a_folder_each(tmp_path: Path) -> None:
    made = [new_folder(tmp_path, "soak") for _ in range(KEPT)]
    assert len(set(made)) == KEPT
    assert all(folder.is_dir() for folder in made)
    assert made == sorted(made)


def test_the_oldest_go(tmp_path: Path) -> None:
    old = [tmp_path / f"soak-2026010{day}-000000" for day in range(1, KEPT + 1)]
    for folder in old:
        folder.mkdir()
    (tmp_path / "processes-20250101-000000").mkdir()
    newest = new_folder(tmp_path, "soak")
    kept = {folder.name for folder in (*old[1:], newest)}
    assert {folder.name for folder in tmp_path.iterdir()} == {"processes-20250101-000000", *kept}
