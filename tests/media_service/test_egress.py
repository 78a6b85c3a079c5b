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
from media_service.protocol import Result, Start
from media_service.worker import egress as egress_module
from media_service.worker.egress import Egress, _HeldPicture
from media_service.worker.errors import StreamError
from media_service.worker.output import OUTPUT_OFFSET_S, Muxer
from media_service.worker.pacer import Pacer, Stall
from media_service.worker.pipeline import max_held_s
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
        self.positions: list[Position] = []

    def output_connected(self, position_s: float) -> None:
        return

    def sent(self, position: Position) -> None:
        self.positions.append(position)

    def released(self, segment: Segment, result: Result | None, **told: Any) -> None:
        self.skews.append(told["skew_ms"])

    def stalled(self, stall: Stall) -> None:
        return

    def noted(self, event: str, **detail: object) -> None:
        self.notes.append((event, detail))


@contextmanager
def begun(
    clip: Path, output: Path, heard: Heard, video: VideoQueue, *, segments: int = 1
) -> Iterator[threading.Thread]:
    """Silent segments that are ready to go out, and an egress that is at it."""
    queue = SegmentQueue(timeout_s=5)
    samples = SEGMENT_S * SAMPLE_RATE_HZ
    for number in range(segments):
        queue.put(Segment(number, number * samples, False, bytes(samples * BYTES_PER_FRAME)))
        queue.resolve(Result(number, "original", SAMPLE_RATE_HZ, 2))
    queue.close()
    egress = Egress(str(output), queue, video, heard, Pacer(lambda _seconds: None))
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


def decoded(output: Path) -> list[float]:
    with av.open(str(output)) as made:
        packets = [packet for packet in made.demux(video=0) if packet.size]
    return [round(float((packet.dts or 0) * packet.time_base), 3) for packet in packets]


def test_a_picture_whose_time_falls_goes_out_a_tick_after_the_one_before(
    clip: Path, tmp_path: Path
) -> None:
    video, heard, output = VideoQueue(), Heard(), tmp_path / "out.flv"
    given = pictures(clip, 0.0)
    for packet in given[5:8]:
        packet.dts = packet.pts = (packet.dts or 0) - round(1 / packet.time_base)
    with begun(clip, output, heard, video):
        for packet in given:
            video.put(packet)

    times = decoded(output)
    assert len(times) >= len(given)
    assert all(before < after for before, after in pairwise(times))
    assert times[5:9] == pytest.approx([0.522, 0.523, 0.524, 0.921], abs=0.0015)
    assert heard.notes == [
        ("picture_lifted", {"behind_s": 0.9}),
        ("pictures_lifted", {"count": 3}),
    ]


@pytest.mark.parametrize("lifted", [0, 1, 3])
def test_the_skew_says_by_how_much_the_last_picture_was_lifted(
    lifted: int, clip: Path, tmp_path: Path
) -> None:
    video, heard, output = VideoQueue(), Heard(), tmp_path / "out.flv"
    given = [p for p in pictures(clip, 0.0) if float((p.pts or 0) * p.time_base) < SEGMENT_S]
    for packet in given[len(given) - lifted :]:
        packet.dts = packet.pts = (packet.dts or 0) - round(1 / packet.time_base)
    for packet in given:
        video.put(packet)
    with begun(clip, output, heard, video, segments=2):
        pass

    # A second later than it said, less the tenths between pictures that became ticks.
    lift_ms = 1000 - 99 * lifted if lifted else 0
    assert heard.skews == [pytest.approx(0, abs=1), pytest.approx(-lift_ms, abs=2)]


def test_a_picture_is_not_shown_before_it_is_decoded(clip: Path, tmp_path: Path) -> None:
    video, heard, output = VideoQueue(), Heard(), tmp_path / "out.flv"
    given = pictures(clip, 0.0)
    given[5].pts = (given[5].pts or 0) - round(0.2 / given[5].time_base)
    with begun(clip, output, heard, video):
        for packet in given:
            video.put(packet)

    assert len(decoded(output)) >= len(given)


def test_pictures_that_an_earlier_worker_has_overtaken_come_after_it(
    clip: Path, tmp_path: Path
) -> None:
    output, heard = tmp_path / "out.flv", Heard()
    egress = Egress(str(output), SegmentQueue(1), VideoQueue(), heard, Pacer(lambda _: None))
    egress.position = Position(0, 0.55)
    with av.open(str(clip)) as source:
        egress.prepare(VideoHead.of(source.streams.video[0], width=64, height=64))
    segments, video = egress._segments, egress._video
    segments.put(Segment(0, 0, True, bytes(SAMPLE_RATE_HZ * BYTES_PER_FRAME)))
    for packet in pictures(clip, 0.0):
        video.put(packet)
    for queue in (segments, video):
        queue.close()
    egress.run()

    times = decoded(output)
    assert times[0] > 0.55 + OUTPUT_OFFSET_S
    assert all(before < after for before, after in pairwise(times))
    assert heard.positions[-1].picture_s == pytest.approx(3.421, abs=0.002)


def test_how_far_the_output_has_come_is_noted_before_it_goes_out(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is killed in between must not leave it to be sent a second time."""
    events: list[str] = []
    heard = Heard()
    sending = Muxer._send

    def send(muxer: Muxer, packet: Any) -> None:
        events.append("sent")
        sending(muxer, packet)

    monkeypatch.setattr(heard, "sent", lambda _: events.append("noted"))
    monkeypatch.setattr(Muxer, "_send", send)
    video = VideoQueue()
    with begun(clip, tmp_path / "out.flv", heard, video):
        for packet in pictures(clip, 0.0):
            video.put(packet)
    assert len(events) > 100
    assert events[::2] == ["noted"] * (len(events) // 2 + 1)


def test_an_output_that_is_held_too_long_can_be_tried_again(clip: Path, tmp_path: Path) -> None:
    segments, video = SegmentQueue(timeout_s=0), VideoQueue()
    segments.put(Segment(0, 0, True, bytes(4096)))
    video.close()
    egress = Egress(
        str(tmp_path / "out.flv"),
        *(segments, video, Heard(), Pacer()),
        path_free=False,
        max_held_s=0.01,
    )
    with av.open(str(clip)) as source:
        egress.prepare(VideoHead.of(source.streams.video[0], width=64, height=64))
    with pytest.raises(StreamError, match="publish at another path") as raised:
        egress.run()
    assert (raised.value.reason, raised.value.retryable) == ("output_held", True)


@pytest.mark.parametrize(("timeout_s", "held_s"), [(5.0, 60.0), (30.0, 60.0), (300.0, 330.0)])
def test_an_output_is_held_as_long_as_an_earlier_one_may_take(
    timeout_s: float, held_s: float
) -> None:
    start = Start("", "", 6.0, timeout_s, 0.0)
    assert max_held_s(start) == pytest.approx(held_s)
