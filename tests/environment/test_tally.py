from __future__ import annotations

from pathlib import Path

import pytest

from environment.provision.tally import Tally, judged, main, read_results

PYTEST = """<testsuites><testsuite name="pytest">
<testcase name="a"/><testcase name="b"><failure message="x"/></testcase>
<testcase name="c"><skipped message="no flite"/></testcase>
<testcase name="d"><error message="fixture"/></testcase>
</testsuite></testsuites>"""
BEHAVE = """<testsuite name="us1"><testcase name="one" status="passed"/>
<testcase name="two" status="passed"/></testsuite>"""


def test_cases_are_counted_in_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "pytest.xml").write_text(PYTEST)
    (tmp_path / "behave").mkdir()
    (tmp_path / "behave" / "TESTS-us1.xml").write_text(BEHAVE)
    (tmp_path / "behave" / "TESTS-us2.xml").write_text(BEHAVE)
    assert read_results(tmp_path / "pytest.xml") == Tally(passed=1, failed=2, skipped=1)
    assert read_results(tmp_path / "behave") == Tally(passed=4)


def test_the_last_line_is_the_sum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unit.xml").write_text(PYTEST)
    (tmp_path / "us1.xml").write_text(BEHAVE)
    arguments = ["make test", "1", str(tmp_path / "unit.xml")]
    assert main([*arguments, "make e2e", "0", str(tmp_path / "us1.xml")]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 2 failed, 1 skipped"


def test_all_passed_is_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "us1.xml").write_text(BEHAVE)
    assert main(["make e2e", "0", str(tmp_path / "us1.xml")]) == 0
    assert capsys.readouterr().out == "2 passed, 0 failed, 0 skipped\n"


def test_a_run_that_failed_outside_its_tests_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "us1.xml").write_text(BEHAVE)
    assert judged("make e2e", 2, tmp_path / "us1.xml") == Tally(passed=2, failed=1)
    assert judged("make e2e", 2, tmp_path / "none") == Tally(failed=1)


def test_a_run_without_tests_is_a_failure(tmp_path: Path) -> None:
    assert judged("make e2e", 0, tmp_path / "none") == Tally(failed=1)


def test_results_that_were_cut_short_are_a_failure(tmp_path: Path) -> None:
    (tmp_path / "unit.xml").write_text(PYTEST[:60])
    assert judged("make test", 0, tmp_path / "unit.xml") == Tally(failed=1)
