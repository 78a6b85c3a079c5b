"""What several modules of these tests need."""

from pathlib import Path

import pytest

from tests.media_service.clips import make_clip


@pytest.fixture(autouse=True)
def segment_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the service keeps what is in flight: nowhere that outlives the test."""
    folder = tmp_path / "segments"
    monkeypatch.setenv("SEGMENT_DIR", str(folder))
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of 3.5 s."""
    return make_clip(tmp_path / "clip.flv", seconds=3.5)
