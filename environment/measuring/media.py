"""What a file or stream holds: its streams, its video packets, its timeline."""

from __future__ import annotations

import hashlib
import json
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from environment.errors import ToolUnavailable
from environment.measuring.sound import (
    AudioTrack,
    MediaUnreadable,
    open_media,
    packets_of,
    read_audio,
)

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.video.stream import VideoStream

__all__ = [
    "AudioTrack",
    "Gap",
    "MediaInfo",
    "MediaUnreadable",
    "StreamInfo",
    "StreamTimeline",
    "VideoPacket",
    "keyframe_interval_s",
    "parse_probe",
    "probe",
    "read_audio",
    "read_video_packets",
    "timeline",
]

StreamKind = Literal["video", "audio"]

_START_CODE = re.compile(rb"\x00\x00\x01")
# H.264 NAL unit types that carry picture: slices, their data partitions, IDR slices.
_VCL_TYPES = frozenset({1, 2, 3, 4, 5})
# Shorter holes are timestamp rounding; FLV counts in milliseconds.
_SMALLEST_GAP_S = 0.005


@dataclass(frozen=True)
class StreamInfo:
    """One stream as ffprobe sees it; what a kind of stream has not, is None.

    ``language`` is what the stream says of itself, where its container has a place for it.
    """

    kind: str
    codec: str
    profile: str | None
    start_s: float | None
    duration_s: float | None
    bit_rate: int | None
    width: int | None
    height: int | None
    fps: float | None
    pixel_format: str | None
    has_b_frames: int | None
    sample_rate_hz: int | None
    channels: int | None
    language: str | None = None


@dataclass(frozen=True)
class MediaInfo:
    """What ffprobe says of a file or URL. Live streams have no duration.

    ``language`` is what is said of the whole, as FLV and RTMP do.
    """

    format_name: str
    start_s: float | None
    duration_s: float | None
    streams: tuple[StreamInfo, ...]
    language: str | None = None

    @property
    def video(self) -> StreamInfo | None:
        """The first video stream."""
        return next((stream for stream in self.streams if stream.kind == "video"), None)

    @property
    def audio(self) -> StreamInfo | None:
        """The first audio stream."""
        return next((stream for stream in self.streams if stream.kind == "audio"), None)

    @property
    def audio_language(self) -> str | None:
        """The language of the sound: the audio stream's, else what is said of the whole."""
        return (self.audio.language if self.audio else None) or self.language


@dataclass(frozen=True)
class VideoPacket:
    """One coded picture; `slice_hash` covers its slices alone, whatever the container."""

    pts_s: float
    dts_s: float
    keyframe: bool
    slice_hash: str


@dataclass(frozen=True)
class Gap:
    """A hole in a stream: nothing is shown or heard from `at_s` for `duration_s`."""

    at_s: float
    duration_s: float


@dataclass(frozen=True)
class StreamTimeline:
    """When a stream's packets are due. `backward_steps` counts decoding times that do not grow."""

    kind: StreamKind
    packets: int
    first_s: float
    end_s: float
    frame_s: float
    gaps: tuple[Gap, ...]
    backward_steps: int

    @property
    def duration_s(self) -> float:
        """From the first packet's start to the end of the last."""
        return self.end_s - self.first_s

    @property
    def monotonic(self) -> bool:
        """Whether each packet is decoded after its predecessor."""
        return self.backward_steps == 0


def probe(path_or_url: Path | str, timeout_s: float = 15.0) -> MediaInfo:
    """Ask ffprobe. MediaUnreadable when it fails or is not done within `timeout_s`."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams"]
    try:
        done = subprocess.run(
            [*command, str(path_or_url)], capture_output=True, timeout=timeout_s, check=False
        )
    except FileNotFoundError as missing:
        raise ToolUnavailable("ffprobe is not installed.", remedy="install ffmpeg") from missing
    except subprocess.TimeoutExpired as late:
        raise MediaUnreadable(f"ffprobe had no answer on {path_or_url} in {timeout_s} s") from late
    if done.returncode != 0:
        cause = done.stderr.decode(errors="replace").strip()
        raise MediaUnreadable(f"ffprobe cannot read {path_or_url}: {cause}")
    return parse_probe(json.loads(done.stdout))


def parse_probe(answer: Mapping[str, Any]) -> MediaInfo:
    """Read ffprobe's own account, with its format and its streams, as JSON has it."""
    container = answer.get("format", {})
    return MediaInfo(
        format_name=container.get("format_name", ""),
        start_s=_number(container, "start_time"),
        duration_s=_number(container, "duration"),
        streams=tuple(_parse_stream(stream) for stream in answer.get("streams", [])),
        language=container.get("tags", {}).get("language"),
    )


def _parse_stream(stream: dict[str, Any]) -> StreamInfo:
    rate_hz, bit_rate = _number(stream, "sample_rate"), _number(stream, "bit_rate")
    return StreamInfo(
        kind=stream.get("codec_type", "unknown"),
        codec=stream.get("codec_name", "unknown"),
        profile=stream.get("profile"),
        start_s=_number(stream, "start_time"),
        duration_s=_number(stream, "duration"),
        bit_rate=None if bit_rate is None else int(bit_rate),
        width=stream.get("width"),
        height=stream.get("height"),
        fps=_ratio(stream.get("avg_frame_rate", "0/0")),
        pixel_format=stream.get("pix_fmt"),
        has_b_frames=stream.get("has_b_frames"),
        sample_rate_hz=None if rate_hz is None else int(rate_hz),
        channels=stream.get("channels"),
        language=stream.get("tags", {}).get("language"),
    )


