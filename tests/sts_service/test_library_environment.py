"""Compiled code that was shipped is used, wherever it may be written."""

import os
import tempfile
from pathlib import Path

import pytest

from sts_service.library_environment import prepare_environment


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "shipped"
    (folder / "librosa").mkdir(parents=True)
    (folder / "librosa/utils.nbi").write_bytes(b"compiled")
    (tmp_path / "tmp").mkdir()
    # All that the preparation sets is put back.
    monkeypatch.setattr(os, "environ", {**os.environ, "NUMBA_CACHE_DIR": str(folder)})
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return folder


def test_where_the_shipped_cache_may_be_written_it_is_used(shipped: Path) -> None:
    prepare_environment()
    assert os.environ["NUMBA_CACHE_DIR"] == str(shipped)


def test_a_shipped_cache_that_is_read_only_is_copied(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write anywhere: what a read-only file system answers has to be made.
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != shipped)
    for _start in range(2):
        os.environ["NUMBA_CACHE_DIR"] = str(shipped)
        prepare_environment()
        own = tmp_path / "tmp/numba-cache"
        assert os.environ["NUMBA_CACHE_DIR"] == str(own)
        assert (own / "librosa/utils.nbi").read_bytes() == b"compiled"


def test_without_a_shipped_cache_there_is_one_of_its_own(shipped: Path, tmp_path: Path) -> None:
    del os.environ["NUMBA_CACHE_DIR"]
    prepare_environment()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "tmp/numba-cache")
