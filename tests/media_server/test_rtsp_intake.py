"""Tracks over RTP come onto one clock: by the sender's word, or by when they came."""

import pytest

from media_server import rtp_tracks, rtsp_intake, sps
from media_server.media import MediaTag, TagType
from media_server.paths import Publication, Reader
from media_server.rtp import RtpPacket, SenderReport
from media_server.rtsp_intake import Intake
from media_server.sdp import AnnouncedTrack
from tests.media_server.rtsp_client import (
    AAC_BODY,
    H264_BODY,
    PPS,
    SPS,
    SPS_WITH_B_FRAMES,
    picture,
    sound,
)

VIDEO = AnnouncedTrack(TagType.VIDEO, "v", 90_000, H264_BODY)
AUDIO = AnnouncedTrack(TagType.AUDIO, "a", 48_000, AAC_BODY, "en")
NOW_S = 1_790_000_000.0


class Kept(Reader):
    kind, id = "test", "x"

    def __init__(self) -> None:
        self.tags: list[MediaTag] = []

    def on_tag(self, tag: MediaTag) -> None:
        self.tags.append(tag)

    def on_end(self) -> None:
        pass

    def times(self, kind: TagType) -> list[tuple[int, int]]:
        """When each picture or frame is decoded and shown, in milliseconds."""
        return [
            (tag.timestamp_ms, tag.timestamp_ms + _composition(tag))
            for tag in self.tags
            if tag.type is kind and not tag.is_sequence_header
        ]


def _composition(tag: MediaTag) -> int:
    return int.from_bytes(tag.body[2:5], "big") if tag.type is TagType.VIDEO else 0


class Publisher:
    """Sends pictures and sound into an intake; ``clock_s`` is when it all happens."""

    def __init__(self, *tracks: AnnouncedTrack) -> None:
        self.publication = Publication("a", "all", self)
        self.reader = Kept()
        self.intake = Intake(tracks, self.publication)
        self.intake.begin()
        self.publication.attach(self.reader)
        self._indices = {track.type: index for index, track in enumerate(tracks)}
        self._rates = {track.type: track.rate_hz for track in tracks}
        self._numbers = dict.fromkeys(self._indices, 0)

    kind, id = "test", "y"

    def on_taken_over(self) -> None:
        pass

    def send(self, kind: TagType, timestamp: int, payload: bytes, *, marker: bool = True) -> None:
        number = self._numbers[kind]
        self._numbers[kind] += 1
        packet = RtpPacket(96, number, timestamp % 2**32, 1, marker, payload)
        self.intake.take_media(self._indices[kind], packet.encode())

    def report(self, kind: TagType, at_s: float, timestamp: int) -> None:
        report = SenderReport(1, at_s, timestamp % 2**32)
        self.intake.take_report(self._indices[kind], report.encode())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    for module in (rtp_tracks, rtsp_intake):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(module.time, "time", lambda: NOW_S + now[0])
    return now


def test_the_path_knows_the_tracks_before_the_first_packet(clock: list[float]) -> None:
    publisher = Publisher(VIDEO, AUDIO)
    assert publisher.publication.ready_at is not None
    assert [track.codec for track in publisher.publication.tracks] == ["H264", "MPEG-4 Audio"]
    assert publisher.publication.tracks[0].properties["width"] == 320
    assert publisher.publication.language == "en"


def test_the_senders_reports_put_its_tracks_together(clock: list[float]) -> None:
    publisher, zero = Publisher(VIDEO, AUDIO), 2**32 - 1000
    publisher.report(TagType.VIDEO, NOW_S, 5000)
    publisher.report(TagType.AUDIO, NOW_S, zero)
    # The sound began a tenth after the pictures, and comes first all the same.
    publisher.send(TagType.AUDIO, zero + 4800, sound(1))
    assert publisher.reader.times(TagType.AUDIO) == []
    clock[0] = 0.2
    publisher.send(TagType.VIDEO, 5000, picture(1, keyframe=True))
    publisher.send(TagType.VIDEO, 8000, picture(2))
    publisher.send(TagType.AUDIO, zero + 5824, sound(2))
    assert publisher.reader.times(TagType.VIDEO) == [(0, 0), (33, 33)]
    assert publisher.reader.times(TagType.AUDIO) == [(100, 100), (121, 121)]
    assert [tag.type for tag in publisher.reader.tags[-4:]] == [
        *(TagType.VIDEO, TagType.AUDIO, TagType.VIDEO, TagType.AUDIO)
    ]


