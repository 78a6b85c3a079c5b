"""Publishers and players over RTSP, beside those over RTMP, and what one may do to another."""

import asyncio
import base64
import struct
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime

import pytest

from media_server import connection, session
from media_server.config import Permission, User
from media_server.errors import Reason
from media_server.messages import MessageType
from media_server.rtp import RtpPacket, sender_reports
from media_server.rtsp_messages import Interleaved
from tests.media_server.client import RtmpClient
from tests.media_server.conftest import Running
from tests.media_server.rtsp_client import (
    AAC_BODY,
    AUDIO_CHANNEL,
    DESCRIPTION,
    H264_BODY,
    PPS,
    SPS,
    VIDEO_CHANNEL,
    RtspClient,
    media,
    picture,
    report,
    sound,
)

Start = Callable[..., Awaitable[Running]]
VIDEO, AUDIO = MessageType.VIDEO, MessageType.AUDIO


def tag(unit: bytes) -> bytes:
    """The tag body of a picture of one unit, decoded when it is shown."""
    head = b"\x17" if unit[0] == 0x65 else b"\x27"
    return head + b"\x01\x00\x00\x00" + struct.pack(">I", len(unit)) + unit


def begin(publisher: RtspClient) -> None:
    """Tell both clocks, and send a first picture and a first sound."""
    for channel in (VIDEO_CHANNEL, AUDIO_CHANNEL):
        publisher.send_raw(report(channel, 1e9, 0))
    publisher.send_raw(media(VIDEO_CHANNEL, 0, 0, picture(0, keyframe=True)))
    publisher.send_raw(media(AUDIO_CHANNEL, 0, 0, sound(0)))


async def test_what_is_published_over_rtsp_is_played_over_rtmp(running: Running) -> None:
    async with RtspClient(running.rtsp) as publisher, RtmpClient(running.rtmp) as player:
        assert await publisher.publish("live/a/in") == 200
        item = await running.until_ready("live/a/in")
        assert await player.play("live/a", "in") == "NetStream.Play.Start"
        begin(publisher)
        publisher.send_raw(media(VIDEO_CHANNEL, 1, 3000, picture(1)))
        publisher.send_raw(media(AUDIO_CHANNEL, 1, 1024, sound(1)))
        await publisher.ask("TEARDOWN", publisher.url("live/a/in"))
        messages = await player.rest()
    assert item["source"]["type"] == "rtspSession"
    assert [(m.type_id, m.timestamp_ms, m.body) for m in messages if m.type_id in (8, 9)] == [
        (VIDEO, 0, H264_BODY),
        (AUDIO, 0, AAC_BODY),
        (VIDEO, 0, tag(picture(0, keyframe=True))),
        (AUDIO, 0, b"\xaf\x01" + bytes(4)),
        (VIDEO, 33, tag(picture(1))),
        (AUDIO, 21, b"\xaf\x01" + b"\x01" * 4),
    ]
    assert b"UnpublishNotify" in b"".join(m.body for m in messages[-3:])


