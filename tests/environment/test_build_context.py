from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from environment.provision.build_context import Source, take_snapshot

BASE = "sha256:base"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    for path, content in {
        "services/contracts/events.py": "EVENTS = 1\n",
        "services/sts-service/Dockerfile": "FROM base\n",
        "services/sts-service/requirements.txt": "aiohttp==3.14.5\n",
        "services/sts-service/sts_service/__main__.py": "print('hello')\n",
        "services/media-service/media_service/__main__.py": "print('other')\n",
        "wheels/aiohttp-3.14.5-py3-none-any.whl": "wheel",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return Source(
        "sts-service",
        PurePosixPath("services/sts-service"),
        contents=(
            PurePosixPath("services/sts-service/Dockerfile"),
            PurePosixPath("services/sts-service"),
            PurePosixPath("services/contracts"),
        ),
        root=tmp_path,
    )


def hash_of(source: Source, base: str = BASE) -> str:
    return take_snapshot(source).hash(base)


def write(path: str) -> Callable[[Path], object]:
    return lambda root: (root / path).write_text("changed")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(write("services/sts-service/Dockerfile"), id="Dockerfile"),
        pytest.param(write("services/sts-service/requirements.txt"), id="requirements"),
        pytest.param(write("services/sts-service/sts_service/__main__.py"), id="source"),
        pytest.param(write("services/contracts/events.py"), id="contracts"),
        pytest.param(write("services/sts-service/sts_service/new.py"), id="new file"),
        pytest.param(
            lambda root: (root / "services/contracts/events.py").rename(
                root / "services/contracts/renamed.py"
            ),
            id="renamed file",
        ),
        pytest.param(
            lambda root: (root / "services/contracts/events.py").unlink(), id="removed file"
        ),
        pytest.param(lambda root: (root / "services/contracts/events.py").chmod(0o755), id="mode"),
    ],
)
def test_the_hash_changes_with_everything_that_goes_in(
    source: Source, change: Callable[[Path], object]
) -> None:
    before = hash_of(source)
    change(source.root)
    assert hash_of(source) != before


def test_the_hash_changes_with_the_base(source: Source) -> None:
    assert hash_of(source, "sha256:other") != hash_of(source)


@pytest.mark.parametrize(
    "path",
    [
        "services/media-service/media_service/__main__.py",
        "wheels/aiohttp-3.14.5-py3-none-any.whl",
        "services/sts-service/README.md",
        "services/sts-service/docker-compose.e2e.yml",
        "services/sts-service/.env",
        "services/contracts/module.pyc",
        "README.md",
    ],
)
def test_the_hash_leaves_out_what_the_image_leaves_out(source: Source, path: str) -> None:
    before = hash_of(source)
    (source.root / path).write_text("changed")
    (source.root / "services/contracts/__pycache__").mkdir()
    (source.root / "services/contracts/__pycache__/events.cpython-311.pyc").write_text("x")
    assert hash_of(source) == before


def test_two_files_that_swap_their_content_change_the_hash(source: Source) -> None:
    first = source.root / "services/contracts/events.py"
    second = source.root / "services/sts-service/sts_service/__main__.py"
    before = hash_of(source)
    one, other = first.read_text(), second.read_text()
    first.write_text(other)
    second.write_text(one)
    assert hash_of(source) != before


def test_the_archive_holds_the_contents_once_and_the_wheels(source: Source) -> None:
    wheels = sorted(source.root.glob("wheels/*.whl"))
    with (
        take_snapshot(source).archive(wheels) as context,
        tarfile.open(fileobj=context) as tar,
    ):
        assert sorted(tar.getnames()) == [
            "services/contracts/events.py",
            "services/sts-service/Dockerfile",
            "services/sts-service/requirements.txt",
            "services/sts-service/sts_service/__main__.py",
            "services/sts-service/wheelhouse/aiohttp-3.14.5-py3-none-any.whl",
        ]


def test_the_archive_depends_on_content_only(source: Source) -> None:
    first = take_snapshot(source).archive().read()
    for path in source.root.rglob("*.py"):
        path.touch()
        path.chmod(0o600)
    assert take_snapshot(source).archive().read() == first


def test_what_is_built_is_what_was_hashed(source: Source) -> None:
    snapshot = take_snapshot(source)
    before = snapshot.hash(BASE)
    (source.root / "services/contracts/events.py").write_text("EVENTS = 2\n")
    with tarfile.open(fileobj=snapshot.archive()) as tar:
        built = tar.extractfile("services/contracts/events.py")
        assert built is not None
        assert built.read() == b"EVENTS = 1\n"
    assert snapshot.hash(BASE) == before
