from __future__ import annotations

import errno
import subprocess
from pathlib import Path

import pytest

from environment.provision import bootstrap


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "requirements.txt").write_text("# nothing to install\n")
    return tmp_path


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done instead of running venv and pip, in order."""
    calls: list[str] = []

    def make(environment: Path) -> None:
        calls.append("make")
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").write_text("#!/bin/sh\nexit 0\n")
        (environment / "bin" / "python").chmod(0o755)

    monkeypatch.setattr(bootstrap, "_make", make)
    monkeypatch.setattr(bootstrap, "_install", lambda *_: calls.append("install"))
    return calls


def test_the_environment_is_made_once(checkout: Path, done: list[str]) -> None:
    assert bootstrap.main(checkout) == 0
    assert bootstrap.main(checkout) == 0
    assert done == ["make", "install"]


def test_changed_requirements_are_installed(checkout: Path, done: list[str]) -> None:
    bootstrap.main(checkout)
    (checkout / "requirements.txt").write_text("numpy\n")
    bootstrap.main(checkout)
    assert done == ["make", "install", "install"]


def test_the_stamp_is_newer_than_the_requirements(checkout: Path, done: list[str]) -> None:
    bootstrap.main(checkout)
    (checkout / "requirements.txt").touch()
    bootstrap.main(checkout)
    stamp = checkout / ".venv" / ".requirements"
    assert stamp.stat().st_mtime_ns >= (checkout / "requirements.txt").stat().st_mtime_ns
    assert done == ["make", "install"]


def test_a_broken_environment_is_made_anew(checkout: Path, done: list[str]) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / ".requirements").write_text("whatever")
    bootstrap.main(checkout)
    assert done == ["make", "install"]


def test_an_interrupted_installation_is_taken_up_again(
    checkout: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "_install", interrupted)
        assert bootstrap.main(checkout) == 130
    assert bootstrap.main(checkout) == 0
    assert done == ["make", "install"]


def test_a_pip_that_fails_is_one_line_with_a_remedy(
    checkout: Path,
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Path) -> None:
        raise bootstrap.BootstrapError("pip cannot install x. Remedy: y.")

    monkeypatch.setattr(bootstrap, "_install", fail)
    assert bootstrap.main(checkout) == 2
    assert capsys.readouterr().err == "pip cannot install x. Remedy: y.\n"


def test_a_checkout_of_somebody_else_s_is_one_line_with_a_remedy(
    checkout: Path,
    done: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(checkout / ".venv"))

    monkeypatch.setattr(bootstrap, "_make", refuse)
    assert bootstrap.main(checkout) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(checkout / ".venv") in said
    assert "must be yours" in said


def test_what_says_its_own_remedy_is_told_as_it_is() -> None:
    assert bootstrap.refusal(FileNotFoundError("No clip. Remedy: x.")) == "No clip. Remedy: x."


def test_an_old_python_is_refused(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "MINIMUM", (99, 0))
    assert bootstrap.main(checkout) == 2
    assert "too old" in capsys.readouterr().err
    assert not (checkout / ".venv").exists()


def test_a_failing_command_is_told_by_its_errors() -> None:
    said = bootstrap._run(
        ["sh", "-c", "echo working; echo ERROR: no matching distribution; echo bye; exit 1"],
        timeout_s=10,
    )
    assert said == "ERROR: no matching distribution"


def test_it_needs_nothing_but_the_standard_library() -> None:
    for module in ("bootstrap", "tally"):
        code = f"import runpy; runpy.run_path('environment/provision/{module}.py')"
        subprocess.run(
            ["python3", "-I", "-S", "-c", code], cwd=bootstrap.ROOT, check=True, timeout=30
        )
