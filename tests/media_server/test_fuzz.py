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
from tests.media_server.client import AAC_HEADER, H264_HEADER

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
