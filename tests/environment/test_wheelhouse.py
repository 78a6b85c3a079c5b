from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.errors import APIError, NotFound

from environment.console import Progress
from environment.errors import ImageUnavailable
from environment.provision import wheelhouse
from environment.provision.base_image import BaseImage
from environment.provision.build_context import Source
from environment.provision.pins import read_pins
from environment.provision.pip_config import PipConfig
from environment.provision.wheelhouse import ensure_wheels, script_for, wheels_folder

BASE = BaseImage("dubspec/base:1", "sha256:1")
NUMPY = "numpy-2.4.6-cp311-cp311-linux_x86_64.whl"
SOXR = "soxr-1.1.0-cp311-cp311-linux_x86_64.whl"


class Containers:
    """Containers that make `wheels` and end with `status`."""

    def __init__(self, status: int = 0, wheels: tuple[str, ...] = (NUMPY,)) -> None:
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
    place = PurePosixPath("services/sts-service")
    requirements = place / "requirements.txt"
    return Source("sts-service", place, (place,), requirements=requirements, root=tmp_path)


def want(source: Source, *lines: str) -> None:
    assert source.requirements is not None
    (source.root / source.requirements).write_text("\n".join(lines))


def ensure(containers: Containers, source: Source, base: BaseImage = BASE) -> list[str]:
    client: Any = SimpleNamespace(containers=containers)
    return [wheel.name for wheel in ensure_wheels(client, base, source, Progress())]


def test_wheels_are_made_in_the_base_with_the_hosts_configuration(
    source: Source, tmp_path: Path
) -> None:
    containers = Containers()
    assert ensure(containers, source) == [NUMPY]
    made = containers.created[0]
    assert made["image"] == BASE.reference
    assert made["environment"] == {"PIP_INDEX_URL": "x"}
    assert made["mounts"][0]["ReadOnly"] is True
    assert made["mounts"][0]["Source"] == str(tmp_path)
    assert "numpy==2.4.6" in made["command"][-1]
    assert containers.handed_in["etc/pip.conf"] == b"[global]"
    assert containers.removed == 1


def test_a_second_call_makes_nothing(source: Source) -> None:
    containers = Containers()
    ensure(containers, source)
    ensure(containers, source)
    assert len(containers.created) == 1


def test_another_requirement_fetches_that_one_alone(source: Source) -> None:
    ensure(Containers(), source)
    want(source, "numpy==2.4.6", "soxr==1.1.0")
    containers = Containers(wheels=(SOXR,))
    assert ensure(containers, source) == [NUMPY, SOXR]
    script = containers.created[0]["command"][-1]
    assert "soxr==1.1.0" in script
    assert "numpy" not in script


def test_what_is_no_longer_asked_for_is_not_taken_along(source: Source) -> None:
    want(source, "numpy==2.4.6", "soxr==1.1.0")
    ensure(Containers(wheels=(NUMPY, SOXR)), source)
    want(source, "soxr==1.1.0")
    assert ensure(Containers(), source) == [SOXR]


def test_another_base_has_wheels_of_its_own(source: Source) -> None:
    containers = Containers()
    ensure(containers, source)
    ensure(containers, source, BaseImage("dubspec/base:2", "sha256:2"))
    assert len(containers.created) == 2


def test_a_source_without_packages_needs_no_container(source: Source) -> None:
    containers = Containers()
    assert ensure(containers, replace(source, requirements=None)) == []
    assert containers.created == []


def test_a_failure_shows_what_pip_said_last_and_keeps_what_it_had(source: Source) -> None:
    want(source, "numpy==2.4.6", "soxr==1.1.0")
    containers = Containers(status=1)
    with pytest.raises(ImageUnavailable, match="ERROR: no such version"):
        ensure(containers, source)
    assert containers.removed == 1
    assert [wheel.name for wheel in wheels_folder(BASE).iterdir()] == [NUMPY]
    assert [path.name for path in (source.root / ".setup").iterdir()] == ["wheels"]


def test_a_pip_that_hangs_is_ended_and_told_with_its_time(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = threading.Event()

    def said() -> Iterator[bytes]:
        yield b"Collecting numpy\n"
        assert removed.wait(10), "nobody ended it"

    def gone(**_options: Any) -> None:
        raise NotFound("no such container")

    containers = Containers()
    container = containers.create("", [])
    container.logs = lambda **_options: said()
    container.remove = lambda **_options: removed.set()
    container.wait = gone
    monkeypatch.setattr(containers, "create", lambda *_args, **_options: container)
    monkeypatch.setattr(wheelhouse, "TIMEOUT_S", 0.2)
    with pytest.raises(ImageUnavailable, match=r"after 0\.2 s; it said:\n.*Collecting numpy"):
        ensure(containers, source)


def test_a_wheel_of_another_version_than_asked_for_is_told(source: Source) -> None:
    want(source, "numpy==2.4.7")
    with pytest.raises(ImageUnavailable, match=r"no wheel for numpy==2\.4\.7"):
        ensure(Containers(), source)


def test_the_other_index_is_asked_last_and_only_for_local_versions(source: Source) -> None:
    want(
        source,
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "torch==2.13.0+cpu",
        "numpy==2.4.6",
    )
    assert source.requirements is not None
    lines = script_for(read_pins(source.root / source.requirements)).splitlines()
    torch = next(line for line in lines if "torch" in line)
    nearer, _, other = torch.partition(" || ")
    assert "index" not in nearer
    assert "--index-url https://download.pytorch.org/whl/cpu" in other
    assert all("--no-deps" in part for part in (nearer, other))
    (numpy,) = (line for line in lines if "numpy" in line)
    assert "pytorch" not in numpy
    assert lines.index(torch) < lines.index(numpy)


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
