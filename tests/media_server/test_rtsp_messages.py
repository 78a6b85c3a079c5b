"""RTSP on the wire: whole messages out of any pieces, and no patience with what is no RTSP."""

import pytest

from media_server import rtsp_messages
from media_server.errors import Reason, Refused
from media_server.rtsp_messages import Interleaved, MessageReader, Request, reply

ANNOUNCE = b"ANNOUNCE rtsp://h/a RTSP/1.0\r\nCSeq: 2\r\nContent-Length: 4\r\n\r\nv=0\n"
STREAM = ANNOUNCE + b"$\x02\x00\x03abc" + b"\r\nOPTIONS * RTSP/1.0\r\ncseq:3\r\n\r\n"
MESSAGES = [
    Request("ANNOUNCE", "rtsp://h/a", {"cseq": "2", "content-length": "4"}, "v=0\n"),
    Interleaved(2, b"abc"),
    Request("OPTIONS", "*", {"cseq": "3"}),
]


@pytest.mark.parametrize("piece_bytes", [1, 7, 1000])
def test_messages_are_found_in_whatever_pieces_they_come(piece_bytes: int) -> None:
    reader, found = MessageReader(), list[Request | Interleaved]()
    for start in range(0, len(STREAM), piece_bytes):
        found += reader.feed(STREAM[start : start + piece_bytes])
    assert found == MESSAGES
    assert not reader.mid_message


@pytest.mark.parametrize("cut", [b"OPTIONS * RT", b"$", b"$\x00\x00\x05abc", ANNOUNCE[:-1]])
def test_half_a_message_is_waited_for(cut: bytes) -> None:
    reader = MessageReader()
    assert list(reader.feed(cut)) == []
    assert reader.mid_message


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff", Reason.BAD_PROTOCOL),
        (b"GET / HTTP/1.1\r\n", Reason.BAD_PROTOCOL),
        (b"OPTIONS * RTSP/2.0\r\n\r\n", Reason.BAD_PROTOCOL),
        (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", Reason.BAD_PROTOCOL),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", Reason.BAD_PROTOCOL),
        (b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999\r\n\r\n", Reason.MESSAGE_TOO_BIG),
        (b"A" * rtsp_messages.MAX_HEAD_BYTES, Reason.MESSAGE_TOO_BIG),
        (b"OPTIONS * RTSP/1.0\r\nX: " + b"a" * 8192, Reason.MESSAGE_TOO_BIG),
    ],
)
def test_what_is_no_rtsp_or_too_much_is_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(Refused) as refusal:
        list(MessageReader().feed(data))
    assert refusal.value.reason is reason


def test_a_reply_names_its_request_and_the_length_of_what_it_holds() -> None:
    assert reply(200, "7", {"Session": "a"}, "v=0\r\n") == (
        b"RTSP/1.0 200 OK\r\nCSeq: 7\r\nSession: a\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    )
    assert reply(461, "8") == b"RTSP/1.0 461 Unsupported Transport\r\nCSeq: 8\r\n\r\n"