def _number(table: dict[str, Any], key: str) -> float | None:
    value = table.get(key)
    return None if value in {None, "N/A"} else float(str(value))


def _ratio(text: str) -> float | None:
    above, _, below = text.partition("/")
    return float(above) / float(below) if float(below or 1) else None


def read_video_packets(path: Path | str) -> list[VideoPacket]:
    """Read the first video stream's packets in decoding order; it must be H.264.

    Raises MediaUnreadable when the file has no H.264 stream.
    """
    with open_media(path) as container:
        if not container.streams.video:
            raise MediaUnreadable(f"{path} has no video stream")
        stream = container.streams.video[0]
        if stream.codec_context.name != "h264":
            raise MediaUnreadable(f"the video of {path} is not H.264: {stream.codec_context.name}")
        header = bytes(stream.codec_context.extradata or b"")
        length_bytes = (header[4] & 3) + 1 if len(header) > 4 and header[0] == 1 else None
        unit_s = float(stream.time_base or 0)
        return [
            VideoPacket(
                pts_s=packet.pts * unit_s,
                dts_s=packet.dts * unit_s,
                keyframe=packet.is_keyframe,
                slice_hash=_hash_slices(bytes(packet), length_bytes),
            )
            for packet in packets_of(container, stream)
            if packet.size and packet.pts is not None and packet.dts is not None
        ]


def keyframe_interval_s(packets: Sequence[VideoPacket]) -> float:
    """The longest time from one keyframe to the next; ValueError with fewer than two."""
    times_s = sorted(packet.pts_s for packet in packets if packet.keyframe)
    return max(after - before for before, after in pairwise(times_s))


def _hash_slices(packet: bytes, length_bytes: int | None) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for unit in _units(packet, length_bytes):
        if unit and unit[0] & 0x1F in _VCL_TYPES:
            digest.update(len(unit).to_bytes(4))
            digest.update(unit)
    return digest.hexdigest()


def _units(packet: bytes, length_bytes: int | None) -> Iterator[bytes]:
    """Split a packet into NAL units: length prefixes, or start codes when None."""
    if length_bytes is None:
        # A unit never ends in a zero byte, so that trailing zeros belong to the next start code.
        yield from (unit.rstrip(b"\x00") for unit in _START_CODE.split(packet)[1:])
        return
    position = 0
    while position + length_bytes <= len(packet):
        size = int.from_bytes(packet[position : position + length_bytes])
        position += length_bytes
        yield packet[position : position + size]
        position += size


def timeline(path: Path | str) -> tuple[StreamTimeline, ...]:
    """Return the timeline of each video and audio stream of a file, in stream order.

    A gap is where a packet is due later than its predecessor in presentation order ends;
    a picture that is held by re-sending shows as gaps between the repeats.
    """
    with open_media(path) as container:
        every: list[VideoStream | AudioStream] = [
            *container.streams.video,
            *container.streams.audio,
        ]
        streams = sorted(every, key=lambda stream: stream.index)
        units_s = {stream.index: float(stream.time_base or 0) for stream in streams}
        times: dict[int, list[tuple[float, float, float]]] = {index: [] for index in units_s}
        for packet in packets_of(container, *streams):
            if packet.size and packet.pts is not None and packet.dts is not None:
                index = packet.stream_index
                ticks = (packet.dts, packet.pts, packet.duration or 0)
                dts_s, pts_s, duration_s = (tick * units_s[index] for tick in ticks)
                times[index].append((dts_s, pts_s, duration_s))
        kinds: dict[int, StreamKind] = {
            stream.index: "video" if stream.type == "video" else "audio" for stream in streams
        }
    return tuple(_line_up(kinds[index], packets) for index, packets in times.items() if packets)


def _line_up(kind: StreamKind, packets: list[tuple[float, float, float]]) -> StreamTimeline:
    decoding = [dts_s for dts_s, _, _ in packets]
    shown = sorted((pts_s, duration_s) for _, pts_s, duration_s in packets)
    steps = [after[0] - before[0] for before, after in pairwise(shown)]
    frame_s = statistics.median(steps) if steps else shown[-1][1]
    tolerance_s = max(_SMALLEST_GAP_S, frame_s / 2) if kind == "video" else _SMALLEST_GAP_S
    return StreamTimeline(
        kind=kind,
        packets=len(packets),
        first_s=shown[0][0],
        # Live containers round or omit a packet's duration: the usual step stands in for it.
        end_s=shown[-1][0] + (shown[-1][1] or frame_s),
        frame_s=frame_s,
        gaps=tuple(
            Gap(at_s=pts_s + frame_s, duration_s=step_s - frame_s)
            for (pts_s, _), step_s in zip(shown, steps, strict=False)
            if step_s - frame_s > tolerance_s
        ),
        backward_steps=sum(after <= before for before, after in pairwise(decoding)),
    )
