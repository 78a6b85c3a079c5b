"""Media as it travels through a path: FLV tag bodies of H.264 and AAC, and their tracks."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from media_server import amf0
from media_server.amf0 import Value
from media_server.errors import Reason, Refused


class TagType(IntEnum):
    """FLV tag types, which are also the RTMP message types of the same media."""

    AUDIO = 8
    VIDEO = 9
    METADATA = 18


@dataclass(frozen=True, slots=True)
class MediaTag:
    """One FLV tag; ``timestamp_ms`` is the DTS on the source's clock."""

    type: TagType
    timestamp_ms: int
    body: bytes

    @property
    def is_sequence_header(self) -> bool:
        """Whether this is a decoder configuration and no picture or sound."""
        return self.type is not TagType.METADATA and self.body[1] == 0

    @property
    def is_keyframe(self) -> bool:
        """Whether a decoder can start at this picture."""
        return self.type is TagType.VIDEO and self.body[0] >> 4 == 1


@dataclass(frozen=True, slots=True)
class Track:
    """A track as the Control API shows it: MediaMTX's codec name and codec properties."""

    codec: str
    properties: Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class AudioForm:
    """What an AAC configuration says of the sound; 0 where it does not say it in its head."""

    rate_hz: int
    channels: int


_H264, _AAC = 7, 10
_VIDEO_CODECS = {2: "Sorenson H.263", 3: "Screen Video", 4: "VP6", 5: "VP6 with alpha", 12: "H265"}
_AUDIO_CODECS = {
    0: "LPCM",
    1: "ADPCM",
    2: "MPEG-1 Audio",
    3: "LPCM",
    7: "G711 A-law",
    8: "G711 mu-law",
    11: "Speex",
}
_SAMPLE_RATES_HZ = (
    *(96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050),
    *(16000, 12000, 11025, 8000, 7350),
)
_PROFILES = {66: "Baseline", 77: "Main", 88: "Extended", 100: "High", 110: "High 10"}


def media_tag(tag_type: TagType, timestamp_ms: int, body: bytes) -> MediaTag | None:
    """Return the audio or video message as a tag; None for one that carries no media.

    Raises:
        Refused: any codec but H.264 and AAC, enhanced RTMP, or a decoder configuration that
            cannot be one.
    """
    if not body:
        return None
    if tag_type is TagType.VIDEO:
        _check_video(body)
        if len(body) < 5 or body[1] > 1:
            return None
    else:
        _check_audio(body)
        if len(body) < 2 or body[1] > 1:
            return None
    tag = MediaTag(tag_type, timestamp_ms, body)
    if tag.is_sequence_header:
        _check_sequence_header(tag)
    return tag


def metadata_tag(timestamp_ms: int, body: bytes) -> tuple[MediaTag, Mapping[str, Value]] | None:
    """Return a data message's ``onMetaData`` as a tag, with its properties; None for other data.

    Raises:
        Refused: the message is no AMF0.
    """
    values = amf0.decode(body)
    if values and values[0] == "@setDataFrame":
        body = body[len(amf0.encode("@setDataFrame")) :]
        values = values[1:]
    if len(values) < 2 or values[0] != "onMetaData" or not isinstance(values[1], Mapping):
        return None
    return MediaTag(TagType.METADATA, timestamp_ms, body), values[1]


def declared_types(metadata: Mapping[str, Value]) -> frozenset[TagType]:
    """Return the tracks that ``onMetaData`` announces; empty when it announces none."""
    keys = {TagType.VIDEO: "videocodecid", TagType.AUDIO: "audiocodecid"}
    return frozenset(tag_type for tag_type, key in keys.items() if metadata.get(key))


def describe(header: MediaTag, metadata: Mapping[str, Value]) -> Track:
    """Return the track that a sequence header configures; the picture size is the metadata's."""
    if header.type is TagType.AUDIO:
        form = audio_form(header.body)
        properties = {"sampleRate": form.rate_hz, "channelCount": form.channels}
        return Track("MPEG-4 Audio", properties)
    profile, level = header.body[6], header.body[8]
    return Track(
        "H264",
        {
            "width": _whole_number(metadata.get("width")),
            "height": _whole_number(metadata.get("height")),
            "profile": _PROFILES.get(profile, str(profile)),
            "level": f"{level // 10}.{level % 10}" if level % 10 else str(level // 10),
        },
    )


def audio_form(body: bytes) -> AudioForm:
    """Read the body of an AAC sequence header (ISO/IEC 14496-3, 1.6.2.1)."""
    config = body[2:]
    rate_index = (config[0] & 0x07) << 1 | config[1] >> 7
    rate_hz = _SAMPLE_RATES_HZ[rate_index] if rate_index < len(_SAMPLE_RATES_HZ) else 0
    return AudioForm(rate_hz, config[1] >> 3 & 0x0F)


def _whole_number(value: Value) -> int:
    in_range = isinstance(value, int | float) and 0 <= value <= 0xFFFF
    return int(value) if in_range and isinstance(value, int | float) else 0


def _check_video(body: bytes) -> None:
    if body[0] & 0x80:
        four_cc = body[1:5].decode("ascii", "replace")
        raise Refused(
            Reason.UNSUPPORTED_CODEC,
            f"unsupported video codec ({four_cc!r} through enhanced RTMP); only H264 is supported",
        )
    codec = body[0] & 0x0F
    if codec != _H264:
        name = _VIDEO_CODECS.get(codec, f"id {codec}")
        raise Refused(
            Reason.UNSUPPORTED_CODEC, f"unsupported video codec ({name}); only H264 is supported"
        )


def _check_audio(body: bytes) -> None:
    codec = body[0] >> 4
    if codec != _AAC:
        name = _AUDIO_CODECS.get(codec, f"id {codec}")
        raise Refused(
            Reason.UNSUPPORTED_CODEC,
            f"unsupported audio codec ({name}); only MPEG-4 Audio is supported",
        )


def _check_sequence_header(header: MediaTag) -> None:
    if header.type is TagType.AUDIO and len(header.body) < 4:
        raise Refused(Reason.BAD_MEDIA, "invalid MPEG-4 Audio configuration")
    # A configuration record is version 1 and holds at least its six fixed bytes.
    if header.type is TagType.VIDEO and (len(header.body) < 12 or header.body[5] != 1):
        raise Refused(Reason.BAD_MEDIA, "invalid H264 configuration")