async def test_a_player_gets_clocks_and_parameters_before_its_first_packets(
    running: Running,
) -> None:
    async with RtmpClient(running.rtmp) as publisher, RtspClient(running.rtsp) as player:
        await publisher.publish("live/a", "in")
        publisher.media(VIDEO, 0, H264_BODY)
        publisher.media(AUDIO, 0, AAC_BODY)
        ready = await running.until_ready("live/a/in")
        ready_at_s = datetime.fromisoformat(ready["readyTime"]).timestamp()
        described = await player.play("live/a/in")
        publisher.media(VIDEO, 960, tag(picture(1)))
        publisher.media(AUDIO, 980, b"\xaf\x01\x02\x02")
        publisher.media(VIDEO, 1000, b"\x17\x01\x00\x00\x28" + tag(b"\x65" + bytes(3000))[5:])
        publisher.command("deleteStream", None, 1)
        packets = await player.rest()
    assert described.headers["content-type"] == "application/sdp"
    assert [packet.channel for packet in packets] == [3, 2, 1, 0, 0, 0, 0]
    reports = {p.channel: next(sender_reports(p.payload)) for p in packets if p.channel % 2}
    rtp = [(p.channel, RtpPacket.parse(p.payload)) for p in packets if not p.channel % 2]
    heard, first = rtp[0][1], rtp[1][1]
    assert heard.payload == b"\x00\x10\x00\x10\x02\x02"
    assert first.payload == b"\x78" + struct.pack(">H", len(SPS)) + SPS + b"\x00\x04" + PPS
    assert [packet.marker for _, packet in rtp] == [True, False, False, False, True]
    assert {packet.timestamp for _, packet in rtp[1:]} == {first.timestamp}
    # What the player has missed is known: the stream's first timestamp is when it became ready.
    assert reports[3].at_s == pytest.approx(ready_at_s + (980 - 960) / 1000, abs=1e-4)
    # The picture is shown 60 ms after the sound is heard, by the clocks that were told.
    heard_at_s = reports[3].at_s + (heard.timestamp - reports[3].timestamp) / 48_000
    shown_at_s = reports[1].at_s + (first.timestamp - reports[1].timestamp) / 90_000
    assert shown_at_s - heard_at_s == pytest.approx(0.060, abs=1e-5)


async def test_the_publishers_language_reaches_players_over_rtsp(running: Running) -> None:
    async with RtspClient(running.rtsp) as publisher, RtspClient(running.rtsp) as player:
        await publisher.publish("studio/a", DESCRIPTION + "a=lang:es\r\n")
        await running.until_ready("studio/a")
        assert "a=lang:es\r\n" in (await player.play("studio/a")).body


async def test_publishers_of_both_protocols_take_over_from_each_other(running: Running) -> None:
    async with AsyncExitStack() as stack:
        over_rtmp = await stack.enter_async_context(RtmpClient(running.rtmp))
        over_rtsp, player = [
            await stack.enter_async_context(RtspClient(running.rtsp)) for _ in range(2)
        ]
        await over_rtmp.publish("live/a", "in")
        over_rtmp.send_headers()
        await running.until_ready("live/a/in")
        assert await over_rtsp.publish("live/a/in") == 200
        await over_rtmp.rest()
        assert (await running.until_ready("live/a/in"))["source"]["type"] == "rtspSession"
        await player.play("live/a/in")
        again = await stack.enter_async_context(RtmpClient(running.rtmp))
        await again.publish("live/a", "in")
        assert await over_rtsp.rest() == []
        assert await player.rest() == []


async def test_a_path_that_may_not_be_taken_over_is_not(running: Running) -> None:
    async with RtspClient(running.rtsp) as first, RtspClient(running.rtsp) as second:
        await first.publish("fixed/path")
        assert await second.publish("fixed/path") == 400
        await running.until_ready("fixed/path")
    assert running.server.refusals == {Reason.PATH_TAKEN: 1}


async def test_what_a_client_may_ask_at_any_time(running: Running) -> None:
    async with RtspClient(running.rtsp) as client:
        offered = (await client.ask("OPTIONS", "*")).headers["public"]
        assert {"DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "RECORD", "TEARDOWN"} <= set(
            offered.split(", ")
        )
        assert (await client.ask("GET_PARAMETER", client.url("a"))).status == 200
        assert (await client.ask("PAUSE", client.url("a"))).status == 501
        assert (await client.ask("OPTIONS", "*", Session="another")).status == 454


async def test_requests_out_of_their_order_are_turned_down(running: Running) -> None:
    async with RtspClient(running.rtsp) as publisher, RtspClient(running.rtsp) as player:
        url = publisher.url("studio/a")
        for method in ("SETUP", "PLAY", "RECORD"):
            assert (await publisher.ask(method, url)).status == 455
        assert await publisher.publish("studio/a") == 200
        for method in ("ANNOUNCE", "DESCRIBE", "SETUP", "PLAY", "RECORD"):
            assert (await publisher.ask(method, url)).status == 455
        await player.play("studio/a")
        assert (await player.ask("PLAY", url)).status == 455
        assert (await publisher.ask("TEARDOWN", url)).status == 200
    assert running.server.refusals == {}


