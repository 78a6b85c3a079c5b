"""Who stands in the place of a service that is gone: it notes everybody, and lets nobody in."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

from environment.faults.listening import Listening
from environment.faults.listening_program import Listener
from environment.waiting import wait_for


def came_at(listener: Listener) -> list[float]:
    told: dict[str, Any] = requests.get(
        f"http://127.0.0.1:{listener.control_port}/health", timeout=5
    ).json()
    assert told["status"] == "healthy"
    return list(told["came_at"])


def test_everybody_is_noted_and_turned_away() -> None:
    with Listener(0, 0) as listener:
        assert came_at(listener) == []
        before = time.time()

        answer = requests.get(f"http://127.0.0.1:{listener.port}/socket.io/", timeout=5)

        assert answer.status_code == 503
        (at,) = came_at(listener)
        assert before <= at <= time.time()


def test_who_says_nothing_is_noted_as_well() -> None:
    with Listener(0, 0) as listener:
        for _ in range(2):
            socket.create_connection(("127.0.0.1", listener.port), timeout=5).close()
        wait_for("two who came", lambda: len(came_at(listener)) == 2, timeout_s=5)


def test_the_program_needs_nothing_but_the_standard_library() -> None:
    path = Path(__file__).parents[2] / "environment" / "faults" / "listening_program.py"

    assert "environment" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("since", "seen"), [(0.0, (1.0, 2.0)), (1.5, (2.0,))])
def test_who_came_before_does_not_count(since: float, seen: tuple[float, ...]) -> None:
    door = SimpleNamespace(get=lambda _path: {"came_at": [1.0, 2.0]})

    assert Listening(cast("Any", door)).came_at(since=since) == seen
