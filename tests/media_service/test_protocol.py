import asyncio
import io
import struct

import pytest

from media_service.protocol import (
    Hello,
    Message,
    Note,
    ProtocolError,
    Read,
    Restored,
    Result,
    SegmentCut,
    Spooled,
    Start,
    Stop,
    encode,
    read_message,
    receive_message,
)

MESSAGES: list[Message] = [
    Start("rtmp://a/in", "rtmp://a/out", 6.0, 30.0, 0.2),
    Result(3, "dubbed", 48_000, 2, b"\x01\x02" * 1000),
    Result(4, "original", 48_000, 2),
    Stop(),
    Read("rtmp://a/in", 0.2, another=True),
    Restored([3, 4], 18.02),
    Spooled(None),
    Hello(42),
    SegmentCut(0, 0.0, 6.0, 1e9, False, b"x" * 100_000),
    Note("warning", "audio_absent", {"silence_s": 1.5}),
]


class Dripping(io.BytesIO):
    """A pipe that gives at most seven bytes at a time."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(size if size is not None and size >= 0 else 7, 7))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_messages_survive_the_pipe(message: Message) -> None:
    pipe = Dripping(encode(message) * 2)
    assert read_message(pipe.read) == message
    assert read_message(pipe.read) == message
    assert read_message(pipe.read) is None


async def test_both_readers_agree() -> None:
    reader = asyncio.StreamReader()
    for message in MESSAGES:
        reader.feed_data(encode(message))
    reader.feed_eof()
    assert [await receive_message(reader) for _ in MESSAGES] == MESSAGES
    assert await receive_message(reader) is None


@pytest.mark.parametrize(
    "garbage",
    [
        encode(Hello(1))[:-1],
        b"\x00\x00",
        struct.pack(">II", 1 << 30, 0),
        struct.pack(">II", 2, 0) + b"{}",
        struct.pack(">II", 4, 0) + b"\xff\xff\xff\xff",
        struct.pack(">II", 16, 0) + b'{"kind": "Nope"}',
        struct.pack(">II", 30, 0) + b'{"kind":"Hello","surprise":12}',
    ],
)
async def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_message(io.BytesIO(garbage).read)
    reader = asyncio.StreamReader()
    reader.feed_data(garbage)
    reader.feed_eof()
    with pytest.raises(ProtocolError):
        await receive_message(reader)
