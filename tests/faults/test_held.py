"""Holding a container fast once it speaks: when, and that nothing is left waiting."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from environment.faults import held


class Starts:
    """The engine's stream of events, which ends when it is closed."""

    def __init__(self) -> None:
        self.queue: queue.Queue[dict[str, str] | None] = queue.Queue()

    def __next__(self) -> dict[str, str]:
        event = self.queue.get()
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        self.queue.put(None)


class Container:
    name = "sts"

    def __init__(self, *logged: bytes) -> None:
        self._logged = iter(logged)
        self.signals: list[str] = []
        self.held = threading.Event()

    def logs(self, tail: int) -> bytes:
        return next(self._logged, b"a line\n") if tail else b""

    def kill(self, signal: str) -> None:
        self.signals.append(signal)
        self.held.set()


@pytest.fixture
def starts() -> Starts:
    return Starts()


def engine(monkeypatch: pytest.MonkeyPatch, starts: Starts, container: Container) -> list[Any]:
    asked: list[Any] = []

    def events(**options: Any) -> Starts:
        asked.append(options["filters"])
        return starts

    containers = SimpleNamespace(get={"7": container}.__getitem__)
    client = SimpleNamespace(events=events, containers=containers, close=lambda: None)
    monkeypatch.setattr("docker.from_env", lambda: client)
    return asked


def test_it_is_held_once_it_has_logged_something(
    monkeypatch: pytest.MonkeyPatch, starts: Starts
) -> None:
    container = Container(b"", b"")
    asked = engine(monkeypatch, starts, container)
    with held.held_once_it_speaks("sts"):
        assert not container.signals
        starts.queue.put({"id": "7"})
        assert container.held.wait(5)
    assert container.signals == ["SIGSTOP"]
    assert asked == [{"type": "container", "event": "start", "container": "sts"}]


def test_one_that_never_starts_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, starts: Starts
) -> None:
    container = Container()
    engine(monkeypatch, starts, container)
    with held.held_once_it_speaks("sts"):
        pass
    assert not container.signals
    assert not [each for each in threading.enumerate() if each.name == "hold-sts"]
