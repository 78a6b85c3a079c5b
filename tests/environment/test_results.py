"""Where a run's JUnit results are: two runs of one checkout must not delete each other's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from environment.settings import REPO_ROOT

MAKE = """#!/bin/sh
results=artifacts/results${E2E_RUN_ID:+-$E2E_RUN_ID}
case "$*" in
    test) at=$results/pytest.xml;;
    e2e*) at=$results/behave/a.xml;;
    *) at=$results/p1/a.xml;;
esac
mkdir -p "$(dirname "$at")"
echo "<testsuite><testcase/></testsuite>" > "$at"
"""
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def would_run(target: str, run_id: str) -> str:
    said = subprocess.run(
        ["make", "-n", "-o", ".venv/.requirements", target],
        cwd=REPO_ROOT,
        env={"PATH": os.environ["PATH"], **({"E2E_RUN_ID": run_id} if run_id else {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout


@needs_make
@pytest.mark.parametrize(
    ("target", "place"),
    [("e2e", "behave"), ("p1", "p1"), ("test", "pytest.xml"), ("trace", "behave")],
)
def test_a_run_of_its_own_name_has_results_of_its_own(target: str, place: str) -> None:
    usual, named = f"artifacts/results/{place}", f"artifacts/results-mine/{place}"
    assert usual in would_run(target, "")
    assert named not in would_run(target, "")
    assert named in would_run(target, "mine")
    assert usual not in would_run(target, "mine")


@pytest.mark.parametrize("run_id", ["", "mine"])
def test_the_sum_of_everything_is_of_the_run_s_own_results(tmp_path: Path, run_id: str) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(REPO_ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "environment").symlink_to(REPO_ROOT / "environment")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "make").write_text(MAKE)
    (programs / "make").chmod(0o755)
    (programs / "python3").symlink_to(sys.executable)
    others = tmp_path / "artifacts" / ("results" if run_id else "results-mine") / "pytest.xml"
    others.parent.mkdir(parents=True)
    others.write_text("<testsuite><testcase><failure/></testcase></testsuite>")
    ended = subprocess.run(
        ["bash", str(tmp_path / ".ci" / "run")],
        env={"PATH": f"{programs}:{os.environ['PATH']}", "E2E_RUN_ID": run_id},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.splitlines()[-1] == "3 passed, 0 failed, 0 skipped", ended.stderr
    assert others.exists()
