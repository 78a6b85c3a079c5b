"""The recorder: files of whole tags, whatever the disk does."""

import errno
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from media_server import recorder
from media_server.media import MediaTag, TagType
from media_server.recorder import Recorder, encode_tag, recording_file

TAG = MediaTag(TagType.VIDEO, 0x12345678, b"\x17\x01\x00\x00\x00picture")


def open_files() -> set[Path]:
    return {link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}


def test_a_tag_is_written_as_the_format_says() -> None:
    assert encode_tag(TAG) == (
        b"\x09\x00\x00\x0c\x34\x56\x78\x12\x00\x00\x00" + TAG.body + b"\x00\x00\x00\x17"
    )


def test_the_files_name_follows_the_template() -> None:
    at = datetime(2026, 11, 21, 20, 41, 5, 67, tzinfo=UTC)
    file = recording_file("/r/%path/%Y-%m-%d_%H-%M-%S-%f", "live/%H/in", at)
    assert file == Path("/r/live/%H/in/2026-11-21_20-41-05-000067.flv")
    assert recording_file("%path-%s", "a", at) == Path(f"a-{int(at.timestamp())}.flv")


async def test_the_header_names_the_tracks_that_came(tmp_path: Path) -> None:
    keeper = Recorder()
    recording = keeper.open("a/b", str(tmp_path / "%path"))
    recording.write(TAG)
    await keeper.finish(recording)
    await keeper.close()
    written = (tmp_path / "a/b.flv").read_bytes()
    assert written == b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00" + encode_tag(TAG)


async def test_a_publication_without_media_leaves_no_file(tmp_path: Path) -> None:
    keeper = Recorder()
    keeper.open("a", str(tmp_path / "%path"))
    await keeper.close()
    assert not (tmp_path / "a.flv").exists()


async def test_a_full_disk_stops_the_recording_at_a_whole_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_log: list[str]
) -> None:
    keeper = Recorder()
    recording = keeper.open("a", str(tmp_path / "%path"))
    recording.write(TAG)
    await keeper.finish(recording)
    whole = (tmp_path / "a.flv").read_bytes()

    recording = keeper.open("b", str(tmp_path / "%path"))
    recording.write(TAG)
    await recording.flush()
    write = os.write

    def half_then_full(descriptor: int, data: memoryview) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[:-5])

    monkeypatch.setattr(os, "write", half_then_full)
    recording.write(TAG)
    await recording.flush()
    recording.write(TAG)
    await keeper.close()
    assert (tmp_path / "b.flv").read_bytes() == whole
    assert any("[recorder] stopped: [Errno 28]" in line for line in server_log)


async def test_a_disk_that_is_full_from_the_start_keeps_no_file_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    keeper = Recorder()
    recording = keeper.open("a", str(tmp_path / "%path"))
    monkeypatch.setattr(os, "write", full)
    recording.write(TAG)
    await recording.flush()
    monkeypatch.undo()
    assert tmp_path / "a.flv" not in open_files()
    await keeper.close()


async def test_a_disk_that_cannot_keep_up_ends_the_recording_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server_log: list[str]
) -> None:
    monkeypatch.setattr(recorder, "MAX_PENDING_BYTES", 100)
    keeper = Recorder()
    recording = keeper.open("a", str(tmp_path / "%path"))
    for _ in range(10):
        recording.write(TAG)
    await keeper.close()
    assert sum("cannot keep up" in line for line in server_log) == 1
