"""The beginning of the output, where the first picture is late or never comes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest
from av.packet import Packet
from av.video.stream import VideoStream

from media_service.audio_format import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from media_service.protocol import Result
from media_service.worker import egress as egress_module
from media_service.worker.egress import Egress, _HeldPicture
from media_service.worker.output import OUTPUT_OFFSET_S
from media_service.worker.pacer import Pacer, Stall
from media_service.worker.segmenter import Segment
from media_service.worker.spool_files import Position
from media_service.worker.video_head import VideoHead
from media_service.worker.waiting_room import SegmentQueue, VideoQueue

SEGMENT_S = 2


class Heard:
    """What the egress tells, kept."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, dict[str, object]]] = []
        self.skews: list[float | None] = []

    def output_connected(self, position_s: float) -> None:
        return

    def sent(self, position: Position) -> None:
        return

    def released(self, segment: Segment, result: Result | None, **told: Any) -> None:
        self.skews.append(told["skew_ms"])

    def stalled(self, stall: Stall) -> None:
        return

    def noted(self, event: str, **detail: object) -> None:
        self.notes.append((event, detail))


@contextmanager
def begun(clip: Path, output: Path, heard: Heard, video: VideoQueue) -> Iterator[threading.Thread]:
    """One silent segment that is ready to go out, and an egress that is at it."""
    segments = SegmentQueue(timeout_s=5)
    segments.put(Segment(0, 0, False, bytes(SEGMENT_S * SAMPLE_RATE_HZ * BYTES_PER_FRAME)))
    segments.resolve(Result(0, "original", SAMPLE_RATE_HZ, 2))
    segments.close()
    egress = Egress(str(output), segments, video, heard, Pacer(lambda _seconds: None))
    with av.open(str(clip)) as source:
        egress.prepare(VideoHead.of(source.streams.video[0], width=64, height=64))
    at_work = threading.Thread(target=egress.run)
    at_work.start()
    yield at_work
    video.close()
    at_work.join(10)
    assert not at_work.is_alive()


def pictures(clip: Path, from_s: float) -> list[Packet[VideoStream]]:
    """The clip's pictures from the first keyframe at or after that time."""
    with av.open(str(clip)) as source:
        packets = [packet for packet in source.demux(video=0) if packet.size]
    times = [float((packet.pts or 0) * packet.time_base) for packet in packets]
    first = next(i for i, p in enumerate(packets) if p.is_keyframe and times[i] >= from_s)
    return packets[first:]


def shown(output: Path, kind: str) -> list[float]:
    with av.open(str(output)) as made:
        streams = [stream for stream in made.streams if stream.type == kind]
        return [
            round(float((packet.pts or 0) * packet.time_base), 3)
            for packet in made.demux(streams)
            if packet.size
        ]


def test_the_output_begins_with_the_first_picture_however_late(clip: Path, tmp_path: Path) -> None:
    video, heard, output = VideoQueue(), Heard(), tmp_path / "out.flv"
    with begun(clip, output, heard, video) as at_work:
        # Were the sound not held back, all of it would be out by now: nothing paces it here.
        at_work.join(0.3)
        assert at_work.is_alive()
        assert not heard.skews
        for packet in pictures(clip, 1.0):
            video.put(packet)

    assert shown(output, "video")[:3] == pytest.approx([0.1, 0.55, 1.0], abs=0.01)
    assert shown(output, "audio")[0] == pytest.approx(OUTPUT_OFFSET_S, abs=0.03)
    assert len(heard.skews) == 1
    assert not heard.notes


def test_sound_alone_goes_out_where_no_picture_will_come(clip: Path, tmp_path: Path) -> None:
    video, heard, output = VideoQueue(), Heard(), tmp_path / "out.flv"
    with begun(clip, output, heard, video):
        pass

    assert shown(output, "video") == []
    assert len(shown(output, "audio")) > SEGMENT_S * SAMPLE_RATE_HZ / 1024
    assert heard.notes == [("picture_absent", {"segment": 0})]


def test_a_picture_is_not_waited_for_without_end(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress_module, "MAX_PICTURE_WAIT_S", 0.05)
    video, heard, output = VideoQueue(), Heard(), tmp_path / "out.flv"
    began_at = time.monotonic()
    with begun(clip, output, heard, video) as at_work:
        at_work.join(5)

    assert time.monotonic() - began_at < 5
    assert [event for event, _detail in heard.notes] == ["picture_absent"]


@pytest.mark.parametrize("picture_s", [0.0, 0.04, 0.3, 0.7, 1.99, 2.0, 2.06, 2.2, 9.0])
def test_the_first_picture_stands_for_half_a_second_at_most(picture_s: float) -> None:
    held = _HeldPicture(0.0)
    copies = list(held.times(picture_s, None, paced_to_s=0.0))
    times = [*copies, picture_s]
    assert times[0] <= 0.05
    assert all(0 < after - before <= 0.5 for before, after in pairwise(times))
