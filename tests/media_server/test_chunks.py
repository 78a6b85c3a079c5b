"""The chunk layer: messages survive any cutting of the bytes, and bounds hold."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server import chunks
from media_server.chunks import MAX_CHUNK_STREAMS, ChunkReader
from media_server.errors import Reason, Refused
from media_server.messages import Message, MessageType, set_chunk_size

_MESSAGES = st.lists(
    st.builds(
        Message,
        type_id=st.sampled_from([8, 9, 18, 20]),
        timestamp_ms=st.integers(0, 0xFFFFFFFF) | st.integers(0xFFFFF0, 0x100000F),
        body=st.binary(max_size=700),
        stream_id=st.integers(0, 0xFFFFFFFF),
        chunk_stream_id=st.integers(2, 63),
    ),
    max_size=6,
)


def _full(timestamp: int, body: bytes, length: int | None = None, chunk_stream: int = 4) -> bytes:
    size = len(body) if length is None else length
    header = bytes([chunk_stream]) + timestamp.to_bytes(3, "big") + size.to_bytes(3, "big")
    return header + b"\x08" + struct.pack("<I", 1) + body


@given(_MESSAGES, st.integers(1, 300), st.lists(st.integers(1, 200), max_size=40))
def test_messages_survive_any_cutting(
    messages: list[Message], chunk_bytes: int, cuts: list[int]
) -> None:
    encoded = chunks.encode(set_chunk_size(chunk_bytes), 128)
    encoded += b"".join(chunks.encode(message, chunk_bytes) for message in messages)
    reader = ChunkReader()
    received: list[Message] = []
    for cut in [*cuts, len(encoded)]:
        received += reader.feed(encoded[:cut])
        encoded = encoded[cut:]
    assert received[1:] == messages
    assert not reader.mid_message


@given(st.binary(max_size=2000))
def test_rubbish_gives_messages_or_a_refusal(data: bytes) -> None:
    reader = ChunkReader()
    with contextlib.suppress(Refused):
        for message in reader.feed(data):
            assert len(message.body) <= chunks.MAX_MESSAGE_BYTES


def test_interleaved_chunk_streams_are_told_apart() -> None:
    first = _full(0, b"a" * 128, length=200, chunk_stream=4)
    second = _full(0, b"b" * 10, chunk_stream=5)
    rest = b"\xc4" + b"a" * 72
    bodies = [message.body for message in ChunkReader().feed(first + second + rest)]
    assert bodies == [b"b" * 10, b"a" * 200]


@pytest.mark.parametrize(
    ("later", "timestamp_ms"),
    [
        pytest.param(b"\x84\x00\x00\x14x", 1020, id="type 2 adds its delta"),
        pytest.param(b"\x84\x00\x00\x14x\xc4x", 1040, id="type 3 repeats the delta"),
        pytest.param(b"\xc4x", 2000, id="type 3 after type 0 adds the absolute field"),
        pytest.param(b"\x44\x00\x00\x05\x00\x00\x02\x09xy", 1005, id="type 1 sets length too"),
        pytest.param(b"\x84\xff\xff\xff\x01\x00\x00\x00x", 16778216, id="an extended delta"),
    ],
)
def test_timestamps_follow_the_specification(later: bytes, timestamp_ms: int) -> None:
    *_, last = ChunkReader().feed(_full(1000, b"x") + later)
    assert last.timestamp_ms == timestamp_ms


@pytest.mark.parametrize("basic_header", [b"\x00\x06", b"\x01\x06\x00", b"\x01\x00\x01"])
def test_long_chunk_stream_ids_are_read(basic_header: bytes) -> None:
    (message,) = ChunkReader().feed(basic_header + _full(7, b"x")[1:])
    assert (message.timestamp_ms, message.body) == (7, b"x")


def test_an_aborted_message_is_forgotten() -> None:
    abort = chunks.encode(Message(MessageType.ABORT, 0, struct.pack(">I", 4)), 128)
    reader = ChunkReader()
    received = list(reader.feed(_full(0, b"a" * 128, length=200) + abort + _full(0, b"new")))
    assert [message.body for message in received] == [struct.pack(">I", 4), b"new"]


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        pytest.param(_full(0, b"", length=0xFFFFFF), Reason.MESSAGE_TOO_BIG, "16777215", id="big"),
        pytest.param(b"\xc4", Reason.BAD_PROTOCOL, "no full header", id="type 3 first"),
        pytest.param(
            chunks.encode(set_chunk_size(0), 128), Reason.BAD_PROTOCOL, "chunk size", id="size 0"
        ),
        pytest.param(
            _full(0, b"a" * 128, length=200) + _full(0, b"b"),
            Reason.BAD_PROTOCOL,
            "middle of a message",
            id="header inside a message",
        ),
        pytest.param(
            b"".join(_full(0, b"", chunk_stream=2 + n) for n in range(61))
            + b"".join(b"\x00" + bytes([n]) + _full(0, b"")[1:] for n in range(10)),
            Reason.BAD_PROTOCOL,
            "too many chunk streams",
            id=f"over {MAX_CHUNK_STREAMS} streams",
        ),
        pytest.param(_full(0, b"x")[:7] + b"\x01" + bytes(5), Reason.BAD_PROTOCOL, "short", id="s"),
    ],
)
def test_what_breaks_the_layer_is_refused(data: bytes, reason: Reason, said: str) -> None:
    with pytest.raises(Refused, match=said) as caught:
        list(ChunkReader().feed(data))
    assert caught.value.reason is reason


def test_unfinished_data_is_bounded_over_all_streams() -> None:
    reader = ChunkReader(max_message_bytes=1000)
    started = b"".join(_full(0, b"a" * 128, length=1000, chunk_stream=n) for n in range(2, 60))
    with pytest.raises(Refused, match="unfinished"):
        list(reader.feed(started))
