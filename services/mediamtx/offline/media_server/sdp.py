"""Session descriptions: what a publisher announces, and what a player is told.

Sources: RFC 8866; RFC 6184, section 8, and RFC 3640, section 4, for the parameters of the codecs.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from media_server import h264, sps
from media_server.errors import Reason, Refused
from media_server.h264 import UnitType
from media_server.media import AudioForm, MediaTag, TagType, audio_form

VIDEO_RATE_HZ = 90_000
AUDIO_RATES_HZ = range(7350, 96_001)
"""From the lowest sampling rate of AAC to the highest (ISO/IEC 14496-3, table 1.18)."""
VIDEO_PAYLOAD_TYPE, AUDIO_PAYLOAD_TYPE = 96, 97

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_AAC_SIZES = {"sizelength": "13", "indexlength": "3", "indexdeltalength": "3"}


@dataclass(frozen=True, slots=True)
class AnnouncedTrack:
    """A track of a publisher's description.

    ``control`` is the end of its URL. ``configuration`` is the body of its decoder configuration
    as a tag; empty where the pictures themselves will bring it.
    """

    type: TagType
    control: str
    rate_hz: int
    configuration: bytes
    language: str = ""


@dataclass(frozen=True, slots=True)
class DescribedTrack:
    """A track as a player is told of it, by its place in the description."""

    type: TagType
    payload_type: int
    rate_hz: int


def parse(text: str) -> tuple[AnnouncedTrack, ...]:
    """Read the description that a publisher announces.

    Raises:
        Refused: no track, two of a kind, or one that is neither H.264 nor AAC by its own clock.
    """
    tracks: list[AnnouncedTrack] = []
    for number, block in enumerate(re.split(r"^m=", text, flags=re.MULTILINE)[1:]):
        lines = block.splitlines()
        if len(lines[0].split()) < 4:
            raise Refused(Reason.BAD_PROTOCOL, "invalid media line in the description")
        tracks.append(_track(lines[0].split()[3], lines[1:], number))
    if not tracks:
        raise Refused(Reason.BAD_PROTOCOL, "no tracks in the description")
    if len({track.type for track in tracks}) < len(tracks):
        raise Refused(Reason.UNSUPPORTED_CODEC, "only one video and one audio track is supported")
    return tuple(tracks)


def describe(
    configurations: Sequence[MediaTag], *, language: str = ""
) -> tuple[str, tuple[DescribedTrack, ...]]:
    """Return the description of a stream for players, and its tracks in order.

    ``language`` is the sound's, as RFC 8866, 6.12, has it; what is no language tag is left out.

    Raises:
        Refused: the publisher's H.264 configuration cannot be read.
    """
    lines = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=Stream", "c=IN IP4 0.0.0.0", "t=0 0"]
    tracks: list[DescribedTrack] = []
    for tag in configurations:
        if tag.type is TagType.VIDEO:
            tracks.append(DescribedTrack(tag.type, VIDEO_PAYLOAD_TYPE, VIDEO_RATE_HZ))
            media = _video_lines(tag.body)
        else:
            form = audio_form(tag.body)
            tracks.append(DescribedTrack(tag.type, AUDIO_PAYLOAD_TYPE, form.rate_hz or 48_000))
            media = _audio_lines(tag.body, form)
            media += [f"a=lang:{language}"] if _LANGUAGE.fullmatch(language) else []
        lines += [*media, f"a=control:{control(len(tracks) - 1)}"]
    return "\r\n".join(lines) + "\r\n", tuple(tracks)


def control(index: int) -> str:
    """Return the end of the URL of a track that a player is told of."""
    return f"trackID={index}"


def _video_lines(body: bytes) -> list[str]:
    try:
        sequence_sets, picture_sets = h264.parameter_sets(body[5:])
    except ValueError as error:
        raise Refused(Reason.BAD_MEDIA, f"invalid H264 configuration: {error}") from error
    encoded = ",".join(base64.b64encode(unit).decode() for unit in sequence_sets + picture_sets)
    profile = body[6:9].hex().upper()
    parameters = f"packetization-mode=1; profile-level-id={profile}; sprop-parameter-sets={encoded}"
    return [
        f"m=video 0 RTP/AVP {VIDEO_PAYLOAD_TYPE}",
        f"a=rtpmap:{VIDEO_PAYLOAD_TYPE} H264/{VIDEO_RATE_HZ}",
        f"a=fmtp:{VIDEO_PAYLOAD_TYPE} {parameters}",
    ]


def _audio_lines(body: bytes, form: AudioForm) -> list[str]:
    sizes = "; ".join(f"{key}={value}" for key, value in _AAC_SIZES.items())
    parameters = f"streamtype=5; profile-level-id=1; mode=AAC-hbr; {sizes}"
    kind = AUDIO_PAYLOAD_TYPE
    return [
        f"m=audio 0 RTP/AVP {kind}",
        f"a=rtpmap:{kind} mpeg4-generic/{form.rate_hz or 48_000}/{form.channels or 2}",
        f"a=fmtp:{kind} {parameters}; config={body[2:].hex()}",
    ]


def _track(payload_type: str, lines: Sequence[str], number: int) -> AnnouncedTrack:
    attributes: dict[str, str] = {}
    for line in lines:
        key, _, value = line.removeprefix("a=").partition(":")
        if line.startswith("a="):
            attributes.setdefault(key, value.strip())
    mapped = re.match(rf"{re.escape(payload_type)}\s+([\w-]+)/(\d+)", attributes.get("rtpmap", ""))
    codec = mapped[1].lower() if mapped else f"payload type {payload_type[:20]}"
    rate_hz = int(mapped[2]) if mapped and len(mapped[2]) < 8 else 0
    parameters = _parameters(attributes.get("fmtp", ""))
    where = attributes.get("control", f"trackID={number}")
    language = attributes.get("lang", "")
    language = language if _LANGUAGE.fullmatch(language) else ""
    if codec == "h264" and mapped:
        _check_clock(rate_hz, range(VIDEO_RATE_HZ, VIDEO_RATE_HZ + 1))
        body = _video_configuration(parameters.get("sprop-parameter-sets", ""))
        return AnnouncedTrack(TagType.VIDEO, where, rate_hz, body, language)
    if codec == "mpeg4-generic" and mapped:
        _check_clock(rate_hz, AUDIO_RATES_HZ)
        return AnnouncedTrack(TagType.AUDIO, where, rate_hz, _audio_body(parameters), language)
    raise Refused(
        Reason.UNSUPPORTED_CODEC,
        f"unsupported codec ({codec[:40]}); only H264 and MPEG-4 Audio are supported",
    )


def _check_clock(rate_hz: int, allowed: range) -> None:
    """Refuse a clock on which a packet's time could be anything (RFC 6184, 8.1; RFC 3640, 4.1)."""
    if rate_hz not in allowed:
        bounds = f"{allowed[0]} to {allowed[-1]}" if len(allowed) > 1 else f"{allowed[0]}"
        raise Refused(Reason.UNSUPPORTED_CODEC, f"unsupported clock rate: it is not {bounds} Hz")


