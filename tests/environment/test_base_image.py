from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from environment.console import Progress
from environment.errors import ImageUnavailable
from environment.provision import base_image, debian, registry
from environment.provision.registry import PullFailed, Registry
from environment.settings import Settings
from tests.environment.fake_engine import FakeEngine

OFFICIAL = "python:3.11-slim-bookworm"
OWN = f"{base_image.REPOSITORY}:{base_image.recipe_hash()}"


@pytest.fixture(autouse=True)
def no_mmdebstrap(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(base_image, "SETUP_FOLDER", tmp_path)
    monkeypatch.setattr(registry, "SETUP_FOLDER", tmp_path / ".setup")
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/mmdebstrap")
    monkeypatch.setattr(
        base_image, "_debootstrap", lambda archive, _step: archive.write_bytes(b"tar")
    )


def ensure(engine: Any, **given: Any) -> base_image.BaseImage:
    return base_image.ensure_base(
        engine, Settings(_env_file=None, **given), Registry(engine), Progress()
    )


def test_an_image_that_is_there_is_taken_without_asking_the_registry() -> None:
    engine = FakeEngine(OFFICIAL, OWN)
    assert ensure(engine) == base_image.BaseImage(OFFICIAL, f"sha256:{OFFICIAL}")
    assert engine.pulls == []


def test_our_own_is_taken_without_asking_the_registry() -> None:
    engine = FakeEngine(OWN)
    assert ensure(engine).reference == OWN
    assert engine.pulls == []


def test_with_a_registry_it_is_pulled() -> None:
    engine = FakeEngine(registry=(OFFICIAL,))
    assert ensure(engine).reference == OFFICIAL
    assert engine.imports == []


def test_without_a_registry_our_own_is_put_together_under_our_own_name() -> None:
    engine = FakeEngine()
    assert ensure(engine).reference == OWN
    assert engine.imports == [OWN]
    assert OFFICIAL not in engine.images_by_name
    assert f"{base_image.REPOSITORY}:latest" in engine.images_by_name


def test_an_image_the_user_named_is_never_replaced() -> None:
    engine = FakeEngine(OWN)
    with pytest.raises(ImageUnavailable, match=r"BASE_IMAGE=mirror\.example/python:3\.12"):
        ensure(engine, base_image="mirror.example/python:3.12")
    assert engine.imports == []


def test_without_registry_mmdebstrap_and_root_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    monkeypatch.setattr(debian, "can_install", lambda: False)
    with pytest.raises(ImageUnavailable) as caught:
        ensure(FakeEngine())
    assert "\n" not in str(caught.value)
    assert "BASE_IMAGE" in str(caught.value)


class Asked(Registry):
    """Knows how it was asked, and has nothing."""

    patiently: bool | None = None

    def pull(self, _reference: str, _progress: Progress, *, patiently: bool = False) -> None:
        self.patiently = patiently
        raise PullFailed("no answer")


@pytest.mark.parametrize(
    ("program", "installable", "given", "patiently"),
    [
        ("/usr/bin/mmdebstrap", False, {}, False),
        (None, True, {}, False),
        (None, False, {}, True),
        ("/usr/bin/mmdebstrap", True, {"base_image": "mirror.example/python:3.12"}, True),
    ],
)
def test_a_registry_is_waited_for_where_nothing_takes_the_image_s_place(
    monkeypatch: pytest.MonkeyPatch,
    program: str | None,
    installable: bool,
    given: dict[str, Any],
    patiently: bool,
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: program)
    monkeypatch.setattr(debian, "can_install", lambda: installable)
    monkeypatch.setattr(debian, "install", lambda _packages, _step: None)
    engine: Any = FakeEngine()
    asked = Asked(engine)
    with suppress(ImageUnavailable):
        base_image.ensure_base(engine, Settings(_env_file=None, **given), asked, Progress())
    assert asked.patiently is patiently


def test_the_recipe_decides_the_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    before = base_image.recipe_hash()
    monkeypatch.setattr(base_image, "SUITE", "trixie")
    assert base_image.recipe_hash() != before
