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
from environment.proofs.fault_proofs import prove_room, prove_silent, prove_slow


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
