"""The proofs that a fault is real: what only looks like one is none."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import HarnessError
from environment.expectations import ExpectationFailed
from environment.proofs.fault_proofs import (
    prove_longer,
    prove_not_slowed_down,
    prove_restarted,
    prove_room,
    prove_silent,
    prove_slow,
    prove_slowed_down,
    share_of_processor,
)


def asking() -> Any:
    """A container whose commands are run here."""

    def run(_python: str, *argv: str, timeout_s: float) -> Any:
        done = subprocess.run(
            (sys.executable, *argv), capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return SimpleNamespace(output=done.stdout + done.stderr)

    return SimpleNamespace(name="asking", exec=run)


def test_who_takes_a_connection_and_says_nothing_is_silent_and_not_slow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        prove_silent(asking(), url, 0.5)


def test_who_refuses_is_neither_silent_nor_slow() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    for prove in (prove_silent, prove_slow):
        with pytest.raises(HarnessError, match="could not ask"):
            prove(asking(), url, 0.5)


@pytest.mark.parametrize(
    ("prove", "said", "fits"),
    [
        (prove_slow, "0.3", True),
        (prove_slow, "0.1", False),
        (prove_slow, "late", False),
        (prove_silent, "late", True),
        (prove_silent, "0.3", False),
    ],
)
def test_slow_and_silent_are_told_apart(
    prove: Callable[[Any, str, float], None], said: str, fits: bool
) -> None:
    container = SimpleNamespace(
        name="made", exec=lambda *_argv, timeout_s: SimpleNamespace(output=f"{said}\n")
    )
    if fits:
        prove(container, "http://x", 200)
        return
    with pytest.raises(ExpectationFailed):
        prove(container, "http://x", 200)


@pytest.mark.parametrize(
    ("exit_code", "output", "room", "fits"),
    [
        (0, "", True, True),
        (0, "", False, False),
        (1, "dd: error writing: No space left on device", False, True),
        (1, "dd: Permission denied", False, False),
        (1, "dd: error writing: No space left on device", True, False),
    ],
)
def test_a_disk_is_full_where_there_is_no_space(
    exit_code: int, output: str, room: bool, fits: bool
) -> None:
    written = SimpleNamespace(exit_code=exit_code, output=output)
    container: Any = SimpleNamespace(name="made", exec=lambda *_argv: written)
    if fits:
        prove_room(container, "/data", room=room)
        return
    with pytest.raises(ExpectationFailed):
        prove_room(container, "/data", room=room)


RAN = {"Status": "running", "Pid": 7, "StartedAt": "2026-01-01T10:00:00Z"}
RUNS = {"Status": "running", "Pid": 8, "StartedAt": "2026-01-01T10:01:00Z"}


def test_a_container_that_was_restarted() -> None:
    prove_restarted(RAN, RUNS)


@pytest.mark.parametrize(
    "after",
    [
        RAN,
        RUNS | {"Status": "exited"},
        RUNS | {"Pid": 7},
        RUNS | {"StartedAt": RAN["StartedAt"]},
    ],
)
def test_a_container_that_was_not(after: dict[str, Any]) -> None:
    with pytest.raises(ExpectationFailed, match="another process than 7"):
        prove_restarted(RAN, after)


def test_a_share_of_a_processor_is_measured_and_compared() -> None:
    assert 0 < share_of_processor(asking()) <= 1.05
    prove_slowed_down(0.21, 0.2)
    prove_not_slowed_down(0.9, 0.2)
    with pytest.raises(ExpectationFailed, match=r"0\.90 of a processor"):
        prove_slowed_down(0.9, 0.2)
    with pytest.raises(ExpectationFailed, match=r"more than 0\.2"):
        prove_not_slowed_down(0.21, 0.2)
    mute: Any = SimpleNamespace(
        name="mute", exec=lambda *_argv, timeout_s: SimpleNamespace(output="no python3")
    )
    with pytest.raises(HarnessError, match="could not compute"):
        share_of_processor(mute)


def test_fragments_that_take_longer() -> None:
    prove_longer([0.2, 0.1], [1.25, 2.1], [1, 2])


@pytest.mark.parametrize(
    "after_s",
    [
        [0.2, 0.1],  # as before
        [1.2, 1.1],  # not in turns
        [2.2, 2.1],
        [0.7, 2.1],  # too little
        [1.2],
        [],
    ],
)
def test_fragments_that_do_not_take_as_much_longer(after_s: list[float]) -> None:
    before_s = [0.2, 0.1][: len(after_s)]
    with pytest.raises(ExpectationFailed, match="s longer"):
        prove_longer(before_s, after_s, [1, 2])
