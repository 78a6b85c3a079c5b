"""Descriptions of sessions: those of publishers are understood, those for players can be read."""

import pytest

from media_server import sdp
from media_server.errors import Reason, Refused
from media_server.media import MediaTag, TagType
from media_server.sdp import AnnouncedTrack, DescribedTrack
from tests.media_server.rtsp_client import (
    AAC_BODY,
    AUDIO_LINES,
    DESCRIPTION,
    H264_BODY,
    HEAD,
    PPS,
    SPS,
    video_lines,
)

VIDEO = MediaTag(TagType.VIDEO, 0, H264_BODY)
AUDIO = MediaTag(TagType.AUDIO, 0, AAC_BODY)


def test_what_ffmpeg_announces() -> None:
    assert sdp.parse(DESCRIPTION) == (
        AnnouncedTrack(TagType.VIDEO, "streamid=0", 90_000, H264_BODY),
        AnnouncedTrack(TagType.AUDIO, "streamid=1", 48_000, AAC_BODY),
    )


def test_what_players_are_told_is_what_publishers_would_announce() -> None:
    told, tracks = sdp.describe([VIDEO, AUDIO], language="es")
    assert tracks == (
        DescribedTrack(TagType.VIDEO, 96, 90_000),
        DescribedTrack(TagType.AUDIO, 97, 48_000),
    )
    assert sdp.parse(told) == (
        AnnouncedTrack(TagType.VIDEO, "trackID=0", 90_000, H264_BODY),
        AnnouncedTrack(TagType.AUDIO, "trackID=1", 48_000, AAC_BODY, "es"),
    )


def test_what_is_no_language_is_told_to_nobody() -> None:
    for said in ("", "es\r\na=evil:1", "spanish, perhaps", "-"):
        assert "lang" not in sdp.describe([AUDIO], language=said)[0]
    assert sdp.parse(HEAD + AUDIO_LINES + "a=lang:x y\r\n")[0].language == ""


def test_pictures_may_bring_their_parameters_themselves() -> None:
    for lines in (video_lines(), video_lines(SPS), video_lines(PPS)):
        assert sdp.parse(HEAD + lines)[0].configuration == b""


BAD = {
    "no track": (HEAD, Reason.BAD_PROTOCOL),
    "rubbish": ("m=\r\n", Reason.BAD_PROTOCOL),
    "two videos": (DESCRIPTION + video_lines(SPS, PPS), Reason.UNSUPPORTED_CODEC),
    "H.265": (DESCRIPTION.replace("H264", "H265"), Reason.UNSUPPORTED_CODEC),
    "Opus": (DESCRIPTION.replace("MPEG4-GENERIC", "opus"), Reason.UNSUPPORTED_CODEC),
    "PCM by number": (HEAD + "m=audio 0 RTP/AVP 0\r\n", Reason.UNSUPPORTED_CODEC),
    "no rate": (DESCRIPTION.replace("H264/90000", "H264/0"), Reason.UNSUPPORTED_CODEC),
    "a picture's clock of 1 Hz": (DESCRIPTION.replace("/90000", "/1"), Reason.UNSUPPORTED_CODEC),
    "a sound's clock of 1 Hz": (DESCRIPTION.replace("/48000", "/1"), Reason.UNSUPPORTED_CODEC),
    "a sound's clock of 9 MHz": (DESCRIPTION.replace("48000", "9000000"), Reason.UNSUPPORTED_CODEC),
    "another mode": (DESCRIPTION.replace("AAC-hbr", "AAC-lbr"), Reason.UNSUPPORTED_CODEC),
    "other sizes": (DESCRIPTION.replace("sizelength=13", "sizelength=6"), Reason.UNSUPPORTED_CODEC),
    "bad base64": (DESCRIPTION.replace("sets=", "sets=%%%"), Reason.BAD_MEDIA),
    "a bad parameter set": (HEAD + video_lines(SPS[:6], PPS), Reason.BAD_MEDIA),
    "a bad picture set": (HEAD + video_lines(SPS, b"\x68"), Reason.BAD_MEDIA),
    "bad AAC": (DESCRIPTION.replace("config=1190", "config=11"), Reason.BAD_MEDIA),
    "AAC that is no hex": (DESCRIPTION.replace("config=1190", "config=xy"), Reason.BAD_MEDIA),
}


@pytest.mark.parametrize(("text", "reason"), BAD.values(), ids=BAD)
def test_what_cannot_be_carried_is_refused(text: str, reason: Reason) -> None:
    with pytest.raises(Refused) as refusal:
        sdp.parse(text)
    assert refusal.value.reason is reason


def test_a_publishers_broken_configuration_is_told_to_the_player() -> None:
    broken = MediaTag(TagType.VIDEO, 0, b"\x17\x00\x00\x00\x00\x01\x64\x00\x0d\xff\xe1\x00\x09\x67")
    with pytest.raises(Refused) as refusal:
        sdp.describe([broken])
    assert refusal.value.reason is Reason.BAD_MEDIA
