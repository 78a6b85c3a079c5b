"""RTP and RTCP: packets, pictures and sound in them, and clocks that wrap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_server import rtp_audio, rtp_video
from media_server.errors import Reason, Refused
from media_server.rtp import RtpClock, RtpPacket, SenderReport, sender_reports
from media_server.rtp_audio import FrameAssembler, SoundFrame
from media_server.rtp_video import CodedPicture, PictureAssembler

_UNITS = st.builds(
    lambda head, body: bytes([head]) + body, st.sampled_from([0x65, 0x41, 0x06, 0x67]), st.binary()
)
_BIG_UNITS = st.builds(lambda size: b"\x65" + bytes(size), st.integers(1390, 9000))


def packet(number: int, payload: bytes, *, timestamp: int = 90, marker: bool = True) -> RtpPacket:
    return RtpPacket(96, number, timestamp, 1, marker, payload)


@given(
    st.builds(
        RtpPacket,
        *[st.integers(0, n) for n in (127, 65535, 2**32 - 1, 2**32 - 1)],
        st.booleans(),
        st.binary(),
    )
)
def test_a_packet_is_read_as_it_was_written(sent: RtpPacket) -> None:
    assert RtpPacket.parse(sent.encode()) == sent


def test_sources_extensions_and_padding_are_not_the_payload() -> None:
    head = b"\xb1\xe0\x00\x01" + bytes(8) + b"sour" + b"\xbe\xde\x00\x01" + b"exte"
    assert RtpPacket.parse(head + b"payload" + b"\x00\x02").payload == b"payload"


@pytest.mark.parametrize("data", [b"", b"\x80" * 11, b"\x00" * 12, b"\xa0" + bytes(10) + b"\x09"])
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        RtpPacket.parse(data)
    assert refusal.value.reason is Reason.BAD_MEDIA


@given(st.lists(_UNITS | _BIG_UNITS, min_size=1, max_size=8), st.integers(0, 65535))
def test_a_picture_comes_out_of_its_packets_as_it_went_in(units: list[bytes], first: int) -> None:
    assembler, found = PictureAssembler(), list[CodedPicture]()
    for index, (payload, marker) in enumerate(rtp_video.packets(units)):
        assert len(payload) <= rtp_video.MAX_PACKET_BYTES
        found += assembler.push(packet((first + index) & 0xFFFF, payload, marker=marker))
    assert found == [CodedPicture(90, tuple(units))]


@pytest.mark.parametrize("lost", range(4))
def test_a_picture_that_lost_a_packet_is_left_out(lost: int) -> None:
    """With its last packet the next goes too: what was lost might have been the next's first."""
    sent = [
        packet(number, payload, timestamp=timestamp, marker=marker)
        for timestamp in (0, 3000, 6000)
        for number, (payload, marker) in enumerate(
            rtp_video.packets([b"\x65" + bytes(5000)]), start=4 * timestamp // 3000
        )
    ]
    assembler, found = PictureAssembler(), list[CodedPicture]()
    for each in sent[:lost] + sent[lost + 1 :]:
        found += assembler.push(each)
    assert [each.timestamp for each in found] == ([6000] if lost == 3 else [3000, 6000])


def test_a_sender_that_does_not_mark_the_end_is_understood() -> None:
    assembler = PictureAssembler()
    assert list(assembler.push(packet(0, b"\x65a", timestamp=0, marker=False))) == []
    (first,) = assembler.push(packet(1, b"\x41b", timestamp=90, marker=False))
    assert first == CodedPicture(0, (b"\x65a",))


