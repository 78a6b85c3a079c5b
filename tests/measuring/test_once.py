"""A file is read once for all measures, and again as soon as it is another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from environment.measuring.once import once_per_file
from environment.measuring.sound import read_channels
from tests.measuring.making import Output, Sound, tone


class Reader:
    def __init__(self) -> None:
        self.reads = 0
        self.read = once_per_file(self._read)

    def _read(self, path: Path | str, rate: int) -> str:
        self.reads += 1
        return f"{Path(path).read_text()} at {rate}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("sound")
    return path


def test_a_file_is_read_once_whatever_its_path_is_called(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader()
    monkeypatch.chdir(file.parent)

    assert {reader.read(path, 8) for path in (file, str(file), "file")} == {"sound at 8"}
    assert reader.reads == 1


def test_another_rate_is_another_reading(file: Path) -> None:
    reader = Reader()

    assert reader.read(file, 8) != reader.read(file, 16)


def test_a_file_that_changed_is_read_again(file: Path) -> None:
    reader = Reader()
    reader.read(file, 8)
    file.write_text("music")
    os.utime(file, ns=(1, 1))

    assert reader.read(file, 8) == "music at 8"


def test_only_two_are_kept(tmp_path: Path) -> None:
    reader = Reader()
    paths = [tmp_path / name for name in "abc"]
    for path in paths:
        path.write_text(path.name)
    for path in (*paths, paths[1], paths[0]):
        reader.read(path, 8)

    assert reader.reads == 4


def test_what_is_absent_is_told_each_time(tmp_path: Path) -> None:
    reader = Reader()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            reader.read(tmp_path / "absent", 8)

    assert reader.reads == 2


def test_shared_samples_cannot_be_written_to(source: Path, tmp_path: Path) -> None:
    path = Output(Sound(tone(1)), until_s=1).write(source, tmp_path / "out.flv")
    (channel,) = read_channels(path)

    assert read_channels(path)[0].samples is channel.samples
    with pytest.raises(ValueError, match="read-only"):
        channel.samples[0] = 1
