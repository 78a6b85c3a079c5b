"""Whatever a client says once it is connected, its session ends in order or goes on."""

import asyncio
import logging
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from media_server import amf0
from media_server.amf0 import Value
from media_server.config import Config
from media_server.connection import Connection
from media_server.errors import SessionEnded
from media_server.log import LOGGER
from media_server.messages import Message, MessageType
from media_server.paths import PathTable
from media_server.recorder import Recorder
from media_server.rtmp_session import RtmpSession
from media_server.rtp import RtpPacket, SenderReport
from media_server.rtsp_messages import Interleaved, MessageReader, Request
from media_server.rtsp_session import RtspSession
from tests.media_server.client import AAC_HEADER, H264_HEADER
from tests.media_server.rtsp_client import DESCRIPTION, PPS, SPS, picture, sound

_NAMES = st.sampled_from(
    ["connect", "createStream", "publish", "play", "deleteStream", "@setDataFrame", "onMetaData"]
)
_VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | _NAMES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["app", "width", "videocodecid", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_COMMANDS = st.builds(
    lambda name, values: amf0.encode(name, *values), _NAMES, st.lists(_VALUES, max_size=4)
)
_MEDIA = st.builds(
    lambda start, rest: start + rest,
    st.sampled_from([H264_HEADER, AAC_HEADER, b"", b"\x17", b"\x17\x01", b"\xaf", b"\x27\x00"]),
    st.binary(max_size=8),
)
_MESSAGES = st.builds(
    Message,
    type_id=st.sampled_from(list(MessageType)) | st.integers(0, 255),
    timestamp_ms=st.integers(0, 0xFFFFFFFF),
    body=_COMMANDS | _MEDIA | st.binary(max_size=30),
)


class _Silence:
    """A connection that takes everything."""

    id = "x"

    def send(self, data: bytes) -> None:
        pass

    def end(self, why: SessionEnded) -> None:
        pass

    def log(self, message: str, level: int = logging.INFO) -> None:
        pass


@settings(max_examples=100, deadline=None)
@given(st.lists(_MESSAGES, max_size=12))
def test_any_messages_end_a_session_in_order(messages: list[Message]) -> None:
    LOGGER.setLevel(logging.ERROR)
    table = PathTable(Config().paths, Recorder())
    connection = cast(Connection, _Silence())
    with asyncio.Runner() as runner:
        runner.run(_feed(RtmpSession(connection, Config(), table), messages))
    assert list(table) == []


async def _feed(session: RtmpSession, messages: list[Message]) -> None:
    connect = amf0.encode("connect", 1, {"app": "live"})
    publish = amf0.encode("publish", 2, None, "x")
    try:
        for body in (connect, publish):
            session.on_message(Message(MessageType.COMMAND, 0, body))
        for message in messages:
            session.on_message(message)
    except SessionEnded:
        pass
    finally:
        session.leave_path()


_URLS = st.sampled_from(
    ["rtsp://h/x", "rtsp://h/x/streamid=0", "*", "rtsp://h", "x", "rtsp://h/x?a"]
)
_HEADERS = st.fixed_dictionaries(
    {"cseq": st.just("1") | st.text(max_size=2)},
    optional={
        "transport": st.sampled_from(["RTP/AVP/TCP;interleaved=0-1", "RTP/AVP", "TCP"]),
        "authorization": st.sampled_from(["Basic eDp5", "Basic ?", "Digest x"]),
        "session": st.just("x"),
    },
)
_REQUESTS = st.builds(
    Request,
    st.sampled_from(
        ["OPTIONS", "DESCRIBE", "ANNOUNCE", "SETUP", "PLAY", "RECORD", "TEARDOWN", "X"]
    ),
    _URLS,
    _HEADERS,
    st.sampled_from([DESCRIPTION, ""])
    | st.text(alphabet="m=audiortpmap:96 H264/90\r\n", max_size=60),
)
_PAYLOADS = st.sampled_from(
    [SPS, PPS, picture(1, keyframe=True), sound(1), b"\x18\x00\x02ab", b"\x7c\x85a", b"\x7c\x45a"]
) | st.binary(max_size=20)
_PACKETS = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.integers(0, 65535),
    st.integers(0, 2**32 - 1),
    st.just(1),
    st.booleans(),
    _PAYLOADS,
).map(RtpPacket.encode)
_REPORTS = st.builds(SenderReport, st.just(1), st.floats(0, 2e9), st.integers(0, 2**32 - 1))
_INTERLEAVED = st.builds(
    Interleaved,
    st.sampled_from([0, 0, 1, 2, 3, 9]),
    _PACKETS | _PACKETS | _REPORTS.map(SenderReport.encode) | st.binary(max_size=40),
)


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.lists(_REQUESTS | _INTERLEAVED, max_size=16))
def test_any_requests_and_packets_end_a_session_in_order(
    publishes: bool, messages: list[Request | Interleaved]
) -> None:
    LOGGER.setLevel(logging.ERROR)
    table = PathTable(Config().paths, Recorder())
    session = RtspSession(cast(Connection, _Silence()), Config(), table)
    opening = _publishing() if publishes else []
    with asyncio.Runner() as runner:
        runner.run(_feed_rtsp(session, [*opening, *messages]))
    assert list(table) == []


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.binary(max_size=20) | st.sampled_from([b"OPTIONS * RTSP/1.0\r\n", b"\r\n", b"$"]))
)
def test_any_bytes_are_rtsp_or_refused(pieces: list[bytes]) -> None:
    reader = MessageReader()
    try:
        for piece in pieces:
            list(reader.feed(piece))
    except SessionEnded:
        pass


def _publishing() -> list[Request | Interleaved]:
    def asked(method: str, track: str = "", **headers: str) -> Request:
        return Request(method, f"rtsp://h/x{track}", {"cseq": "1", **headers}, DESCRIPTION)

    return [
        asked("ANNOUNCE"),
        asked("SETUP", "/streamid=0", transport="RTP/AVP/TCP;interleaved=0-1"),
        asked("SETUP", "/streamid=1", transport="RTP/AVP/TCP;interleaved=2-3"),
        asked("RECORD"),
    ]


async def _feed_rtsp(session: RtspSession, messages: list[Request | Interleaved]) -> None:
    try:
        for message in messages:
            session.on_message(message)
    except SessionEnded:
        pass
    finally:
        session.leave_path()
