"""A recording is what was published only if pictures, times and sound all are."""

import subprocess
from pathlib import Path

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.recording_proofs import prove_same_pictures, prove_same_sound
from environment.runs.bad_data import cut_clip
from environment.settings import REPO_ROOT

CLIP = REPO_ROOT / "fixtures" / "streams" / "30s-english-counting.mp4"
SECONDS = 3
PICTURES = SECONDS * 30


@pytest.fixture(scope="session")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cut_clip(CLIP, SECONDS, tmp_path_factory.mktemp("clip") / "part.mp4")


def remux(source: Path, destination: Path, *options: str) -> Path:
    argv = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), *options]
    subprocess.run([*argv, str(destination)], check=True, timeout=60)
    return destination


def test_a_copy_in_another_container_is_the_same(part: Path, tmp_path: Path) -> None:
    copy = remux(part, tmp_path / "copy.flv", "-c", "copy")
    offset_s = prove_same_pictures(part, copy, count=PICTURES)
    prove_same_sound(part, copy, offset_s=offset_s)


def test_a_copy_that_begins_later_is_the_same(part: Path, tmp_path: Path) -> None:
    copy = remux(part, tmp_path / "late.flv", "-c", "copy", "-output_ts_offset", "2")
    offset_s = prove_same_pictures(part, copy, count=PICTURES)
    assert 1.9 < offset_s < 2.1
    prove_same_sound(part, copy, offset_s=offset_s)


def test_a_lost_end_is_refused(part: Path, tmp_path: Path) -> None:
    short = remux(part, tmp_path / "short.flv", "-c", "copy", "-t", "2")
    with pytest.raises(ExpectationFailed):
        prove_same_pictures(part, short, count=PICTURES)


def test_times_that_drift_are_refused(part: Path, tmp_path: Path) -> None:
    drifting = remux(part, tmp_path / "d.flv", "-c", "copy", "-bsf:v", "setts=ts=TS*1.01")
    with pytest.raises(ExpectationFailed) as refusal:
        prove_same_pictures(part, drifting, count=PICTURES)
    assert "offsets" in refusal.value.seen


def test_sound_beside_its_pictures_is_refused(part: Path, tmp_path: Path) -> None:
    late = remux(part, tmp_path / "late.flv", "-c:v", "copy", "-af", "adelay=40:all=1")
    offset_s = prove_same_pictures(part, late, count=PICTURES)
    with pytest.raises(ExpectationFailed):
        prove_same_sound(part, late, offset_s=offset_s)


def test_another_sound_is_refused(part: Path, tmp_path: Path) -> None:
    other = remux(part, tmp_path / "other.flv", "-c:v", "copy", "-af", "areverse")
    offset_s = prove_same_pictures(part, other, count=PICTURES)
    with pytest.raises(ExpectationFailed):
        prove_same_sound(part, other, offset_s=offset_s)