async def test_udp_is_turned_down_and_tcp_may_be_tried_next(running: Running) -> None:
    async with RtspClient(running.rtsp) as publisher:
        url = publisher.url("studio/a")
        await publisher.ask("ANNOUNCE", url, DESCRIPTION)
        udp = "RTP/AVP/UDP;unicast;client_port=5000-5001"
        assert (await publisher.ask("SETUP", f"{url}/streamid=0", Transport=udp)).status == 461
        await publisher.set_up(url)
        assert (await publisher.ask("RECORD", url)).status == 200


async def test_one_track_alone_can_be_played(running: Running) -> None:
    async with RtspClient(running.rtsp) as publisher, RtspClient(running.rtsp) as player:
        await publisher.publish("studio/a")
        await running.until_ready("studio/a")
        url = player.url("studio/a")
        await player.ask("DESCRIBE", url)
        agreed = await player.ask("SETUP", f"{url}/trackID=1", Transport="RTP/AVP/TCP;unicast")
        assert agreed.headers["transport"].endswith("interleaved=2-3")
        assert (await player.ask("PLAY", url)).status == 200
        player.send_raw(report(VIDEO_CHANNEL, 0, 0))  # receivers report too
        begin(publisher)
        assert [(await player.next_packet() or Interleaved(9, b"")).channel for _ in range(2)] == [
            3,
            2,
        ]


async def test_playing_what_nobody_publishes_is_refused(running: Running) -> None:
    async with RtspClient(running.rtsp) as player:
        assert (await player.play("live/a/in")).status == 404
        assert await player.rest() == []
    async with RtspClient(running.rtsp) as publisher, RtspClient(running.rtsp) as player:
        await publisher.publish("studio/a")
        await running.until_ready("studio/a")
        await player.ask("DESCRIBE", player.url("studio/a"))
        await player.set_up(player.url("studio/a"), ("trackID=0",))
        await publisher.ask("TEARDOWN", publisher.url("studio/a"))
        await running.until_gone("studio/a")
        assert (await player.ask("PLAY", player.url("studio/a"))).status == 404
    assert running.server.refusals == {Reason.NO_STREAM: 2}


def _request(text: str) -> Callable[[RtspClient], None]:
    return lambda client: client.send_raw((text.replace("\n", "\r\n") + "\r\n\r\n").encode())


BAD_PUBLISHERS = {
    "no RTP": (lambda c: c.send_raw(b"$\x00\x00\x04abcd"), "invalid RTP packet"),
    "no picture": (lambda c: c.send_raw(media(0, 0, 0, b"\x1f")), "invalid H264 packet"),
    "no sound": (lambda c: c.send_raw(media(2, 0, 0, b"\xff")), "invalid MPEG-4 Audio packet"),
    "a bad parameter set": (lambda c: c.send_raw(media(0, 0, 0, b"\x67\x64")), "invalid H264 conf"),
    "an unknown channel": (lambda c: c.send_raw(media(4, 0, 0, b"")), "unknown channel 4"),
    "no CSeq": (_request("OPTIONS * RTSP/1.0"), "without a CSeq"),
    "rubbish": (lambda c: c.send_raw(b"\xff" * 64), "invalid RTSP request"),
    "an endless line": (lambda c: c.send_raw(b"A" * 9000), "over the limit"),
    "cut off": (lambda c: (c.send_raw(b"$\x00\xff"), c.end_output()), "middle of a message"),
}


