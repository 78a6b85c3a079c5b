from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest
from docker.errors import APIError

from environment.console import Progress
from environment.registry import PullFailed, Registry


def registry_with(pull: Any) -> tuple[Registry, MagicMock]:
    client = MagicMock()
    client.api.pull.side_effect = pull
    return Registry(client, first_answer_s=0.2, silence_s=0.4), client


def test_a_pull_that_comes_through() -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"status": "Pulling from library/python"}
        yield {"status": "Downloading", "id": "a1b2", "progress": "[=>  ]"}

    registry, _ = registry_with(pull)
    registry.pull("python:3.11-slim-bookworm", Progress())


def test_a_silent_registry_is_given_up_soon_and_not_asked_again() -> None:
    never = threading.Event()
    registry, client = registry_with(lambda *_a, **_o: iter(lambda: never.wait(5), True))
    started = time.monotonic()
    for image in ("python:3.11-slim-bookworm", "bluenviron/mediamtx:1-ffmpeg"):
        with pytest.raises(PullFailed, match=r"no answer within 0\.2 s"):
            registry.pull(image, Progress())
    assert time.monotonic() - started < 1
    assert client.api.pull.call_count == 1
    never.set()


def test_another_registry_is_asked_all_the_same() -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"error": "dial tcp: no such host"}

    registry, client = registry_with(pull)
    for image in ("python:3.11", "registry.example/python:3.11"):
        with pytest.raises(PullFailed, match="no such host"):
            registry.pull(image, Progress())
    assert client.api.pull.call_count == 2


def test_a_missing_image_does_not_condemn_its_registry() -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        raise APIError("500", explanation="manifest for x:1 not found")

    registry, client = registry_with(pull)
    for image in ("x:1", "y:1"):
        with pytest.raises(PullFailed, match=r"^manifest for x:1 not found$"):
            registry.pull(image, Progress())
    assert client.api.pull.call_count == 2


def test_a_pull_that_stops_half_way_is_given_up() -> None:
    never = threading.Event()

    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"status": "Pulling from library/python"}
        never.wait(5)

    registry, _ = registry_with(pull)
    with pytest.raises(PullFailed, match="fell silent"):
        registry.pull("python:3.11", Progress())
    never.set()


def test_the_reason_is_one_line() -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"error": "first line\nsecond line"}

    registry, _ = registry_with(pull)
    with pytest.raises(PullFailed, match=r"^first line second line$"):
        registry.pull("python:3.11", Progress())
