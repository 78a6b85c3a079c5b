from __future__ import annotations

import io
import threading
import time
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from environment.console import Progress
from environment.errors import ImageUnavailable
from environment.provision import base_image, images, registry
from environment.provision.build_context import Source, take_snapshot
from environment.settings import Settings
from tests.environment.fake_engine import FakeEngine

OFFICIAL_BASE = "python:3.11-slim-bookworm"
MEDIAMTX = "bluenviron/mediamtx:1-ffmpeg"


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "services/contracts").mkdir(parents=True)
    for constant in ("MEDIA_SERVICE", "STS_SERVICE", "MEDIA_SERVER_STAND_IN"):
        known: Source = getattr(images, constant)
        folder = tmp_path / known.folder
        folder.mkdir(parents=True)
        (folder / "Dockerfile").write_text(f"FROM base\nCMD {constant}\n")
        monkeypatch.setattr(images, constant, Source(known.name, known.folder, tmp_path))
    monkeypatch.setattr(images, "SETUP_FOLDER", tmp_path / ".setup")
    monkeypatch.setattr(base_image, "SETUP_FOLDER", tmp_path / ".setup")
    monkeypatch.setattr(registry, "SETUP_FOLDER", tmp_path / ".setup")
    return tmp_path


def ensure(engine: Any, **given: Any) -> images.ImageSet:
    return images.ensure_images(engine, Settings(_env_file=None, **given), Progress(io.StringIO()))


def test_with_a_registry_mediamtx_is_pulled_and_the_services_are_built() -> None:
    engine = FakeEngine(registry=(OFFICIAL_BASE, MEDIAMTX))
    found = ensure(engine)
    assert found.base == OFFICIAL_BASE
    assert found.media_server == MEDIAMTX
    assert not found.media_server_is_stand_in
    assert sorted(build["tag"] for build in engine.builds) == sorted(
        [found.media_service, found.sts_service]
    )
    assert all(build["buildargs"]["BASE_IMAGE"] == OFFICIAL_BASE for build in engine.builds)


def test_without_a_registry_the_stand_in_is_built_and_says_what_it_is() -> None:
    found = ensure(FakeEngine(OFFICIAL_BASE))
    assert found.media_server.startswith("dubspec/mediamtx-offline:")
    assert found.media_server_is_stand_in


def test_a_second_call_builds_nothing() -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    first = ensure(engine)
    builds = len(engine.builds)
    assert ensure(engine) == first
    assert len(engine.builds) == builds == 3


def test_only_the_service_that_changed_is_built_again(checkout: Path) -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    first = ensure(engine)
    (checkout / "services/sts-service/new.py").write_text("x = 1\n")
    second = ensure(engine)
    assert len(engine.builds) == 4
    assert second.media_service == first.media_service
    assert second.sts_service != first.sts_service


def test_the_tag_is_the_content(checkout: Path) -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    expected = take_snapshot(images.STS_SERVICE).hash(f"sha256:{OFFICIAL_BASE}")
    assert ensure(engine).sts_service == f"dubspec/sts-service:{expected}"
    assert "dubspec/sts-service:latest" in engine.images_by_name


def test_a_local_media_server_is_used_without_asking_the_registry() -> None:
    engine = FakeEngine(OFFICIAL_BASE, MEDIAMTX)
    assert ensure(engine).media_server == MEDIAMTX
    assert engine.pulls == []


def test_the_stand_in_can_be_asked_for() -> None:
    engine = FakeEngine(OFFICIAL_BASE, registry=(MEDIAMTX,))
    found = ensure(engine, mediamtx_image="dubspec/mediamtx-offline")
    assert found.media_server_is_stand_in
    assert engine.pulls == []


def test_a_media_server_the_user_named_is_never_replaced() -> None:
    with pytest.raises(ImageUnavailable, match=r"MEDIAMTX_IMAGE=mirror\.example/mediamtx:9"):
        ensure(FakeEngine(OFFICIAL_BASE), mediamtx_image="mirror.example/mediamtx:9")


def test_a_failing_build_shows_its_last_lines() -> None:
    engine = FakeEngine(OFFICIAL_BASE, MEDIAMTX)
    engine.build_events = [
        {"stream": "Step 2/9 : RUN apt-get install espeak-ng\n"},
        {"stream": "E: Unable to locate package espeak-ng\n"},
        {"error": "The command returned a non-zero code: 100"},
    ]
    with pytest.raises(ImageUnavailable) as caught:
        ensure(engine)
    said = str(caught.value)
    assert "non-zero code: 100" in said
    assert "Unable to locate package espeak-ng" in said
    assert "Remedy:" in said


def test_a_missing_dockerfile_is_named(checkout: Path) -> None:
    (checkout / "services/sts-service/Dockerfile").unlink()
    with pytest.raises(ImageUnavailable, match="services/sts-service/Dockerfile is not there"):
        ensure(FakeEngine(OFFICIAL_BASE, MEDIAMTX))


def test_the_first_failure_does_not_wait_for_the_others() -> None:
    never = threading.Event()

    def fail() -> str:
        raise ImageUnavailable("no")

    def hang() -> str:
        never.wait(5)
        return "late"

    started = time.monotonic()
    with pytest.raises(ImageUnavailable):
        images._side_by_side(hang, fail)
    assert time.monotonic() - started < 1
    never.set()


def test_building_lines_reach_whoever_waits() -> None:
    told = io.StringIO()
    engine: Any = FakeEngine(OFFICIAL_BASE, MEDIAMTX)
    engine.build_events = [{"stream": "Step 2/9 : RUN apt-get install espeak-ng\n"}]
    images.ensure_images(engine, Settings(_env_file=None), Progress(told))
    assert "Step 2/9 : RUN apt-get install espeak-ng" in told.getvalue()


def test_the_three_images_come_from_three_folders() -> None:
    assert [source.folder for source in images.SOURCES] == [
        PurePosixPath("services/media-service"),
        PurePosixPath("services/sts-service"),
        PurePosixPath("services/mediamtx/offline"),
    ]
