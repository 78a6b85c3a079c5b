"""Makes what is read over RTSP like what is read over RTMP: its pictures' form, and its times.

Over RTSP the pictures come with start codes instead of lengths and without a time of decoding, the
first of them without any time (FFmpeg, 5.1 to 8.1), and all times count from when the reader
joined. What the stream was before that is known by the server's clock alone.
"""

from __future__ import annotations

import re
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media_service.worker.errors import StreamError
from media_service.worker.sps import parameters_of, sequence_parameters

MAX_CLOCK_ERROR_S = 5.0
"""A server's clock is not believed that would have the source begin this much off its readiness."""
MAX_TIMELESS = 16
"""How many pictures are held for the next one's time."""
_USUAL_FRAME_S = 0.04
_START_CODE = re.compile(rb"\x00\x00\x01")
_SEQUENCE_SET, _PICTURE_SET, _DELIMITER = 7, 8, 9
_REFERENCE_TIME = "prft"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class Join:
    """When a source was joined: ``age_s`` after it became ready, which was at ``began_at`` (Unix).

    ``told_us`` asks FFmpeg for the time on the server's clock that the packets' times count from,
    in microseconds; it knows none before the server has told.
    """

    age_s: float
    began_at: float
    told_us: Callable[[], int | None]

    @property
    def times_from(self) -> float | None:
        """The time (Unix) on the server's clock that the packets' times count from."""
        told_us = self.told_us()
        return told_us / _MICROSECONDS if told_us is not None and told_us > 0 else None

    def shift_s(self, first_s: float) -> float:
        """Return what has to be added to times for them to count from the source's beginning."""
        by_arrival = max(0.0, self.age_s) - first_s
        times_from = self.times_from
        if times_from is None:
            return by_arrival
        by_clock = times_from - self.began_at
        return by_clock if abs(by_clock - by_arrival) <= MAX_CLOCK_ERROR_S else by_arrival


def joined(*, ready_since_s: float, opened_s: float, told_us: Callable[[], int | None]) -> Join:
    """Return the joining of a source that was opened at ``opened_s``, on the monotonic clock.

    ``ready_since_s`` is its readiness on that clock, which was worked out from the server's own:
    put back onto it here, so that no difference between the clocks counts.
    """
    began_at = time.time() - (time.monotonic() - ready_since_s)
    return Join(opened_s - ready_since_s, began_at, told_us)


def configuration(extradata: bytes | None) -> bytes | None:
    """Return the avcC record of parameter sets with start codes; None where one is missing.

    Source: ISO/IEC 14496-15, 5.3.3.
    """
    if extradata and extradata[0] == 1:
        return extradata
    units = list(_units(extradata or b""))
    sequence_sets = [unit for unit in units if _kind(unit) == _SEQUENCE_SET]
    picture_sets = [unit for unit in units if _kind(unit) == _PICTURE_SET]
    parameters = parameters_of(sequence_sets[0]) if sequence_sets else None
    if parameters is None or not picture_sets:
        return None
    return b"".join(
        (
            b"\x01" + sequence_sets[0][1:4] + b"\xff",
            bytes([0xE0 | len(sequence_sets)]),
            *(struct.pack(">H", len(unit)) + unit for unit in sequence_sets),
            bytes([len(picture_sets)]),
            *(struct.pack(">H", len(unit)) + unit for unit in picture_sets),
            parameters.formats,
        )
    )


def adapted(
    packets: Iterable[Packet[Stream]], video: VideoStream, join: Join
) -> Iterator[Packet[Stream]]:
    """Yield the packets as RTMP would have brought them, times counted from the source's beginning.

    Raises:
        StreamError: picture after picture comes without a time.
    """
    pictures = _Pictures(video, join)
    shift_s: float | None = None
    ready: Iterable[Packet[Stream]]
    for packet in packets:
        if not packet.size:
            continue
        if packet.stream.type == "video":
            taken = pictures.take(cast("Packet[VideoStream]", packet))
            ready = cast("Iterator[Packet[Stream]]", taken)
        else:
            ready = () if packet.pts is None else (packet,)
        for each in ready:
            at_s = float((each.pts or 0) * each.time_base)
            shift_s = join.shift_s(at_s) if shift_s is None else shift_s
            _move(each, shift_s)
            yield each