@pytest.mark.parametrize(
    "payload", [b"", b"\x19ab", b"\x1c\x80", b"\x18\x00\x09a", b"\x18\x00\x00"]
)
def test_packets_of_no_picture_are_refused(payload: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        list(PictureAssembler().push(packet(0, payload)))
    assert refusal.value.reason is Reason.BAD_MEDIA


def test_a_picture_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtp_video, "MAX_PICTURE_BYTES", 5000)
    assembler = PictureAssembler()
    for number in range(4):
        assert not list(assembler.push(packet(number, b"\x41" + bytes(1000), marker=False)))
    with pytest.raises(Refused) as refusal:
        list(assembler.push(packet(4, b"\x41" + bytes(1000), marker=False)))
    assert refusal.value.reason is Reason.MESSAGE_TOO_BIG


def test_sound_comes_out_of_its_packets() -> None:
    several = b"\x00\x20" + b"\x00\x10" + b"\x00\x18" + b"ab" + b"cde"
    assembler = FrameAssembler()
    assert list(assembler.push(packet(0, several, timestamp=5))) == [
        SoundFrame(5, b"ab"),
        SoundFrame(5 + 1024, b"cde"),
    ]
    assert list(assembler.push(packet(1, rtp_audio.payload(b"whole")))) == [
        SoundFrame(90, b"whole")
    ]


def test_a_frame_in_parts_is_put_together_and_one_that_lost_a_part_is_not() -> None:
    assembler, part = FrameAssembler(), b"\x00\x10\x00\x30"
    assert list(assembler.push(packet(0, part + b"abc", marker=False))) == []
    assert list(assembler.push(packet(1, part + b"def"))) == [SoundFrame(90, b"abcdef")]
    assert list(assembler.push(packet(2, part + b"abc", marker=False))) == []
    assert list(assembler.push(packet(4, part + b"ghi"))) == []


@pytest.mark.parametrize(
    "payload", [b"", b"\x00\x10", b"\x00\x00ab", b"\x00\x20\x00\x10\x00\x18ab"]
)
def test_packets_of_no_sound_are_refused(payload: bytes) -> None:
    with pytest.raises(Refused):
        list(FrameAssembler().push(packet(0, payload)))


def test_a_frame_too_long_for_its_size_is_no_payload() -> None:
    with pytest.raises(ValueError, match="8192 bytes"):
        rtp_audio.payload(bytes(8192))


@given(st.integers(0, 2**32 - 1), st.floats(0, 4e9), st.integers(0, 2**32 - 1))
def test_a_report_is_read_as_it_was_written(ssrc: int, at_s: float, timestamp: int) -> None:
    at_s %= 2**32 - 2_208_988_801
    (got,) = sender_reports(SenderReport(ssrc, at_s, timestamp, 3, 4).encode())
    assert (got.ssrc, got.timestamp, got.packets, got.sent_bytes) == (ssrc, timestamp, 3, 4)
    assert abs(got.at_s - at_s) < 2e-6


def test_a_report_is_found_among_other_reports() -> None:
    receiver, report = b"\x80\xc9\x00\x01" + bytes(4), SenderReport(1, 1e9, 5).encode()
    assert [each.timestamp for each in sender_reports(receiver + report + receiver[:5])] == [5]
    assert list(sender_reports(b"\x00" * 40)) == []
    assert list(sender_reports(report[:20])) == []


def test_a_clock_counts_on_where_timestamps_wrap_and_turns_back_for_late_ones() -> None:
    clock = RtpClock(90_000)
    assert not clock.began
    assert clock.time_s(2**32 - 90_000) == 0.0
    assert clock.time_s(90_000) == 2.0
    assert clock.time_s(0) == 1.0
    assert clock.time_s(2**31 - 1) == pytest.approx((2**31 - 1 + 90_000) / 90_000)
    assert clock.time_s(2**32 - 2) == pytest.approx((2**32 - 2 + 90_000) / 90_000)


def test_a_clock_knows_the_senders_time_of_its_first_packet_from_the_first_report() -> None:
    clock = RtpClock(1000)
    clock.take_report(SenderReport(1, 100.0, 500))
    assert clock.first_at_s is None
    clock.time_s(1500)
    assert clock.first_at_s == 101.0
    clock.take_report(SenderReport(1, 999.0, 500))
    assert clock.first_at_s == 101.0
