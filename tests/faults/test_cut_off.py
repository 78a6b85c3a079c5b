"""Cutting a container off once it is started: when, and that nothing is left waiting."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from environment.faults import cut_off


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


def engine(monkeypatch: pytest.MonkeyPatch, starts: Starts) -> tuple[list[Any], list[Any]]:
    """Put one in the place of Docker's: what it was asked for, and what it has cut off."""
    asked: list[Any] = []
    cut: list[Any] = []

    def events(**options: Any) -> Starts:
        asked.append(options["filters"])
        return starts

    def disconnect(*what: str, force: bool) -> None:
        cut.append((*what, force))

    api = SimpleNamespace(disconnect_container_from_network=disconnect)
    client = SimpleNamespace(events=events, api=api, close=lambda: None)
    monkeypatch.setattr("docker.from_env", lambda: client)
    return asked, cut


def test_it_is_cut_off_once_it_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    starts = Starts()
    asked, cut = engine(monkeypatch, starts)
    with cut_off.cut_off_once_started("sts", "net"):
        assert not cut
        starts.queue.put({"id": "7"})
    assert cut == [("7", "net", True)]
    assert asked == [{"type": "container", "event": "start", "container": "sts"}]


def test_one_that_never_starts_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    _asked, cut = engine(monkeypatch, Starts())
    with cut_off.cut_off_once_started("sts", "net"):
        pass
    assert not cut
    assert not [each for each in threading.enumerate() if each.name == "cut-off-sts"]