def test_without_reports_tracks_are_where_they_arrived(clock: list[float]) -> None:
    publisher = Publisher(VIDEO, AUDIO)
    publisher.send(TagType.VIDEO, 70_000, picture(1, keyframe=True))
    clock[0] = 0.05
    publisher.send(TagType.AUDIO, 123, sound(1))
    assert publisher.reader.times(TagType.VIDEO) == [(0, 0)]
    assert publisher.reader.times(TagType.AUDIO) == [(50, 50)]


def test_reports_that_contradict_the_arrival_are_not_believed(clock: list[float]) -> None:
    publisher = Publisher(VIDEO, AUDIO)
    publisher.report(TagType.VIDEO, NOW_S, 0)
    publisher.report(TagType.AUDIO, NOW_S - 3600, 0)
    publisher.send(TagType.VIDEO, 0, picture(1, keyframe=True))
    clock[0] = 0.02
    publisher.send(TagType.AUDIO, 0, sound(1))
    assert publisher.reader.times(TagType.AUDIO) == [(20, 20)]


def test_a_track_that_never_comes_is_not_waited_for_long(clock: list[float]) -> None:
    publisher = Publisher(VIDEO, AUDIO)
    for number in range(20):
        clock[0] = number / 30
        publisher.send(TagType.VIDEO, 3000 * number, picture(number, keyframe=number == 0))
        held = clock[0] < rtsp_intake.HEAD_S
        assert bool(publisher.reader.times(TagType.VIDEO)) is not held
    assert len(publisher.reader.times(TagType.VIDEO)) == 20
    # When it comes after all it has its place.
    clock[0] = 1.0
    publisher.send(TagType.AUDIO, 9, sound(1))
    assert publisher.reader.times(TagType.AUDIO) == [(1000, 1000)]


def test_pictures_out_of_order_are_decoded_in_time(clock: list[float]) -> None:
    body = b"\x17\x00\x00\x00\x00" + sps.configuration([SPS_WITH_B_FRAMES], [PPS])
    publisher = Publisher(AnnouncedTrack(TagType.VIDEO, "v", 90_000, body))
    for shown in (0, 4, 2, 1, 3, 8, 6, 5, 7):
        publisher.send(TagType.VIDEO, 3000 * shown, picture(shown, keyframe=shown == 0))
    times = publisher.reader.times(TagType.VIDEO)
    assert [round(decoded * 30 / 1000) for decoded, _ in times] == list(range(9))
    assert [round(shown * 30 / 1000) - 2 for _, shown in times] == [0, 4, 2, 1, 3, 8, 6, 5, 7]


def test_parameter_sets_that_come_with_the_pictures_are_the_configuration(
    clock: list[float],
) -> None:
    publisher = Publisher(AnnouncedTrack(TagType.VIDEO, "v", 90_000, b""))
    assert publisher.publication.ready_at is None
    publisher.send(TagType.VIDEO, 0, picture(1, keyframe=True))
    for unit in (SPS, PPS, b"\x09\xf0"):
        publisher.send(TagType.VIDEO, 3000, unit, marker=False)
    publisher.send(TagType.VIDEO, 3000, picture(2, keyframe=True))
    for unit in (SPS_WITH_B_FRAMES, PPS):
        publisher.send(TagType.VIDEO, 6000, unit, marker=False)
    publisher.send(TagType.VIDEO, 6000, picture(3, keyframe=True))
    bodies = [tag.body for tag in publisher.reader.tags if tag.type is TagType.VIDEO]
    assert [body[:2] for body in bodies] == [b"\x17\x00", b"\x17\x01", b"\x17\x00", b"\x17\x01"]
    assert bodies[0] == H264_BODY
    assert bodies[1][5:] == len(picture(2)).to_bytes(4, "big") + picture(2, keyframe=True)
    assert publisher.publication.ready_at is not None
