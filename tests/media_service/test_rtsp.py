"""A source read over RTSP is like one read over RTMP: in form and in times, the head included."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media_server.config import Address, Config
from media_server.server import MediaServer
from media_service.worker import rtsp
from media_service.worker.errors import StreamError
from media_service.worker.rtsp import Join
from media_service.worker.source import describe, open_source
from media_service.worker.sps import sequence_parameters
from tests.media_service.clips import FPS, make_clip

SECONDS = 3.5
START = b"\x00\x00\x00\x01"
SPS = bytes.fromhex("6764000dacd941419f9e10000003001000000303c0f1429960")
PPS = bytes.fromhex("68ef8fcb")
TICK = Fraction(1, 90_000)
JOIN = Join(0.0, 1000.0, lambda: None)


@pytest.fixture
def server() -> Iterator[MediaServer]:
    """The stand-in for MediaMTX, with an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    anywhere = Address("127.0.0.1", 0)
    config = replace(Config(), rtmp_address=anywhere, rtsp_address=anywhere)
    made = MediaServer(config)
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(5)
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(made.stop(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


@pytest.fixture(scope="module")
def reordered_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip with B-frames, whose pictures are decoded in another order than they are shown."""
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.flv", seconds=SECONDS, b_frames=2)


def _pictures(path: Path) -> list[tuple[str, float, float]]:
    """The hash of each picture's slices, and when it is decoded and shown."""
    with av.open(str(path)) as container:
        demuxed = list(container.demux(container.streams.video[0]))
        return [_facts(packet) for packet in demuxed if packet.size]


def _facts(packet: Packet[VideoStream]) -> tuple[str, float, float]:
    return _digest(bytes(packet)), _s(packet, packet.dts), _s(packet, packet.pts)


def _s(packet: Packet[VideoStream], ticks: int | None) -> float:
    return float((ticks or 0) * packet.time_base)


def _digest(picture: bytes) -> str:
    slices, position = b"", 0
    while position < len(picture):
        size = int.from_bytes(picture[position : position + 4], "big")
        unit = picture[position + 4 : position + 4 + size]
        slices += unit if unit[0] & 0x1F in (1, 5) else b""
        position += 4 + size
    return hashlib.md5(slices, usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("published_over", ["rtmp", "rtsp"])
def test_pictures_and_times_are_those_that_were_published(
    server: MediaServer, reordered_clip: Path, published_over: str
) -> None:
    rtsp_url = f"rtsp://{server.rtsp_address}/live/a/in"
    rtmp_url = f"rtmp://{server.rtmp_address}/live/a/in"
    over_rtsp = ("-f", "rtsp", "-rtsp_transport", "tcp", rtsp_url)
    form = over_rtsp if published_over == "rtsp" else ("-f", "flv", rtmp_url)
    command = ("ffmpeg", "-v", "error", "-nostdin", "-re", "-i", str(reordered_clip), "-c", "copy")
    publisher = subprocess.Popen([*command, *form])
    began_s = time.monotonic()
    try:
        source = open_source(rtsp_url, tracks=2, stop=threading.Event())
        described = describe(source)
        packets = list(source.packets(ready_since_s=began_s))
        # A packet's track is there as long as its container.
        pictures = [cast("Packet[VideoStream]", p) for p in packets if p.stream.type == "video"]
        source.container.close()
        assert publisher.wait(10) == 0
    finally:
        publisher.kill()
        publisher.wait()
    assert (described.width, described.height, described.sample_rate_hz) == (64, 64, 48_000)
    found = [_facts(packet) for packet in pictures]
    assert len(found) >= (SECONDS - 1.5) * FPS
    published = _pictures(reordered_clip)[-len(found) :]
    assert [digest for digest, _, _ in found] == [digest for digest, _, _ in published]
    pairs = list(zip(found, published, strict=True))
    shown_ms = [1000 * (mine[2] - theirs[2]) for mine, theirs in pairs]
    assert max(shown_ms) - min(shown_ms) <= 3.0
    # The first two are decoded before anything tells how long a picture lasts.
    decoded_ms = [1000 * (mine[1] - theirs[1]) for mine, theirs in pairs[2:]]
    assert max(decoded_ms) - min(decoded_ms) <= 3.0
    decoded_s = [mine[1] for mine in found]
    assert decoded_s == sorted(decoded_s)
    assert [packet.is_keyframe for packet in pictures[:2]] == [True, False]
    assert {bytes(packet)[4] & 0x1F for packet in pictures} <= {1, 5, 6}
    # Time zero is the source's beginning, though its head was missed.
    first_s = float((packets[0].dts or 0) * packets[0].time_base)
    assert 0.0 <= first_s <= 1.5


def test_a_source_that_is_not_there_is_told(
    server: MediaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.worker.source.RETRY_S", 0.2)
    with pytest.raises(StreamError, match="404") as error:
        open_source(f"rtsp://{server.rtsp_address}/no/body", tracks=2, stop=threading.Event())
    assert error.value.reason == "input_unreadable"


def test_time_zero_is_the_sources_beginning_by_the_servers_clock() -> None:
    told = Join(2.0, 1000.0, lambda: 1_001_500_000)
    assert told.shift_s(0.1) == pytest.approx(1.5)
    untold = Join(2.0, 1000.0, lambda: None)
    assert untold.shift_s(0.1) == pytest.approx(1.9)
    assert Join(-0.5, 1000.0, lambda: 0).shift_s(0.1) == pytest.approx(-0.1)


def test_a_clock_that_contradicts_the_arrival_is_not_believed() -> None:
    wrong = Join(2.0, 1000.0, lambda: 1_010_000_000)
    assert wrong.shift_s(0.0) == 2.0


def test_the_sources_readiness_goes_back_onto_the_servers_clock() -> None:
    join = rtsp.joined(ready_since_s=time.monotonic() - 7, opened_s=time.monotonic(), told_us=int)
    assert join.age_s == pytest.approx(7, abs=0.1)
    assert join.began_at == pytest.approx(time.time() - 7, abs=0.1)


def test_parameter_sets_become_a_record() -> None:
    record = rtsp.configuration(START + SPS + START + PPS)
    assert record is not None
    assert record.hex() == ("0164000dffe10019" + SPS.hex() + "010004" + PPS.hex() + "fdf8f800")
    assert rtsp.configuration(record) is record
    found = sequence_parameters(record)
    assert found is not None
    assert (found.width, found.height, found.reordered) == (320, 180, 2)
    assert found.frame_s == pytest.approx(1 / 30)


@pytest.mark.parametrize(
    "extradata", [None, b"", START + SPS, START + PPS, START + SPS[:6] + START + PPS]
)
def test_without_parameter_sets_there_is_no_record(extradata: bytes | None) -> None:
    assert rtsp.configuration(extradata) is None


@pytest.fixture
def video(reordered_clip: Path) -> Iterator[VideoStream]:
    """A track whose pictures are reordered by two."""
    with av.open(str(reordered_clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.extradata = rtsp.configuration(START + SPS + START + PPS)
        yield stream


def _packet(
    video: VideoStream, shown: int | None, data: bytes = START + b"\x41a"
) -> Packet[Stream]:
    packet = Packet(data)
    packet.stream, packet.time_base, packet.pts = video, TICK, shown
    return packet


def test_pictures_lose_what_the_record_has_and_their_delimiters(video: VideoStream) -> None:
    other = SPS[:-1] + b"\x61"
    data = (
        START.join((b"", b"\x09\xf0", SPS, PPS, b"\x06sei")) + b"\x00\x00\x01\x65a" + START + other
    )
    (made,) = rtsp.adapted([_packet(video, 0, data)], video, JOIN)
    units = [b"\x06sei", b"\x65a", other]
    assert bytes(made) == b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


def test_pictures_without_a_time_get_one_from_the_next(video: VideoStream) -> None:
    timeless = [_packet(video, None), _packet(video, None)]
    made = list(rtsp.adapted([*timeless, _packet(video, 90_000)], video, JOIN))
    assert [packet.pts for packet in made] == [0, 3000, 6000]
    assert [packet.dts for packet in made] == [-6000, -3000, 0]


def test_a_source_whose_pictures_never_have_a_time_is_given_up(video: VideoStream) -> None:
    packets = [_packet(video, None) for _ in range(rtsp.MAX_TIMELESS + 1)]
    with pytest.raises(StreamError, match="without times"):
        list(rtsp.adapted(packets, video, JOIN))
