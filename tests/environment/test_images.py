from __future__ import annotations

import io
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from environment.console import Progress
from environment.errors import ImageUnavailable
from environment.provision import base_image, images, registry
from environment.provision.build_context import Source, take_snapshot
from environment.settings import REPO_ROOT, Settings
from tests.environment.fake_engine import FakeEngine

OFFICIAL_BASE = "python:3.11-slim-bookworm"
MEDIAMTX = "bluenviron/mediamtx:1-ffmpeg"


SOURCES = (
    "MEDIA_PACKAGES",
    "MEDIA_SERVICE",
    "STS_PACKAGES",
    "STS_SERVICE",
    "MEDIA_SERVER_STAND_IN",
)


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose images hold a file or two, and no Python packages."""
    here: dict[str, Source] = {}
    for constant in SOURCES:
        known: Source = getattr(images, constant)
        for content in known.contents:
            place = tmp_path / content
            if "." in content.name or content.name == "Dockerfile":
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
            else:
                place.mkdir(parents=True, exist_ok=True)
        (tmp_path / known.dockerfile).write_text(f"FROM base\nCMD {constant}\n")
        below = known.stands_on
        here[known.name] = replace(
            known,
            root=tmp_path,
            requirements=None,
            stands_on=None if below is None else here[below.name],
        )
        monkeypatch.setattr(images, constant, here[known.name])
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
    below = {build["tag"]: build["buildargs"]["BASE_IMAGE"] for build in engine.builds}
    assert len(below) == 4
    for service in (found.media_service, found.sts_service):
        assert below[service].startswith(f"{service.partition(':')[0]}-packages:")
        assert below[below[service]] == OFFICIAL_BASE


def test_without_a_registry_the_stand_in_is_built_and_says_what_it_is() -> None:
    found = ensure(FakeEngine(OFFICIAL_BASE))
    assert found.media_server.startswith("dubspec/mediamtx-offline:")
    assert found.media_server_is_stand_in


def test_a_second_call_builds_nothing() -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    first = ensure(engine)
    builds = len(engine.builds)
    assert ensure(engine) == first
    assert len(engine.builds) == builds == 5


def test_only_the_service_that_changed_is_built_again(checkout: Path) -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    first = ensure(engine)
    (checkout / "services/sts-service/sts_service/new.py").write_text("x = 1\n")
    second = ensure(engine)
    assert len(engine.builds) == 6
    assert second.media_service == first.media_service
    assert second.sts_service != first.sts_service


def test_what_a_service_stands_on_is_built_again_before_it(checkout: Path) -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    first = ensure(engine)
    (checkout / "services/sts-service/requirements.txt").write_text("aiohttp==3.14.6\n")
    second = ensure(engine)
    tags = [build["tag"].partition(":")[0] for build in engine.builds[5:]]
    assert tags == ["dubspec/sts-service-packages", "dubspec/sts-service"]
    assert second.sts_service != first.sts_service


def test_the_tag_is_the_content() -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    packages = take_snapshot(images.STS_PACKAGES).hash(f"sha256:{OFFICIAL_BASE}")
    below = f"dubspec/sts-service-packages:{packages}"
    expected = take_snapshot(images.STS_SERVICE).hash(below)
    assert ensure(engine).sts_service == f"dubspec/sts-service:{expected}"
    assert "dubspec/sts-service:latest" in engine.images_by_name


def test_the_stages_of_a_build_do_not_stay() -> None:
    engine = FakeEngine(OFFICIAL_BASE)
    ensure(engine)
    stages = {build["buildargs"]["STAGE"] for build in engine.builds}
    assert len(stages) == len(engine.builds)
    assert {f["label"][0] for f in engine.pruned} == {f"dubspec.stage={s}" for s in stages}
    assert all(filters["dangling"] for filters in engine.pruned)


def test_stages_that_cannot_be_removed_now_fail_no_build(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = FakeEngine(OFFICIAL_BASE)

    def busy(**_options: object) -> None:
        raise requests.ReadTimeout("read timeout=60")

    monkeypatch.setattr(engine.images, "prune", busy)
    assert ensure(engine).sts_service in engine.images_by_name


def test_a_change_of_code_sends_no_wheels(checkout: Path) -> None:
    assert images.STS_SERVICE.requirements is None
    for source in (images.STS_SERVICE, images.MEDIA_SERVICE):
        assert not any("packages" in content.parts for content in source.contents)


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


def test_every_image_is_described_in_the_repository() -> None:
    for source in (*(getattr(images, name) for name in SOURCES), images.WORKBENCH):
        assert (REPO_ROOT / source.dockerfile).is_file()
        for content in source.contents:
            assert (REPO_ROOT / content).exists(), content
