from __future__ import annotations

import io
import tarfile
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError

from environment.console import Progress
from environment.errors import ImageUnavailable
from environment.provision import wheelhouse
from environment.provision.base_image import BaseImage
from environment.provision.build_context import Source
from environment.provision.pip_config import PipConfig
from environment.provision.wheelhouse import ensure_wheelhouse

BASE = BaseImage("dubspec/base:1", "sha256:1")


class Containers:
    """Containers that make `wheels` and end with `status`."""

    def __init__(self, status: int = 0, wheels: tuple[str, ...] = ("numpy-2.whl",)) -> None:
        self.status = status
        self.wheels = wheels
        self.created: list[dict[str, Any]] = []
        self.removed = 0
        self.handed_in: dict[str, bytes] = {}

    def create(self, image: str, command: list[str], **options: Any) -> Any:
        self.created.append({"image": image, "command": command, **options})
        return SimpleNamespace(
            put_archive=self._put,
            start=lambda: None,
            logs=lambda **_options: iter([b"Collecting numpy\n", b"ERROR: no such version\n"]),
            wait=lambda **_options: {"StatusCode": self.status},
            get_archive=lambda _path: (iter([self._out()]), {}),
            remove=self._remove,
        )

    def _put(self, _path: str, data: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                content = tar.extractfile(member)
                assert content is not None
                self.handed_in[member.name] = content.read()

    def _remove(self, **_options: Any) -> None:
        self.removed += 1

    def _out(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name in ("wheels/.keep", *(f"wheels/../../{wheel}" for wheel in self.wheels)):
                info = tarfile.TarInfo(name)
                info.size = 3
                tar.addfile(info, io.BytesIO(b"zip"))
        return buffer.getvalue()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    folder = tmp_path / "services/sts-service"
    folder.mkdir(parents=True)
    (folder / "requirements.txt").write_text("numpy==2.4.6\n")
    monkeypatch.setattr(wheelhouse, "SETUP_FOLDER", tmp_path / ".setup")
    monkeypatch.setattr(
        wheelhouse,
        "read_pip_config",
        lambda: PipConfig({"PIP_INDEX_URL": "x"}, {"/etc/pip.conf": b"[global]"}, (tmp_path,)),
    )
    return Source("sts-service", PurePosixPath("services/sts-service"), tmp_path)


def ensure(containers: Containers, source: Source, base: BaseImage = BASE) -> None:
    client: Any = SimpleNamespace(containers=containers)
    ensure_wheelhouse(client, base, source, Progress())


def test_wheels_are_made_in_the_base_with_the_hosts_configuration(
    source: Source, tmp_path: Path
) -> None:
    containers = Containers()
    ensure(containers, source)
    made = containers.created[0]
    assert made["image"] == BASE.reference
    assert made["environment"] == {"PIP_INDEX_URL": "x"}
    assert made["mounts"][0]["ReadOnly"] is True
    assert made["mounts"][0]["Source"] == str(tmp_path)
    assert containers.handed_in["requirements.txt"] == b"numpy==2.4.6\n"
    assert containers.handed_in["etc/pip.conf"] == b"[global]"
    assert [wheel.name for wheel in source.wheelhouse.glob("*.whl")] == ["numpy-2.whl"]
    assert containers.removed == 1


def test_a_second_call_makes_nothing(source: Source) -> None:
    containers = Containers()
    ensure(containers, source)
    ensure(containers, source)
    assert len(containers.created) == 1


@pytest.mark.parametrize("change", ["requirements", "base", "wheel lost"])
def test_what_decides_the_wheels_makes_them_anew(source: Source, change: str) -> None:
    containers = Containers()
    ensure(containers, source)
    base = BASE
    if change == "requirements":
        (source.wheelhouse.parent / "requirements.txt").write_text("numpy==2.5.0\n")
    elif change == "base":
        base = BaseImage("dubspec/base:2", "sha256:2")
    else:
        (source.wheelhouse / "numpy-2.whl").unlink()
    ensure(containers, source, base)
    assert len(containers.created) == 2


def test_a_service_without_packages_needs_no_container(source: Source) -> None:
    (source.wheelhouse.parent / "requirements.txt").unlink()
    containers = Containers()
    ensure(containers, source)
    assert containers.created == []


def test_a_failure_shows_what_pip_said_last_and_leaves_nothing(source: Source) -> None:
    containers = Containers(status=1)
    with pytest.raises(ImageUnavailable, match="ERROR: no such version"):
        ensure(containers, source)
    assert containers.removed == 1
    assert not source.wheelhouse.exists()
    assert list((source.root / ".setup").iterdir()) == []


def test_a_container_that_cannot_start_is_explained_though_it_is_gone_already(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = SimpleNamespace(status_code=409)

    def start() -> None:
        raise APIError("500", explanation="cannot mount cgroup")

    def remove(**_options: Any) -> None:
        raise APIError("409", response=cast("Any", gone), explanation="already in progress")

    containers = Containers()
    container = containers.create("", [])
    container.start, container.remove = start, remove
    monkeypatch.setattr(containers, "create", lambda *_args, **_options: container)
    with pytest.raises(ImageUnavailable, match="cannot mount cgroup"):
        ensure(containers, source)