@pytest.mark.parametrize(("misbehave", "said"), BAD_PUBLISHERS.values(), ids=BAD_PUBLISHERS)
async def test_a_bad_publisher_is_refused_and_nobody_else_notices(
    running: Running, misbehave: Callable[[RtspClient], None], said: str
) -> None:
    async with AsyncExitStack() as stack:
        good, bad, player = [
            await stack.enter_async_context(RtspClient(running.rtsp)) for _ in range(3)
        ]
        await good.publish("live/good/in")
        await running.until_ready("live/good/in")
        await player.play("live/good/in")
        await bad.publish("live/bad/in")
        misbehave(bad)
        await bad.ended()
        begin(good)
        good.send_raw(media(VIDEO_CHANNEL, 1, 3000, picture(1)))
        await good.ask("TEARDOWN", good.url("live/good/in"))
        packets = await player.rest()
    assert [RtpPacket.parse(p.payload).payload[:1] for p in packets if p.channel == 0] == [
        b"\x78",
        picture(1)[:1],
    ]
    await running.until_logged(said)
    assert sum(running.server.refusals.values()) == 1
    assert Reason.INTERNAL not in running.server.refusals


@pytest.mark.parametrize(
    ("description", "said"),
    [
        (DESCRIPTION.replace("H264", "VP8"), "unsupported codec (vp8)"),
        (DESCRIPTION.replace("MPEG4-GENERIC", "opus"), "unsupported codec (opus)"),
        ("v=0\r\n", "no tracks"),
    ],
)
async def test_other_codecs_are_refused(running: Running, description: str, said: str) -> None:
    async with RtspClient(running.rtsp) as publisher:
        answer = await publisher.ask("ANNOUNCE", publisher.url("studio/a"), description)
        assert answer.status == 400
        assert await publisher.rest() == []
    await running.until_logged(said)


@pytest.mark.parametrize("path", ["", "a%20b", "live/../../etc", "x" * 300, "%C3%A4"])
async def test_a_path_with_a_bad_name_is_refused(running: Running, path: str) -> None:
    async with RtspClient(running.rtsp) as publisher:
        assert await publisher.publish(path) == 400
    assert running.server.refusals == {Reason.INVALID_PATH: 1}


async def test_a_setup_must_name_a_track_and_a_channel_of_its_own(running: Running) -> None:
    tcp = "RTP/AVP/TCP;unicast;interleaved="
    for control, transport in [
        ("streamid=7", tcp + "2-3"),
        ("streamid=0", tcp + "2-3"),
        ("streamid=1", tcp + "0-1"),
        ("streamid=1", tcp + "3-4"),
        ("streamid=1", tcp + "255-256"),
    ]:
        async with RtspClient(running.rtsp) as publisher:
            url = publisher.url("studio/a")
            await publisher.ask("ANNOUNCE", url, DESCRIPTION)
            await publisher.set_up(url, ("streamid=0",))
            answer = await publisher.ask("SETUP", f"{url}/{control}", Transport=transport)
            assert answer.status == 400
    async with RtspClient(running.rtsp) as publisher:
        await publisher.ask("ANNOUNCE", url, DESCRIPTION)
        await publisher.set_up(url, ("streamid=0",))
        assert (await publisher.ask("RECORD", url)).status == 400


