"""What is in the files of a stream's spool folder.

A segment has its sound (``number-start.sound``: PCM as it was read, nothing else), its pictures
(``number.pictures``: records, the last of which may be torn) and, once that is known, what goes
out for it (``number.dub``). ``head`` holds the pictures' parameters, ``position`` how far the
output has come.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

from av.packet import Packet

from media_service.audio_format import BYTES_PER_FRAME
from media_service.headed_file import BrokenFileError, headed, read_headed
from media_service.spool_names import HEAD, POSITION
from media_service.worker.video_head import VideoHead

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_POSITION = struct.Struct(">qd")
_RECORD = struct.Struct(">IIqqIIB")
"""Check sum and length of the data, presentation and decoding time, their unit, keyframe."""
_NO_TIME = -(1 << 63)


@dataclass(frozen=True)
class Position:
    """How far the output has come: the sample behind the last sound, the last picture's time."""

    sound_samples: int
    picture_s: float

    def encode(self) -> bytes:
        """Return the content of the file."""
        return _POSITION.pack(self.sound_samples, self.picture_s)

    @classmethod
    def read(cls, folder: Path) -> Position:
        """Return the position in ``folder``; ``NOWHERE`` where nothing has gone out."""
        try:
            content = (folder / POSITION).read_bytes()
        except FileNotFoundError:
            return NOWHERE
        return cls(*_POSITION.unpack(content)) if len(content) == _POSITION.size else NOWHERE


NOWHERE = Position(sound_samples=-(1 << 62), picture_s=float("-inf"))
"""Where an output is of which nothing has gone out."""


def encode_picture(packet: Packet[VideoStream]) -> bytes:
    """Return a record of a picture."""
    data = bytes(packet)
    unit = packet.time_base
    return (
        _RECORD.pack(
            zlib.crc32(data),
            len(data),
            _NO_TIME if packet.pts is None else packet.pts,
            packet.dts or 0,
            unit.numerator,
            unit.denominator,
            packet.is_keyframe,
        )
        + data
    )


def read_pictures(path: Path) -> Iterator[Packet[VideoStream]]:
    """Yield the pictures in a file, to its end or to where it is torn."""
    content = memoryview(path.read_bytes())
    while len(content) >= _RECORD.size:
        check, length, pts, dts, over, under, key = _RECORD.unpack(content[: _RECORD.size])
        data = bytes(content[_RECORD.size : _RECORD.size + length])
        if len(data) < length or zlib.crc32(data) != check or not under:
            return
        packet = cast("Packet[VideoStream]", Packet(data))
        packet.time_base = Fraction(over, under)
        packet.pts, packet.dts = None if pts == _NO_TIME else pts, dts
        packet.is_keyframe = bool(key)
        yield packet
        content = content[_RECORD.size + length :]


def read_sound(path: Path) -> bytes:
    """Return the PCM in a file, whole frames of it."""
    content = path.read_bytes()
    return content[: len(content) - len(content) % BYTES_PER_FRAME]


def encode_head(head: VideoHead) -> bytes:
    """Return the content of the head's file."""
    fields = {"width": head.width, "height": head.height, "bit_rate": head.bit_rate}
    return headed(fields, head.extradata)


def read_head(folder: Path) -> VideoHead:
    """Return the pictures' parameters; raises ``BrokenFileError``, ``OSError`` without them."""
    fields, extradata = read_headed(folder / HEAD)
    try:
        return VideoHead(extradata=extradata, **fields)
    except TypeError as error:
        raise BrokenFileError(f"{HEAD}: {error}") from error