def _parameters(line: str) -> dict[str, str]:
    """Read ``96 key=value; key=value``."""
    _, _, rest = line.partition(" ")
    pairs = (piece.strip().partition("=") for piece in rest.split(";"))
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _video_configuration(encoded: str) -> bytes:
    try:
        found = [base64.b64decode(piece, validate=True) for piece in encoded.split(",") if piece]
    except (binascii.Error, ValueError) as error:
        raise Refused(Reason.BAD_MEDIA, "invalid H264 parameter sets") from error
    return video_configuration(found) or b""


def video_configuration(units: Sequence[bytes]) -> bytes | None:
    """Return the body of the tag that configures a decoder; None without both parameter sets.

    Raises:
        Refused: a parameter set that cannot be one.
    """
    try:
        by_id = {(h264.unit_type(unit), sps.set_id(unit)): unit for unit in units if unit}
        sequence_sets = _of_type(by_id, UnitType.SEQUENCE_PARAMETERS)
        picture_sets = _of_type(by_id, UnitType.PICTURE_PARAMETERS)
        if not sequence_sets or not picture_sets:
            return None
        record = sps.configuration(sequence_sets, picture_sets)
    except ValueError as error:
        raise Refused(Reason.BAD_MEDIA, f"invalid H264 configuration: {error}") from error
    return b"\x17\x00\x00\x00\x00" + record


def _of_type(by_id: Mapping[tuple[int, int], bytes], kind: UnitType) -> list[bytes]:
    return [unit for key, unit in sorted(by_id.items()) if key[0] == kind]


def _audio_body(parameters: dict[str, str]) -> bytes:
    given = {key: parameters.get(key, value) for key, value in _AAC_SIZES.items()}
    if parameters.get("mode", "").lower() != "aac-hbr" or given != _AAC_SIZES:
        raise Refused(Reason.UNSUPPORTED_CODEC, "unsupported MPEG-4 Audio mode; only AAC-hbr is")
    try:
        config = bytes.fromhex(parameters.get("config", ""))
    except ValueError as error:
        raise Refused(Reason.BAD_MEDIA, "invalid MPEG-4 Audio configuration") from error
    if len(config) < 2:
        raise Refused(Reason.BAD_MEDIA, "invalid MPEG-4 Audio configuration")
    return b"\xaf\x00" + config
