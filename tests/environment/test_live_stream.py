"""A stream that is followed: what ends the following reaches whoever asks for the stream."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import requests

from environment.errors import HarnessError
from environment.runs import live_stream
from environment.runs.live_stream import LiveStream
from environment.waiting import wait_for

HEALTH = {"sts": {"connected": True}, "media_server": {"reachable": True}}
STREAM: dict[str, Any] = {
    "stream_id": "s1",
    "path_in": "live/x/in",
    "state": "processing",
    "error": None,
    "segments": [],
    "output": None,
}


class Service:
    """media-service, which answers as ``health`` is: with a document, or by raising it."""

    def __init__(self, health: object) -> None:
        self.health = health

    def get(self, path: str, *, timeout_s: float) -> Any:
        if isinstance(self.health, Exception):
            raise self.health
        return self.health if path == "/health" else {"streams": [STREAM]}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_stream, "POLL_S", 0.01)


def followed(health: object) -> LiveStream:
    session = SimpleNamespace(
        stack=lambda: SimpleNamespace(
            media_service=Service(health), media_server=SimpleNamespace(path=lambda _name: None)
        ),
        settings=SimpleNamespace(timeout=float),
        store=SimpleNamespace(log=SimpleNamespace(note=lambda *_said: None)),
    )
    publication = SimpleNamespace(path="live/x/in")
    return LiveStream(cast("Any", session), cast("Any", publication))


def wait_change(stream: LiveStream) -> None:
    wait_for("a look", lambda: stream.changes, timeout_s=5, interval_s=0.01)


@pytest.mark.parametrize("health", [HEALTH, requests.ConnectionError("away"), HarnessError("away")])
def test_a_service_that_is_away_is_asked_again(health: object) -> None:
    with followed(health) as stream:
        wait_change(stream)
        assert stream.changes[-1].sts_connected == (True if health is HEALTH else None)


def test_what_nobody_has_foreseen_reaches_who_waits() -> None:
    stream = followed({"sts": "connected"})
    with (
        pytest.raises(HarnessError, match=r"live/x/in is followed no longer: TypeError"),
        stream,
    ):
        stream.wait_ended(timeout_s=5)


def test_what_nobody_has_foreseen_reaches_who_asks_and_the_end() -> None:
    stream = followed({}).__enter__()
    wait_for("the end", lambda: stream._error, timeout_s=5, interval_s=0.01)
    with pytest.raises(HarnessError, match=r"followed no longer: KeyError: 'sts'"):
        _ = stream.report
    with pytest.raises(HarnessError, match="followed no longer"):
        stream.__exit__(None, None, None)
    # An error of the scenario's own is not hidden.
    stream.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
