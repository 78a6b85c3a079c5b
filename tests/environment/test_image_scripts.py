"""What runs while the image of sts-service is built: pruning, verifying, unpacking models."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import unpack_models
from packages import prune, verify

from environment.settings import REPO_ROOT


def distribution(name: str, version: str, *requires: str) -> Any:
    return SimpleNamespace(metadata={"Name": name}, version=version, requires=list(requires))


def fill(folder: Path, *paths: str) -> None:
    for path in paths:
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x" * 10)


def left(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_only_developers_need_is_pruned(tmp_path: Path) -> None:
    kept = {
        "torch/__init__.py",
        "torch/bin/torch_shm_manager",
        "torch/testing/__init__.py",
        "librosa/__init__.pyi",
        "torchaudio/lib/__init__.py",
        "scipy/fft/_basic.py",
    }
    fill(
        tmp_path,
        *kept,
        "torch/bin/protoc",
        "torch/include/c10/core/Device.h",
        "torch/test/test_nn.py",
        "torchaudio/lib/libtorchaudio.so",
        "scipy/fft/tests/test_basic.py",
        "scipy/fft/__pycache__/_basic.cpython-311.pyc",
        "numba/_helper.c",
    )
    assert prune.prune(tmp_path) == 70
    assert left(tmp_path) == kept


def test_times_are_whole_seconds_afterwards(tmp_path: Path) -> None:
    fill(tmp_path, "librosa/util.py")
    prune.round_times(tmp_path)
    assert (tmp_path / "librosa/util.py").stat().st_mtime_ns % 1_000_000_000 == 0


def test_packages_that_fit_together_pass() -> None:
    installed = [
        distribution("openai-whisper", "20250625", "numpy", "triton>=2"),
        distribution("NumPy", "2.4.6"),
        distribution("coqui_tts", "0.28.0", "numpy>=1.26", 'gruut; extra == "all"'),
    ]
    assert verify.misfits(installed) == []


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("tiktoken", "whisper requires tiktoken, which is not in requirements.txt"),
        ("numpy<2", "whisper requires numpy<2, not 2.4.6"),
    ],
)
def test_a_requirement_that_is_not_met_is_told(requirement: str, said: str) -> None:
    installed = [distribution("whisper", "1", requirement), distribution("numpy", "2.4.6")]
    assert verify.misfits(installed) == [said]


def test_a_package_of_cuda_is_told() -> None:
    assert verify.misfits([distribution("nvidia-cudnn-cu12", "9")]) == [
        "nvidia-cudnn-cu12 belongs to CUDA"
    ]


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    folder = tmp_path / "archives"
    folder.mkdir()
    with tarfile.open(folder / "whisper-en.tar.xz", "w:xz") as tar:
        info = tarfile.TarInfo("whisper-en.pt")
        info.size = 7
        tar.addfile(info, io.BytesIO(b"weights"))
    packed = (folder / "whisper-en.tar.xz").read_bytes()
    describe(folder, sha256=hashlib.sha256(packed).hexdigest())
    return folder


def describe(folder: Path, **changed: object) -> None:
    model = {
        "archive": "whisper-en.tar.xz",
        "size_bytes": 2_400_000,
        "unpacks_to": "whisper-en.pt",
        **changed,
    }
    (folder / "manifest.json").write_text(json.dumps({"models": {"whisper-en": model}}))


def test_models_are_unpacked(archives: Path, tmp_path: Path) -> None:
    assert unpack_models.main(archives, tmp_path / "pocket") == 0
    assert (tmp_path / "pocket/whisper-en.pt").read_bytes() == b"weights"


def test_a_model_that_is_not_the_manifests_is_refused(
    archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    describe(archives, sha256="0" * 64)
    assert unpack_models.main(archives, tmp_path / "pocket") == 1
    said = capsys.readouterr().err
    assert "as in the manifest" in said
    assert "Remedy: `git checkout fixtures/models`." in said
    assert not (tmp_path / "pocket/whisper-en.pt").exists()


def test_a_missing_archive_is_named(
    archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (archives / "whisper-en.tar.xz").unlink()
    assert unpack_models.main(archives, tmp_path / "pocket") == 1
    assert "whisper-en.tar.xz is missing" in capsys.readouterr().err


def test_a_model_that_does_not_serve_is_unpacked_only_by_its_name(
    archives: Path, tmp_path: Path
) -> None:
    digest = hashlib.sha256((archives / "whisper-en.tar.xz").read_bytes()).hexdigest()
    describe(archives, sha256=digest, serves=False)
    assert unpack_models.unpack(archives, tmp_path / "served") == []
    assert unpack_models.unpack(archives, tmp_path / "named", ["whisper-en"]) == ["whisper-en"]
    assert (tmp_path / "named/whisper-en.pt").is_file()


def test_a_name_that_the_manifest_does_not_have_is_told(
    archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert unpack_models.main(archives, tmp_path, ["whisper-fr"]) == 1
    assert "manifest.json has no model whisper-fr" in capsys.readouterr().err


def test_the_image_gets_the_repositorys_models_without_their_judge(tmp_path: Path) -> None:
    names = unpack_models.unpack(REPO_ROOT / "fixtures/models", tmp_path)
    assert set(names) == {"whisper-en", "marian-en-es", "coqui-es"}
    assert "whisper-es" not in {path.stem for path in tmp_path.iterdir()}
