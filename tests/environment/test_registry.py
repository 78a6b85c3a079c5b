from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from docker.errors import APIError

from environment.console import Progress
from environment.provision.registry import PullFailed, Registry


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "silent.json"


def registry_with(pull: Any, memory: Path) -> tuple[Registry, MagicMock]:
    client = MagicMock()
    client.api.pull.side_effect = pull
    return Registry(client, first_answer_s=0.2, silence_s=0.4, memory=memory), client


def test_a_pull_that_comes_through(memory: Path) -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"status": "Pulling from library/python"}
        yield {"status": "Downloading", "id": "a1b2", "progress": "[=>  ]"}

    registry, _ = registry_with(pull, memory)
    registry.pull("python:3.11-slim-bookworm", Progress())


def test_a_silent_registry_is_given_up_soon_and_not_asked_again(memory: Path) -> None:
    never = threading.Event()
    registry, client = registry_with(lambda *_a, **_o: iter(lambda: never.wait(5), True), memory)
    started = time.monotonic()
    for image in ("python:3.11-slim-bookworm", "bluenviron/mediamtx:1-ffmpeg"):
        with pytest.raises(PullFailed, match=r"no answer within 0\.2 s"):
            registry.pull(image, Progress())
    assert time.monotonic() - started < 1
    assert client.api.pull.call_count == 1
    never.set()


def test_another_registry_is_asked_all_the_same(memory: Path) -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"error": "dial tcp: no such host"}

    registry, client = registry_with(pull, memory)
    for image in ("python:3.11", "registry.example/python:3.11"):
        with pytest.raises(PullFailed, match="no such host"):
            registry.pull(image, Progress())
    assert client.api.pull.call_count == 2


def test_a_missing_image_does_not_condemn_its_registry(memory: Path) -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        raise APIError("500", explanation="manifest for x:1 not found")

    registry, client = registry_with(pull, memory)
    for image in ("x:1", "y:1"):
        with pytest.raises(PullFailed, match=r"^manifest for x:1 not found$"):
            registry.pull(image, Progress())
    assert client.api.pull.call_count == 2


def test_a_pull_that_stops_half_way_is_given_up(memory: Path) -> None:
    never = threading.Event()

    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"status": "Pulling from library/python"}
        never.wait(5)

    registry, _ = registry_with(pull, memory)
    with pytest.raises(PullFailed, match=r"nothing more for 0\.4 s"):
        registry.pull("python:3.11", Progress())
    never.set()


def test_the_reason_is_one_line(memory: Path) -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        yield {"error": "first line\nsecond line"}

    registry, _ = registry_with(pull, memory)
    with pytest.raises(PullFailed, match=r"^first line second line$"):
        registry.pull("python:3.11", Progress())


def test_silence_is_remembered_by_the_next_run_for_a_while(memory: Path) -> None:
    never = threading.Event()
    silent, _ = registry_with(lambda *_a, **_o: iter(lambda: never.wait(5), True), memory)
    with pytest.raises(PullFailed):
        silent.pull("python:3.11", Progress())
    never.set()

    answering, client = registry_with(lambda *_a, **_o: iter([{"status": "Pulling"}]), memory)
    with pytest.raises(PullFailed, match="a few minutes ago"):
        answering.pull("python:3.11", Progress())
    assert client.api.pull.call_count == 0

    long_ago = time.time() - 3600
    os.utime(memory, (long_ago, long_ago))
    later, client = registry_with(lambda *_a, **_o: iter([{"status": "Pulling"}]), memory)
    later.pull("python:3.11", Progress())
    assert client.api.pull.call_count == 1


def test_who_has_no_other_way_waits_longer_for_the_first_answer(memory: Path) -> None:
    def pull(*_args: object, **_options: object) -> Iterator[dict[str, Any]]:
        time.sleep(0.25)  # longer than the first answer may take, shorter than a silence
        yield {"status": "Pulling from library/python"}

    registry, client = registry_with(pull, memory)
    with pytest.raises(PullFailed, match=r"no answer within 0\.2 s"):
        registry.pull("python:3.11", Progress())
    registry.pull("python:3.11", Progress(), patiently=True)
    next_run, client = registry_with(pull, memory)
    next_run.pull("python:3.11", Progress(), patiently=True)
    assert client.api.pull.call_count == 1


def test_patience_has_an_end_and_is_not_asked_for_twice(memory: Path) -> None:
    never = threading.Event()
    registry, client = registry_with(lambda *_a, **_o: iter(lambda: never.wait(5), True), memory)
    for patiently in (True, True, False):
        with pytest.raises(PullFailed, match=r"no answer within 0\.4 s"):
            registry.pull("python:3.11", Progress(), patiently=patiently)
    assert client.api.pull.call_count == 1
    never.set()


def test_a_quick_refusal_is_asked_again_by_the_next_run(memory: Path) -> None:
    refused, _ = registry_with(lambda *_a, **_o: iter([{"error": "no such host"}]), memory)
    with pytest.raises(PullFailed):
        refused.pull("python:3.11", Progress())
    answering, _ = registry_with(lambda *_a, **_o: iter([{"status": "Pulling"}]), memory)
    answering.pull("python:3.11", Progress())


@pytest.mark.parametrize("content", ["", "[", "[]", '{"docker.io": 1'])
def test_a_spoilt_memory_is_no_memory(memory: Path, content: str) -> None:
    memory.write_text(content)
    registry, _ = registry_with(lambda *_a, **_o: iter([{"status": "Pulling"}]), memory)
    registry.pull("python:3.11", Progress())
