"""Publishers and readers over RTMP, and what one may do to another: nothing."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from media_server import amf0, connection, listener, paths, session
from media_server.config import Permission, User
from media_server.errors import Reason
from media_server.messages import Message, MessageType, UserControl, user_control
from tests.media_server.client import AAC_HEADER, H264_HEADER, RtmpClient, audio, video
from tests.media_server.conftest import ANYONE, Running

Start = Callable[..., Awaitable[Running]]
VIDEO, AUDIO = MessageType.VIDEO, MessageType.AUDIO


async def test_a_reader_starts_at_a_keyframe_with_what_a_decoder_needs(running: Running) -> None:
    async with RtmpClient(running.rtmp) as publisher, RtmpClient(running.rtmp) as player:
        assert await publisher.publish("live/a", "in") == "NetStream.Publish.Start"
        publisher.send_headers()
        publisher.media(VIDEO, 40, video(1, keyframe=True))
        await running.until_ready("live/a/in")
        assert await player.play("live", "a/in") == "NetStream.Play.Start"
        publisher.media(VIDEO, 80, video(2))
        publisher.media(AUDIO, 90, audio(3))
        publisher.media(VIDEO, 0x1000000, video(4, keyframe=True))
        publisher.command("deleteStream", None, 1)
        messages = await player.rest()
    tags = [(m.type_id, m.timestamp_ms, m.body) for m in messages if m.type_id in (VIDEO, AUDIO)]
    assert tags == [
        (VIDEO, 40, H264_HEADER),
        (AUDIO, 40, AAC_HEADER),
        (AUDIO, 90, audio(3)),
        (VIDEO, 0x1000000, video(4, keyframe=True)),
    ]
    metadata = [amf0.decode(m.body)[0] for m in messages if m.type_id == MessageType.DATA]
    assert metadata == ["|RtmpSampleAccess", "onMetaData"]
    assert b"UnpublishNotify" in b"".join(m.body for m in messages[-3:])


async def test_a_second_publisher_takes_over(running: Running) -> None:
    async with AsyncExitStack() as stack:
        first, second, player = [
            await stack.enter_async_context(RtmpClient(running.rtmp)) for _ in range(3)
        ]
        await first.publish("live/a", "in")
        first.send_headers()
        before = await running.until_ready("live/a/in")
        assert await player.play("live/a", "in") == "NetStream.Play.Start"
        assert await second.publish("live/a", "in") == "NetStream.Publish.Start"
        assert await first.rest() == []
        await player.rest()
        second.send_headers(width=640)
        after = await running.until_ready("live/a/in")
    assert before["source"]["id"] != after["source"]["id"]
    assert before["readyTime"] < after["readyTime"]
    assert after["tracks2"][0]["codecProps"]["width"] == 640
    await running.until_gone("live/a/in")
    assert len(running.recorded("live/a/in")) == 2
    assert "[path live/a/in] closing existing publisher" in running.log


async def test_a_path_that_may_not_be_taken_over_is_not(running: Running) -> None:
    async with RtmpClient(running.rtmp) as first, RtmpClient(running.rtmp) as second:
        await first.publish("fixed", "path")
        assert await second.publish("fixed", "path") == "NetStream.Publish.BadName"
        first.send_headers()
        await running.until_ready("fixed/path")
    assert running.server.refusals == {Reason.PATH_TAKEN: 1}


@pytest.mark.parametrize(
    ("message_type", "header", "codec"),
    [(VIDEO, H264_HEADER, "H264"), (AUDIO, AAC_HEADER, "MPEG-4 Audio")],
)
async def test_one_track_alone_is_ready_when_no_other_is_announced(
    running: Running, message_type: MessageType, header: bytes, codec: str
) -> None:
    key = "videocodecid" if message_type is VIDEO else "audiocodecid"
    async with RtmpClient(running.rtmp) as publisher:
        await publisher.publish("live/a", "in")
        body = amf0.encode("@setDataFrame", "onMetaData", {key: 7})
        publisher.send(Message(MessageType.DATA, 0, body, 1, 5))
        publisher.media(message_type, 0, header)
        assert (await running.until_ready("live/a/in"))["tracks"] == [codec]


async def test_an_announced_track_that_never_comes_is_not_waited_for_long(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ANALYZE_S", 0.0)
    async with RtmpClient(running.rtmp) as publisher:
        await publisher.publish("live/a", "in")
        publisher.media(VIDEO, 0, H264_HEADER)
        publisher.media(VIDEO, 0, video(1, keyframe=True))
        assert (await running.until_ready("live/a/in"))["tracks"] == ["H264"]


async def test_playing_what_nobody_publishes_is_refused(running: Running) -> None:
    async with RtmpClient(running.rtmp) as player:
        assert await player.play("live/a", "in") == "NetStream.Play.StreamNotFound"
        await player.rest()
    assert running.server.refusals == {Reason.NO_STREAM: 1}


async def test_pings_and_acknowledgements_are_answered(running: Running) -> None:
    async with RtmpClient(running.rtmp) as client:
        await client.connect("live")
        client.send(user_control(UserControl.PING_REQUEST, b"abcd"))
        client.send(Message(MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE, 0, struct.pack(">I", 100)))
        messages = [await client.next_message() for _ in range(2)]
    bodies = {m.type_id: m.body for m in messages if m is not None}
    assert bodies[MessageType.USER_CONTROL] == b"\x00\x07abcd"
    assert struct.unpack(">I", bodies[MessageType.ACKNOWLEDGEMENT])[0] > 3073


def _raw_message(message_type: MessageType, body: bytes) -> Callable[[RtmpClient], None]:
    return lambda client: client.send(Message(message_type, 0, body, 1, 3))


BAD_PUBLISHERS = {
    "wrong video codec": (_raw_message(VIDEO, b"\x12" + bytes(9)), "unsupported video codec"),
    "enhanced RTMP": (_raw_message(VIDEO, b"\x90hvc1"), "unsupported video codec ('hvc1'"),
    "wrong audio codec": (_raw_message(AUDIO, b"\x2f" + bytes(9)), "unsupported audio codec"),
    "bad H.264 header": (_raw_message(VIDEO, b"\x17" + bytes(5)), "invalid H264 config"),
    "bad AAC header": (_raw_message(AUDIO, b"\xaf\x00"), "invalid MPEG-4 Audio config"),
    "AMF rubbish as a command": (_raw_message(MessageType.COMMAND, b"\xff\xfe"), "invalid AMF0"),
    "AMF rubbish as data": (_raw_message(MessageType.DATA, b"\x02\xff\xff"), "invalid AMF0"),
    "nameless command": (_raw_message(MessageType.COMMAND, b"\x05"), "command without a name"),
    "empty command": (_raw_message(MessageType.COMMAND, b""), "command without a name"),
    "second publish": (lambda c: c.command("publish", None, "b"), "publishes or plays already"),
    "oversized message": (
        lambda c: c.send_raw(b"\x04\x00\x00\x00\xff\xff\xff\x09" + bytes(4)),
        "over the limit",
    ),
    "chunk garbage": (lambda c: c.send_raw(b"\xff" * 64), "no full header"),
}


@pytest.mark.parametrize(("misbehave", "said"), BAD_PUBLISHERS.values(), ids=BAD_PUBLISHERS)
async def test_a_bad_publisher_is_refused_and_nobody_else_notices(
    running: Running, misbehave: Callable[[RtmpClient], None], said: str
) -> None:
    async with AsyncExitStack() as stack:
        good, bad, player = [
            await stack.enter_async_context(RtmpClient(running.rtmp)) for _ in range(3)
        ]
        await good.publish("live/good", "in")
        good.send_headers()
        await running.until_ready("live/good/in")
        assert await player.play("live/good", "in") == "NetStream.Play.Start"
        await bad.publish("live/bad", "in")
        misbehave(bad)
        await bad.rest()
        good.media(VIDEO, 40, video(1, keyframe=True))
        good.command("deleteStream", None, 1)
        messages = await player.rest()
    assert (40, video(1, keyframe=True)) in [(m.timestamp_ms, m.body) for m in messages]
    await running.until_logged(said)
    assert sum(running.server.refusals.values()) == 1
    assert Reason.INTERNAL not in running.server.refusals


BEFORE_PUBLISHING = {
    "garbage": (b"GET / HTTP/1.1\r\n\r\n", Reason.BAD_PROTOCOL, "invalid RTMP version (71)"),
    "RTMPE": (b"\x06" + bytes(1536), Reason.BAD_PROTOCOL, "invalid RTMP version (6)"),
    "truncated handshake": (b"\x03" + bytes(700), Reason.TRUNCATED, "middle of the handshake"),
}


@pytest.mark.parametrize(
    ("data", "reason", "said"), BEFORE_PUBLISHING.values(), ids=BEFORE_PUBLISHING
)
async def test_what_is_no_rtmp_is_refused(
    running: Running, data: bytes, reason: Reason, said: str
) -> None:
    async with RtmpClient(running.rtmp) as client:
        client.send_raw(data)
        client.end_output()
        assert await client.rest() == []
    await running.until_logged(said)
    assert running.server.refusals == {reason: 1}


@pytest.mark.parametrize("sent_bytes", [0, 700, 1537])
async def test_a_half_open_connection_is_ended(
    running: Running, monkeypatch: pytest.MonkeyPatch, sent_bytes: int
) -> None:
    monkeypatch.setattr(session, "ESTABLISH_S", 0.1)
    async with RtmpClient(running.rtmp) as client:
        client.send_raw(b"\x03"[:sent_bytes] + bytes(max(0, sent_bytes - 1)))
        # The reply to a whole C0 and C1 is no chunk stream: only the end matters here.
        await client.ended()
    await running.until_logged("closed: i/o timeout")
    assert running.server.refusals == {Reason.TIMEOUT: 1}


async def test_commands_before_connect_and_media_before_publish_are_refused(
    running: Running,
) -> None:
    async with RtmpClient(running.rtmp) as early, RtmpClient(running.rtmp) as mute:
        await early.handshake()
        early.command("publish", None, "x")
        await early.rest()
        await mute.connect("live")
        mute.media(VIDEO, 0, video(1))
        await mute.rest()
    assert running.server.refusals == {Reason.BAD_PROTOCOL: 2}


@pytest.mark.parametrize("path", ["", "a b", "live/../../etc", "live/x//y", "x" * 300, "ä"])
async def test_a_path_with_a_bad_name_is_refused(running: Running, path: str) -> None:
    app, _, name = path.partition("/")
    async with RtmpClient(running.rtmp) as publisher:
        assert await publisher.publish(app, name) == "NetStream.Publish.BadName"
    assert running.server.refusals == {Reason.INVALID_PATH: 1}


async def test_a_silent_publisher_is_ended_after_the_read_timeout(start: Start) -> None:
    running = await start(read_timeout_s=0.3)
    async with RtmpClient(running.rtmp) as publisher, RtmpClient(running.rtmp) as player:
        await publisher.publish("live/a", "in")
        publisher.send_headers()
        await running.until_ready("live/a/in")
        await player.play("live/a", "in")
        await player.rest()
        await publisher.rest()
    assert running.server.refusals == {Reason.TIMEOUT: 1}


async def test_a_publisher_cut_off_mid_message_ends_its_readers(running: Running) -> None:
    async with RtmpClient(running.rtmp) as publisher, RtmpClient(running.rtmp) as player:
        await publisher.publish("live/a", "in")
        publisher.send_headers()
        await running.until_ready("live/a/in")
        await player.play("live/a", "in")
        publisher.send_raw(b"\x06\x00\x00\x00\x00\x40\x00\x09" + bytes(50))
        publisher.end_output()
        assert b"UnpublishNotify" in b"".join(m.body for m in await player.rest())
    assert running.server.refusals == {Reason.TRUNCATED: 1}


async def test_a_slow_reader_is_cut_off_and_the_others_miss_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "MAX_BACKLOG_BYTES", 1 << 18)
    async with AsyncExitStack() as stack:
        publisher, slow, good = [
            await stack.enter_async_context(RtmpClient(running.rtmp)) for _ in range(3)
        ]
        await publisher.publish("a", "b")
        publisher.send_headers()
        await running.until_ready("a/b")
        await slow.play("a", "b")
        await good.play("a", "b")
        collecting = asyncio.create_task(good.rest())
        for number in range(200):
            publisher.media(VIDEO, number, video(number, keyframe=True, size_bytes=100_000))
            await publisher.drain()
            # Keeps the good reader within the lowered bound.
            await running.path("a/b")
        publisher.command("deleteStream", None, 1)
        numbers = [m.timestamp_ms for m in await collecting if m.type_id == VIDEO]
    assert numbers == [0, *range(200)]
    await running.until_logged("closed: reader is too slow")
    assert running.server.refusals == {Reason.SLOW_READER: 1}


async def test_connections_are_bounded(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "MAX_CONNECTIONS", 1)
    async with RtmpClient(running.rtmp) as first, RtmpClient(running.rtmp) as second:
        await first.connect("live")
        assert await second.rest() == []
    assert running.server.refusals == {Reason.TOO_MANY_CONNECTIONS: 1}


async def test_a_defect_in_one_session_ends_that_one_only(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RtmpClient(running.rtmp) as good, RtmpClient(running.rtmp) as unlucky:
        await good.publish("a", "b")
        good.send_headers()
        await running.until_ready("a/b")
        await unlucky.connect("live")
        with monkeypatch.context() as patch:
            patch.setattr(amf0, "decode", lambda data: 1 / 0)
            unlucky.command("play", None, "x")
            await unlucky.rest()
        assert (await running.path("a/b"))["ready"]
    assert running.server.refusals == {Reason.INTERNAL: 1}


async def test_credentials_are_asked_for_where_the_configuration_does(start: Start) -> None:
    writer = User("camera", "secret", (Permission("publish", "~^live/"),))
    running = await start(users=(writer, User("any", "", (Permission("read"),))))
    for query, code in [
        ("", "NetStream.Publish.BadName"),
        ("?user=camera&pass=wrong", "NetStream.Publish.BadName"),
        ("?user=camera&pass=secret", "NetStream.Publish.Start"),
    ]:
        async with RtmpClient(running.rtmp) as publisher:
            assert await publisher.publish("live/a", f"in{query}") == code
    async with RtmpClient(running.rtmp) as publisher:
        assert await publisher.publish("x", "y?user=camera&pass=secret") == (
            "NetStream.Publish.BadName"
        )
    status, body = await running.get("/v3/paths/list")
    assert (status, body["error"]) == (401, "authentication error")
    assert running.server.refusals == {Reason.AUTHENTICATION: 4}
    assert "secret" not in "".join(running.log)


async def test_the_api_takes_basic_credentials(start: Start) -> None:
    running = await start(users=(User("admin", "pw", ANYONE.permissions),))
    for header, status in [
        ("Basic YWRtaW46cHc=", 200),
        ("Basic YWRtaW46eA==", 401),
        ("Basic ?", 401),
        ("Bearer x", 401),
    ]:
        assert (await running.get("/v3/paths/list", headers={"Authorization": header}))[0] == status
