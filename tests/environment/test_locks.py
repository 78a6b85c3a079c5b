from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from environment.errors import WaitTimeout
from environment.provision.locks import exclusive


def test_the_second_waits_and_is_told_so(tmp_path: Path) -> None:
    told: list[str] = []
    lock = tmp_path / "deep" / "a.lock"
    with (
        exclusive(lock, timeout_s=1),
        pytest.raises(WaitTimeout),
        exclusive(lock, timeout_s=0.2, on_wait=lambda: told.append("waiting")),
    ):
        pass
    assert told == ["waiting"]


def test_it_can_be_taken_again_once_let_go(tmp_path: Path) -> None:
    told: list[str] = []
    for _ in range(2):
        with exclusive(tmp_path / "a.lock", timeout_s=1, on_wait=lambda: told.append("waiting")):
            pass
    assert told == []


def test_a_dead_holder_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from environment.provision.locks import exclusive\n"
        "with exclusive(Path(sys.argv[1]), timeout_s=1):\n    os.kill(os.getpid(), 9)\n"
    )
    lock = tmp_path / "a.lock"
    root = Path(__file__).resolve().parents[2]
    died = subprocess.run(
        [sys.executable, "-c", code, str(lock)], cwd=root, check=False, timeout=30
    )
    assert died.returncode == -9
    with exclusive(lock, timeout_s=1):
        pass
