"""What lies on disk: kept as it comes, taken up again whatever is torn, given up where it must."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from av.packet import Packet
from av.video.stream import VideoStream

from media_service.atomic_file import write_all
from media_service.protocol import Result
from media_service.spool_dub import undubbed
from media_service.spool_names import unpublished
from media_service.worker import spool as spool_module
from media_service.worker.restoring import Unsent, read_unsent
from media_service.worker.spool import Spool
from media_service.worker.spool_files import (
    NOWHERE,
    Position,
    encode_picture,
)
from media_service.worker.video_head import VideoHead

HEAD = VideoHead(64, 48, 1000, b"\x01extradata")
SOUND = b"abcd" * 24_000
"""Half a second."""


class Told:
    """What the spool says of itself."""

    def __init__(self) -> None:
        self.errors: list[str | None] = []


@contextmanager
def spooling(folder: Path, told: Told | None = None) -> Iterator[Spool]:
    spool = Spool(folder, (told or Told()).errors.append)
    spool.begin()
    yield spool
    spool.close()


def picture(at_ms: int, *, keyframe: bool = False, size: int = 100) -> Packet[VideoStream]:
    packet: Any = Packet(bytes([at_ms % 251]) * size)
    packet.time_base = Fraction(1, 1000)
    packet.pts, packet.dts, packet.is_keyframe = at_ms + 5, at_ms, keyframe
    return packet  # type: ignore[no-any-return]


def fill(spool: Spool) -> None:
    """Two segments of half a second: the first has its dub, the second is in hand."""
    spool.head(HEAD)
    for number in (0, 1):
        for at_ms in range(500 * number, 500 * number + 500, 100):
            spool.picture(number, picture(at_ms, keyframe=at_ms % 300 == 0))
        spool.sound(number, 24_000 * number, SOUND[: len(SOUND) // 2])
        spool.sound(number, 24_000 * number, SOUND[len(SOUND) // 2 :])
    spool.cut(0)
    spool.answer(Result(0, "dubbed", 16_000, 1, b"dub"))


def times(unsent: Unsent) -> list[int | None]:
    return [packet.dts for packet in unsent.pictures]


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
    unsent = read_unsent(tmp_path)
    (first, dub), (second, none) = unsent.segments
    assert (first.number, first.start_samples, first.pcm) == (0, 0, SOUND)
    assert (second.number, second.start_samples, second.pcm) == (1, 24_000, SOUND)
    assert (dub, none) == (Result(0, "dubbed", 16_000, 1, b"dub"), None)
    assert (unsent.head, unsent.position, unsent.broken) == (HEAD, NOWHERE, ())
    assert times(unsent) == list(range(0, 1000, 100))
    made, kept = picture(300, keyframe=True), unsent.pictures[3]
    assert (bytes(kept), kept.pts, kept.is_keyframe) == (bytes(made), made.pts, True)
    assert (unpublished(tmp_path), undubbed(tmp_path)) == ([0, 1], [1])


def test_what_has_gone_out_does_not_go_out_again(tmp_path: Path) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
        spool.sent(Position(10_000, 0.1))
        spool.sent(Position(24_000, 0.5))
    unsent = read_unsent(tmp_path)
    assert [segment.number for segment, _ in unsent.segments] == [1]
    assert unsent.position == Position(24_000, 0.5)
    # Nobody who begins here could show a picture before the next keyframe.
    assert times(unsent) == [600, 700, 800, 900]


def test_segments_that_have_gone_out_are_removed(tmp_path: Path) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
        spool.drop_before(1)
        # A picture that comes after its time belongs nowhere any more.
        spool.picture(0, picture(490))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [
        "00000001-00000000024000.sound",
        "00000001.pictures",
        "head",
    ]


@pytest.mark.parametrize("cut_off", [1, 60, 140])
def test_a_torn_record_ends_the_pictures(tmp_path: Path, cut_off: int) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
    file = tmp_path / "00000001.pictures"
    file.write_bytes(file.read_bytes()[:-cut_off])
    records = -(-cut_off // len(encode_picture(picture(900))))
    assert times(read_unsent(tmp_path)) == list(range(0, 1000 - 100 * records, 100))


def test_a_broken_record_ends_the_pictures(tmp_path: Path) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
    file = tmp_path / "00000001.pictures"
    content = bytearray(file.read_bytes())
    content[-1] ^= 255
    file.write_bytes(content)
    assert times(read_unsent(tmp_path))[-1] == 800


@pytest.mark.parametrize("cut_off", [1, 3, 40])
def test_a_torn_dub_is_made_again(tmp_path: Path, cut_off: int) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
    assert undubbed(tmp_path) == [1]
    file = tmp_path / "00000000.dub"
    file.write_bytes(file.read_bytes()[:-cut_off])
    # STS is told of the lowest number that it will be given: the worker has this one dubbed too.
    assert undubbed(tmp_path) == [0, 1]
    assert [result for _, result in read_unsent(tmp_path).segments] == [None, None]


@pytest.mark.parametrize("name", ["00000000.dub", "head"])
@pytest.mark.parametrize("content", [b"", b"\x00", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x02{}x"])
def test_a_broken_file_is_told_and_the_rest_is_used(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with spooling(tmp_path) as spool:
        fill(spool)
    (tmp_path / name).write_bytes(content)
    unsent = read_unsent(tmp_path)
    assert len(unsent.broken) == 1
    assert [segment.number for segment, _ in unsent.segments] == [0, 1]


def failing_at(monkeypatch: pytest.MonkeyPatch, fails: Callable[[], bool], error: OSError) -> None:
    def write(descriptor: int, content: bytes) -> None:
        if fails():
            raise error
        write_all(descriptor, content)

    monkeypatch.setattr(spool_module, "write_all", write)


def test_a_full_disk_costs_a_segment_and_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    failing_at(monkeypatch, full.is_set, OSError(errno.ENOSPC, "No space left on device"))
    told = Told()
    with spooling(tmp_path, told) as spool:
        spool.sound(0, 0, SOUND)
    full.set()
    with spooling(tmp_path, told) as spool:
        for _ in range(5):
            spool.sound(1, 24_000, SOUND)
            spool.picture(1, picture(600))
    assert told.errors == ["No space left on device"]
    assert unpublished(tmp_path) == [0]


def test_once_there_is_room_the_next_segment_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter([True, False, False])
    failing_at(monkeypatch, lambda: next(calls), OSError(errno.ENOSPC, "full"))
    told = Told()
    with spooling(tmp_path, told) as spool:
        spool.sound(0, 0, SOUND)
        spool.sound(1, 24_000, SOUND)
        spool.sound(1, 24_000, SOUND)
    assert told.errors == ["full", None]
    assert unpublished(tmp_path) == [1]


def test_a_slow_disk_holds_nobody_up_and_has_a_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "MAX_WAITING_BYTES", 2 * len(SOUND))
    go_on = threading.Event()
    failing_at(monkeypatch, lambda: not go_on.wait(10), OSError("never"))
    told = Told()
    with spooling(tmp_path, told) as spool:
        for number in range(4):
            spool.sound(number, 24_000 * number, SOUND)
        go_on.set()
    assert told.errors[0] == "the disk is slower than the stream"
    assert unpublished(tmp_path) == [0, 1]


def test_a_folder_that_is_gone_is_told_once(tmp_path: Path) -> None:
    told = Told()
    with spooling(tmp_path / "gone", told) as spool:
        fill(spool)
        spool.sent(Position(0, 0.0))
        spool.sent(Position(1024, 0.0))
        spool.drop_before(1)
    assert told.errors == ["No such file or directory"]


def test_without_a_folder_nothing_is_kept() -> None:
    told = Told()
    spool = Spool(None, told.errors.append)
    spool.begin()
    fill(spool)
    spool.sent(Position(0, 0.0))
    spool.close()
    assert told.errors == []


def test_a_position_that_was_not_noted_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "POSITION_RETRY_S", 0.0)
    told, folder = Told(), tmp_path / "late"
    with spooling(folder, told) as spool:
        spool.sent(Position(1024, 0.1))
        spool.sent(Position(2048, 0.2))
        folder.mkdir()
        spool.sent(Position(3072, 0.3))
        spool.sound(0, 0, SOUND)
    assert told.errors == ["No such file or directory", None]
    assert Position.read(folder) == Position(3072, 0.3)


def test_a_position_that_fails_is_not_tried_with_every_packet(tmp_path: Path) -> None:
    told, folder = Told(), tmp_path / "late"
    with spooling(folder, told) as spool:
        spool.sent(Position(1024, 0.1))
        folder.mkdir()
        spool.sent(Position(2048, 0.2))
        # All that is read is kept again, and yet the next worker would not know where to go on.
        spool.sound(0, 0, SOUND)
        spool.sound(1, 24_000, SOUND)
    assert told.errors == ["No such file or directory"]
    assert Position.read(folder) == NOWHERE


def test_segments_are_given_up_and_dropped_by_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each giving up happens on the thread that reads, each dropping on the one that writes."""

    class Slow(set[int]):
        """A set that is long in being gone through."""

        def __iter__(self) -> Iterator[int]:
            for one in super().__iter__():
                gone_through.set()
                time.sleep(0.01)
                yield one

    gone_through = threading.Event()
    spool = Spool(tmp_path, Told().errors.append)
    spool._given_up = Slow({1, 2, 3})
    dropping = threading.Thread(target=spool._drop_before, args=(tmp_path, 2))
    dropping.start()
    assert gone_through.wait(5)
    spool._give_up(9, OSError("the disk is slower than the stream"))
    dropping.join(5)
    assert {2, 3, 9} == set(spool._given_up)
