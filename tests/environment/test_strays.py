"""Processes that a run leaves on its host: found by their mark, ended, and told apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from environment.runs.program import Program
from environment.stack import strays
from environment.stack.ownership import Owner
from environment.stack.reaper import sweep
from environment.waiting import wait_for
from tests.environment.engine_in_memory import EngineInMemory

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")

ROOT = Path(__file__).resolve().parents[2]

# A run that starts two children, names them, and waits to be killed.
RUN = """
import sys
from environment.runs.program import Program
gentle = Program(["sleep", "300"]).start()
stubborn = Program(["sh", "-c", "trap '' TERM; echo; while :; do sleep 0.1; done"]).start()
while not stubborn.log:
    pass
print(gentle.pid, stubborn.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def children_of_the_dead() -> Iterator[tuple[int, int]]:
    """The children of a process that was killed: one that ends when told, one that does not."""
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(RUN)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        gentle, stubborn = (int(word) for word in run.stdout.readline().split())
        run.kill()
    yield gentle, stubborn
    for pid in (gentle, stubborn):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def pids(found: list[strays.Stray]) -> set[int]:
    return {stray.pid for stray in found}


def test_what_a_living_process_started_is_its_own_and_no_stray() -> None:
    me = Owner.current("r")
    with Program(["sleep", "300"]) as program:
        assert program.pid in pids(strays.of_owner(me))
        assert program.pid not in pids(strays.of_the_dead())
        assert program.pid not in pids(strays.of_owner(replace(me, start="1")))
        assert program.pid not in pids(strays.of_owner(replace(me, namespace="pid:[1]")))
    assert program.pid not in pids(strays.of_owner(me))


def test_what_a_dead_process_left_is_found_and_ended(
    children_of_the_dead: tuple[int, int],
) -> None:
    found = [s for s in strays.of_the_dead() if s.pid in children_of_the_dead]
    assert pids(found) == set(children_of_the_dead)
    said = strays.end(found, grace_s=0.2)
    assert f"process {children_of_the_dead[0]} sleep 300" in said
    wait_for("both to be gone", lambda: not any(stray.lives for stray in found), timeout_s=2)


def test_a_sweep_ends_what_dead_runs_left(
    children_of_the_dead: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [s for s in strays.of_the_dead() if s.pid in children_of_the_dead]
    # Those of other runs on this machine are none of this test's business.
    monkeypatch.setattr(strays, "of_the_dead", lambda: found[:1])
    engine: Any = EngineInMemory()
    assert sweep(engine) == [f"process {found[0].pid} sleep 300"]
    assert not found[0].lives


def test_a_mark_of_another_namespace_or_of_no_sense_is_nobody_s(tmp_path: Path) -> None:
    me = Owner.current("r")
    for pid, said in enumerate(("pid:[1]/1/1", "", "nonsense", f"{me.namespace}/x/1"), start=1):
        entry = tmp_path / str(pid)
        entry.mkdir()
        (entry / "environ").write_bytes(f"HOME=/\0{strays.MARK}={said}\0".encode())
        (entry / "cmdline").write_bytes(b"sleep\0300\0")
    assert strays.of_the_dead(tmp_path) == []


def test_what_is_to_outlive_its_starter_bears_no_mark() -> None:
    assert strays.unmarked({**strays.mark(), "HOME": "/"}) == {"HOME": "/"}


def test_a_process_id_that_was_given_again_is_not_signalled() -> None:
    with subprocess.Popen(["sleep", "300"]) as process:
        another = strays.Stray(process.pid, "1", "sleep 300")
        assert not another.lives
        another.tell(signal.SIGKILL)
        assert process.poll() is None
        process.kill()
