"""AAC in RTP packets: frames taken out of them, and put into them.

Source: RFC 3640, sections 3.2 and 3.3.6 (mode AAC-hbr, whole frames or fragments of one).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from media_server.errors import Reason, Refused
from media_server.rtp import RtpPacket

FRAME_SAMPLES = 1024
_MAX_FRAME_BYTES = 8191
_INVALID = "invalid MPEG-4 Audio packet"


@dataclass(frozen=True, slots=True)
class SoundFrame:
    """One frame of AAC and the RTP timestamp of its first sample."""

    timestamp: int
    data: bytes


class FrameAssembler:
    """Takes the frames of one track out of its packets; a frame that lost a part is left out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._missing_bytes = 0
        self._expected: int | None = None

    def push(self, packet: RtpPacket) -> Iterator[SoundFrame]:
        """Take a packet, and yield each frame that is complete with it.

        Raises:
            Refused: the packet holds no AAC in this mode.
        """
        if self._expected not in (None, packet.sequence_number):
            self._parts, self._missing_bytes = [], 0
        self._expected = (packet.sequence_number + 1) & 0xFFFF
        sizes, data = _headers(packet.payload)
        if len(sizes) == 1 and sizes[0] > len(data):
            yield from self._take_part(sizes[0], data, packet.timestamp)
            return
        position = 0
        for index, size in enumerate(sizes):
            if position + size > len(data):
                raise Refused(Reason.BAD_MEDIA, _INVALID)
            frame = data[position : position + size]
            yield SoundFrame(packet.timestamp + index * FRAME_SAMPLES, frame)
            position += size

    def _take_part(self, size: int, data: bytes, timestamp: int) -> Iterator[SoundFrame]:
        if not self._parts:
            self._missing_bytes = size
        self._parts.append(data)
        self._missing_bytes -= len(data)
        if self._missing_bytes < 0 or not data:
            raise Refused(Reason.BAD_MEDIA, _INVALID)
        if self._missing_bytes == 0:
            frame, self._parts = b"".join(self._parts), []
            yield SoundFrame(timestamp, frame)


def payload(frame: bytes) -> bytes:
    """Return the payload that carries one whole frame.

    Raises:
        ValueError: the frame is longer than the mode's sizes can say.
    """
    if len(frame) > _MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {len(frame)} bytes")
    return b"\x00\x10" + (len(frame) << 3).to_bytes(2, "big") + frame


def _headers(data: bytes) -> tuple[list[int], bytes]:
    """Return the sizes of the frames, and what follows the headers; 13 bits of 16 are the size."""
    header_bits = int.from_bytes(data[:2], "big")
    header_bytes = header_bits // 8
    if len(data) < 2 + header_bytes or not header_bits or header_bits % 16:
        raise Refused(Reason.BAD_MEDIA, _INVALID)
    heads = data[2 : 2 + header_bytes]
    sizes = [int.from_bytes(heads[at : at + 2], "big") >> 3 for at in range(0, header_bytes, 2)]
    return sizes, data[2 + header_bytes :]
