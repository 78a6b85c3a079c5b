"""Finding and starting the engine, with every door to the real machine replaced."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from environment.console import Progress
from environment.errors import EngineUnavailable, ToolUnavailable
from environment.provision import debian, dockerd, engine


class Engine:
    """Stands for a client; only its identity matters."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A machine without an engine: nothing answers, nothing can be installed."""
    installed: list[list[str]] = []
    state: dict[str, Any] = {"installed": installed, "dockerd": None, "answers": lambda: None}

    def install(packages: list[str], _step: object) -> None:
        installed.append(packages)
        state["dockerd"] = "/usr/sbin/dockerd"

    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "_answering", lambda _url: state["answers"]())
    monkeypatch.setattr(engine, "_other_sockets", list)
    monkeypatch.setattr(engine, "DEFAULT_SOCKET", tmp_path / "docker.sock")
    monkeypatch.setattr(engine, "_LOCK", tmp_path / "engine.lock")
    monkeypatch.setattr(dockerd, "program", lambda _name: state["dockerd"])
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(debian, "can_install", lambda: False)
    monkeypatch.setattr(debian, "is_debian_family", lambda: True)
    monkeypatch.setattr(debian, "offers", lambda _name: False)
    monkeypatch.setattr(debian, "install", install)
    return state


@pytest.fixture
def root(machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(debian, "can_install", lambda: True)
    monkeypatch.setattr(engine, "_start", lambda _step, _progress: machine["starts"])
    machine["starts"] = Engine()
    return machine


def after(calls: int, client: object) -> Callable[[], object | None]:
    """Nothing for the first `calls` questions, then `client`."""
    asked = iter(range(calls))
    return lambda: None if next(asked, None) is not None else client


def test_an_engine_that_answers_is_taken_as_it_is(machine: dict[str, Any]) -> None:
    client: Any = Engine()
    machine["answers"] = lambda: client
    assert engine.ensure_engine(Progress()) is client
    assert machine["installed"] == []


def test_without_root_nothing_is_installed_and_one_line_says_what_to_do(
    machine: dict[str, Any],
) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        engine.ensure_engine(Progress())
    assert machine["installed"] == []
    assert "\n" not in str(caught.value)
    assert "Remedy:" in str(caught.value)
    assert "as root" in str(caught.value)


def test_an_installed_engine_is_asked_to_be_started(machine: dict[str, Any]) -> None:
    machine["dockerd"] = "/usr/sbin/dockerd"
    with pytest.raises(EngineUnavailable, match="systemctl start docker"):
        engine.ensure_engine(Progress())


@pytest.mark.parametrize("platform", ["darwin", "win32"])
@pytest.mark.parametrize("ask", [lambda: engine.ensure_engine(Progress()), engine.find_engine])
def test_elsewhere_than_on_linux_no_engine_is_of_use(
    root: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    ask: Callable[[], object],
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    root["answers"] = Engine
    with pytest.raises(EngineUnavailable, match=rf"needs Linux, and this is {platform}.*/proc"):
        ask()
    assert root["installed"] == []


def test_a_silent_docker_host_is_named_and_not_replaced(
    root: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(EngineUnavailable, match=r"DOCKER_HOST=tcp://127\.0\.0\.1:1"):
        engine.ensure_engine(Progress())
    assert root["installed"] == []


def test_a_socket_that_refuses_this_user_is_said_so(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.DEFAULT_SOCKET.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(EngineUnavailable, match="usermod -aG docker"):
        engine.ensure_engine(Progress())


def test_another_products_socket_is_found_and_told_to_children(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    client: Any = Engine()
    monkeypatch.setenv("DOCKER_HOST", "")
    monkeypatch.setattr(engine, "_other_sockets", lambda: [tmp_path / "desktop.sock"])
    monkeypatch.setattr(engine, "_answering", lambda url: client if url else None)
    assert engine.find_engine() is client
    assert os.environ["DOCKER_HOST"] == f"unix://{tmp_path}/desktop.sock"


def test_root_on_debian_gets_one_installed_and_started(root: dict[str, Any]) -> None:
    assert engine.ensure_engine(Progress()) is root["starts"]
    assert root["installed"] == [list(engine.PACKAGES)]


def test_an_engine_that_is_there_but_down_is_only_started(root: dict[str, Any]) -> None:
    root["dockerd"] = "/usr/sbin/dockerd"
    assert engine.ensure_engine(Progress()) is root["starts"]
    assert root["installed"] == []


def test_the_second_of_two_callers_finds_what_the_first_started(root: dict[str, Any]) -> None:
    client: Any = Engine()
    root["answers"] = after(1, client)
    assert engine.ensure_engine(Progress()) is client
    assert root["installed"] == []


def test_a_failed_installation_is_an_engine_that_cannot_be_had(
    root: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_packages: list[str], _step: object) -> None:
        raise ToolUnavailable("apt-get cannot install docker.io: no mirror.", remedy="get one.")

    monkeypatch.setattr(debian, "install", fail)
    with pytest.raises(EngineUnavailable, match="no mirror"):
        engine.ensure_engine(Progress())
