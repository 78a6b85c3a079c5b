"""The bench's reading of an output's counter over a break, and of what a container holds."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.bench.survival import holds, longest_silence_s
from environment.errors import HarnessError
from environment.stack.container_io import ExecResult

FILES_OPEN = 20


def test_a_silence_is_from_growth_to_growth_though_nobody_answered_meanwhile() -> None:
    steady = [(0.2 * n, 100 * (n + 1)) for n in range(10)]
    assert round(longest_silence_s(steady), 3) == 0.2
    begun_anew = [*steady, (5.0, 50), (5.2, 150)]
    assert round(longest_silence_s(begun_anew), 3) == round(5.0 - 1.8, 3)
    assert longest_silence_s([*steady, (2.0, 1000), (2.2, 1000), (2.6, 1100)]) > 0.7
    assert longest_silence_s([]) == 0


@pytest.fixture
def bare_container(tmp_path: Path) -> Any:
    """One that has a shell and awk, as busybox brings them, and the processes of a made /proc."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("sh", "awk"):
        (programs / program).symlink_to(shutil.which(program) or "")

    def run(*argv: str) -> ExecResult:
        here = [word.replace("/proc/", f"{tmp_path}/proc/") for word in argv]
        try:
            done = subprocess.run(
                here, env={"PATH": str(programs)}, capture_output=True, text=True, check=False
            )
        except FileNotFoundError as missing:
            return ExecResult(127, f"OCI runtime exec failed: {missing}")
        return ExecResult(done.returncode, done.stdout + done.stderr)

    return made(run)


def made(run: Callable[..., ExecResult]) -> Any:
    return SimpleNamespace(name="e2e-mediamtx", exec=run)


def process(folder: Path, name: str, *, files: int, mib: int, children: str = "") -> None:
    (folder / "fd").mkdir(parents=True)
    for number in range(files):
        (folder / "fd" / str(number)).touch()
    task = folder / "task" / folder.name
    task.mkdir(parents=True)
    (task / "children").write_text(f"{children}\n")
    (folder / "comm").write_text(f"{name}\n")
    (folder / "status").write_text(f"Name:\t{name}\nVmRSS:\t{1024 * mib:8d} kB\n")


def test_a_container_without_python_tells_its_open_files_and_its_memory(
    bare_container: Any, tmp_path: Path
) -> None:
    process(tmp_path / "proc" / "1", "mediamtx", files=FILES_OPEN, mib=30)
    assert holds(bare_container) == (FILES_OPEN, 30.0)


@pytest.mark.parametrize("init", ["tini", "docker-init"])
def test_not_the_init_is_asked_but_whom_it_looks_after(
    bare_container: Any, tmp_path: Path, init: str
) -> None:
    process(tmp_path / "proc" / "1", init, files=3, mib=1, children="7 12 ")
    process(tmp_path / "proc" / "7", "python3", files=FILES_OPEN, mib=80)
    assert holds(bare_container) == (FILES_OPEN, 80.0)


@pytest.mark.parametrize(
    "said",
    [
        ExecResult(127, 'exec: "sh": executable file not found in $PATH'),
        ExecResult(1, ""),
        ExecResult(0, "12\n"),
    ],
)
def test_a_container_that_does_not_tell_is_an_error_of_the_harness(said: ExecResult) -> None:
    with pytest.raises(HarnessError, match="e2e-mediamtx does not tell what it holds"):
        holds(made(lambda *_argv: said))