class _Pictures:
    """The pictures on their way: in the form and with the times that RTMP would give them."""

    def __init__(self, video: VideoStream, join: Join) -> None:
        self._video = video
        self._join = join
        record = bytes(video.codec_context.extradata or b"")
        parameters = sequence_parameters(record)
        self._reordered = parameters.reordered if parameters else 0
        self._frame_s = (parameters.frame_s if parameters else None) or _USUAL_FRAME_S
        self._known = set(_units_of(record))
        self._shown: list[int] = []
        self._timeless: list[Packet[VideoStream]] = []

    def take(self, packet: Packet[VideoStream]) -> Iterator[Packet[VideoStream]]:
        """Take a picture; yield it, and those before it that had to wait for its time."""
        if packet.pts is None:
            packet.pts = self._by_reference_time(packet)
        if packet.pts is None:
            self._timeless.append(packet)
            if len(self._timeless) > MAX_TIMELESS:
                raise StreamError("input_broken", "the pictures come without times", retryable=True)
            return
        waited, self._timeless = self._timeless, []
        frame = round(self._frame_s / packet.time_base)
        for ahead, earlier in enumerate(reversed(waited), start=1):
            earlier.pts = packet.pts - ahead * frame
        for each in (*waited, packet):
            yield self._made(each, frame)

    def _by_reference_time(self, packet: Packet[VideoStream]) -> int | None:
        """Return the time out of the server's own clock, which FFmpeg notes on each packet."""
        times_from = self._join.times_from
        if times_from is None:
            return None
        for note in packet.iter_sidedata():
            if note.data_type == _REFERENCE_TIME:
                at_us = int.from_bytes(bytes(note)[:8], sys.byteorder, signed=True)
                after_s = at_us / _MICROSECONDS - times_from
                return round(after_s / packet.time_base)
        return None

    def _made(self, packet: Packet[VideoStream], frame: int) -> Packet[VideoStream]:
        kept = [
            unit
            for unit in _units(bytes(packet))
            if _kind(unit) != _DELIMITER and unit not in self._known
        ]
        data = b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)
        made = cast("Packet[VideoStream]", Packet(data))
        made.stream = self._video
        made.time_base = packet.time_base
        made.pts = packet.pts
        made.dts = self._decoded(packet.pts or 0, frame)
        made.duration = packet.duration
        made.is_keyframe = packet.is_keyframe
        return made

    def _decoded(self, shown: int, frame: int) -> int:
        """Return when a picture is decoded: with the one that many places before it is shown."""
        if not self._shown:
            self._shown = [shown - ahead * frame for ahead in range(self._reordered, 0, -1)]
        self._shown = sorted([*self._shown, shown])
        return self._shown.pop(0)


def _move(packet: Packet[Stream], by_s: float) -> None:
    shift = round(by_s / packet.time_base)
    packet.pts = (packet.pts or 0) + shift
    packet.dts = packet.pts if packet.stream.type == "audio" else (packet.dts or 0) + shift


def _units(data: bytes) -> Iterator[bytes]:
    """Split what has start codes before its units (ITU-T H.264, annex B)."""
    for unit in _START_CODE.split(data)[1:]:
        # A unit never ends in a zero byte: trailing zeros belong to the next start code.
        if stripped := unit.rstrip(b"\x00"):
            yield stripped


def _units_of(record: bytes) -> Sequence[bytes]:
    """Return the parameter sets of an avcC record."""
    found: list[bytes] = []
    position = 5
    for mask in (0x1F, 0xFF):
        count = record[position] & mask if position < len(record) else 0
        position += 1
        for _ in range(count):
            size = int.from_bytes(record[position : position + 2], "big")
            found.append(record[position + 2 : position + 2 + size])
            position += 2 + size
    return found


def _kind(unit: bytes) -> int:
    return unit[0] & 0x1F
