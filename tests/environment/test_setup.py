from __future__ import annotations

from pathlib import Path

import pytest

from environment.console import Progress
from environment.errors import ToolUnavailable
from environment.provision import debian, setup

GONE = (
    setup.Tool("no-such-ffmpeg", "ffmpeg"),
    setup.Tool("no-such-ffprobe", "ffmpeg"),
    setup.Tool("no-such-apertium", "apertium-eng-spa"),
)
THERE = setup.Tool("sh", "dash")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    calls: list[list[str]] = []
    monkeypatch.setattr(debian, "is_debian_family", lambda: True)
    monkeypatch.setattr(debian, "can_install", lambda: False)
    monkeypatch.setattr(debian, "install", lambda packages, _step: calls.append(packages))
    return calls


def test_nothing_is_installed_when_nothing_is_missing(installed: list[list[str]]) -> None:
    setup.ensure_host_tools(Progress(), [THERE])
    assert installed == []


def test_without_root_one_line_names_every_package_once(installed: list[list[str]]) -> None:
    with pytest.raises(ToolUnavailable) as caught:
        setup.ensure_host_tools(Progress(), [*GONE, THERE])
    said = str(caught.value)
    assert "\n" not in said
    assert "apt-get install ffmpeg apertium-eng-spa" in said
    assert "no-such-ffmpeg, no-such-ffprobe, no-such-apertium" in said
    assert installed == []


def test_elsewhere_the_line_names_debians_packages(
    installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "is_debian_family", lambda: False)
    with pytest.raises(ToolUnavailable, match="on Debian: ffmpeg apertium-eng-spa"):
        setup.ensure_host_tools(Progress(), GONE)


def test_root_gets_only_what_is_missing(
    installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(debian, "can_install", lambda: True)
    with pytest.raises(ToolUnavailable, match="Still missing"):  # the fake installs nothing
        setup.ensure_host_tools(Progress(), [*GONE, THERE])
    assert installed == [["ffmpeg", "apertium-eng-spa"]]


def test_a_program_without_its_data_is_not_there(tmp_path: Path) -> None:
    assert not setup.Tool("sh", "dash", data=tmp_path / "eng-spa.mode").is_there