@pytest.mark.parametrize("sent", [b"", b"OPTIONS * RT", b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"])
async def test_a_half_open_connection_is_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(session, "ESTABLISH_S", 0.1)
    async with RtspClient(running.rtsp) as client:
        client.send_raw(sent)
        await client.ended()
    await running.until_logged("closed: i/o timeout")
    assert running.server.refusals == {Reason.TIMEOUT: 1}


async def test_a_silent_publisher_is_ended_after_the_read_timeout(start: Start) -> None:
    running = await start(read_timeout_s=0.3)
    async with RtspClient(running.rtsp) as publisher, RtspClient(running.rtsp) as player:
        await publisher.publish("live/a/in")
        await running.until_ready("live/a/in")
        await player.play("live/a/in")
        assert await player.rest() == []
        await publisher.ended()
    assert running.server.refusals == {Reason.TIMEOUT: 1}


async def test_a_slow_reader_is_cut_off_and_the_others_miss_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_BACKLOG_BYTES", 1 << 18)
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(RtmpClient(running.rtmp))
        slow, good = [await stack.enter_async_context(RtspClient(running.rtsp)) for _ in range(2)]
        await publisher.publish("a", "b")
        publisher.media(VIDEO, 0, H264_BODY)
        publisher.media(AUDIO, 0, AAC_BODY)
        await running.until_ready("a/b")
        await slow.play("a/b")
        await good.play("a/b")
        collecting = asyncio.create_task(good.rest())
        for number in range(200):
            publisher.media(VIDEO, number, tag(b"\x65" + bytes(100_000)))
            await publisher.drain()
            # Keeps the good reader within the lowered bound.
            await running.path("a/b")
        publisher.command("deleteStream", None, 1)
        packets = [RtpPacket.parse(p.payload) for p in await collecting if p.channel == 0]
    assert sum(packet.marker for packet in packets) == 200
    await running.until_logged("closed: reader is too slow")
    assert running.server.refusals == {Reason.SLOW_READER: 1}


async def test_media_that_cannot_be_sent_so_ends_the_players_session_alone(
    running: Running,
) -> None:
    async with AsyncExitStack() as stack:
        publisher, other = [
            await stack.enter_async_context(RtmpClient(running.rtmp)) for _ in range(2)
        ]
        player = await stack.enter_async_context(RtspClient(running.rtsp))
        await publisher.publish("a", "b")
        publisher.media(VIDEO, 0, H264_BODY)
        publisher.media(AUDIO, 0, AAC_BODY)
        await running.until_ready("a/b")
        await other.play("a", "b")
        await player.play("a/b")
        publisher.media(VIDEO, 40, b"\x17\x01\x00\x00\x00\x00\x00\x00\xff\x65")
        assert await player.rest() == []
        publisher.media(VIDEO, 80, tag(picture(2, keyframe=True)))
        publisher.command("deleteStream", None, 1)
        assert 80 in [m.timestamp_ms for m in await other.rest()]
    await running.until_logged("closed: cannot be sent as RTP")
    assert running.server.refusals == {Reason.BAD_MEDIA: 1}


async def test_credentials_are_asked_for_where_the_configuration_does(start: Start) -> None:
    writer = User("camera", "secret", (Permission("publish", "~^live/"),))
    running = await start(users=(writer, User("any", "", (Permission("read"),))))
    basic = "Basic " + base64.b64encode(b"camera:secret").decode()

    async with RtspClient(running.rtsp) as publisher:
        url = publisher.url("live/a/in")
        asked = await publisher.ask("ANNOUNCE", url, DESCRIPTION)
        assert (asked.status, asked.headers["www-authenticate"][:5]) == (401, "Basic")
        assert (
            await publisher.ask("ANNOUNCE", url, DESCRIPTION, Authorization=basic)
        ).status == 200
    async with RtspClient(running.rtsp) as publisher:
        assert await publisher.publish("live/b/in?user=camera&pass=secret") == 200
    for path, header in [
        ("live/a/in?user=camera&pass=wrong", ""),
        ("x/y?user=camera&pass=secret", ""),
        ("live/a/in", "Basic ?"),
        ("live/a/in", "Basic " + base64.b64encode(b"camera:wrong").decode()),
    ]:
        async with RtspClient(running.rtsp) as publisher:
            url = publisher.url(path)
            answer = await publisher.ask("ANNOUNCE", url, DESCRIPTION, Authorization=header)
            assert answer.status == 401
            await publisher.ended()
    assert running.server.refusals == {Reason.AUTHENTICATION: 4}
    assert "secret" not in "".join(running.log)


async def test_the_server_ends_its_sessions_when_it_stops(start: Start) -> None:
    running = await start()
    async with RtspClient(running.rtsp) as publisher, RtspClient(running.rtsp) as player:
        await publisher.publish("live/a/in")
        await running.until_ready("live/a/in")
        await player.play("live/a/in")
        async with asyncio.timeout(1.0):
            await running.server.stop()
        assert await player.rest() == []
        await publisher.ended()
    assert running.server.refusals == {}
