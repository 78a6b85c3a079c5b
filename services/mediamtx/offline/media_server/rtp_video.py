"""H.264 in RTP packets: pictures taken out of them, and put into them.

Source: RFC 6184, sections 5.4 to 5.8: single units, STAP-A and FU-A, as every sender uses them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from media_server.errors import Reason, Refused
from media_server.rtp import RtpPacket

MAX_PICTURE_BYTES = 16 << 20
MAX_PACKET_BYTES = 1400
"""Payload of one packet: fits a datagram, though it goes over TCP here."""

_MAX_UNITS = 1024
_STAP_A, _FU_A = 24, 28
_FIRST, _LAST = 0x80, 0x40


@dataclass(frozen=True, slots=True)
class CodedPicture:
    """The units of one picture, in order, and the RTP timestamp at which it is shown."""

    timestamp: int
    units: tuple[bytes, ...]


class PictureAssembler:
    """Puts the pictures of one track together; a picture that lost a packet is left out."""

    def __init__(self) -> None:
        self._units: list[bytes] = []
        self._size_bytes = 0
        self._fragments: list[bytes] | None = None
        self._timestamp: int | None = None
        self._expected: int | None = None
        self._damaged = False

    def push(self, packet: RtpPacket) -> Iterator[CodedPicture]:
        """Take a packet, and yield each picture that is complete with it.

        Raises:
            Refused: the packet holds no H.264, or the picture is out of bounds.
        """
        if self._timestamp not in (None, packet.timestamp):
            # The sender does not mark the last packet of a picture, or it was lost.
            yield from self._finish()
        if self._expected not in (None, packet.sequence_number):
            self._damaged = True
        self._expected = (packet.sequence_number + 1) & 0xFFFF
        self._timestamp = packet.timestamp
        self._take(packet.payload)
        if packet.marker:
            yield from self._finish()

    def _finish(self) -> Iterator[CodedPicture]:
        timestamp, found, whole = self._timestamp, self._units, not self._damaged
        whole = whole and self._fragments is None
        self._units, self._size_bytes, self._fragments = [], 0, None
        self._timestamp, self._damaged = None, False
        if found and whole and timestamp is not None:
            yield CodedPicture(timestamp, tuple(found))

    def _take(self, payload: bytes) -> None:
        self._size_bytes += len(payload)
        if self._size_bytes > MAX_PICTURE_BYTES or len(self._units) > _MAX_UNITS:
            raise Refused(Reason.MESSAGE_TOO_BIG, "a picture is over the limit")
        kind = payload[0] & 0x1F if payload else 0
        if 0 < kind < _STAP_A:
            self._units.append(payload)
        elif kind == _STAP_A:
            self._units += _aggregated(payload)
        elif kind == _FU_A and len(payload) > 2:
            self._take_fragment(payload)
        else:
            raise Refused(Reason.BAD_MEDIA, f"invalid H264 packet (type {kind})")

    def _take_fragment(self, payload: bytes) -> None:
        indicator, header = payload[0], payload[1]
        if header & _FIRST:
            self._fragments = [bytes([indicator & 0xE0 | header & 0x1F])]
        if self._fragments is None:
            self._damaged = True
            return
        self._fragments.append(payload[2:])
        if header & _LAST:
            self._units.append(b"".join(self._fragments))
            self._fragments = None


def packets(units: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield the payloads that carry a picture's units, each with whether it is the last.

    As MediaMTX does, small units that follow one another share a packet.
    """
    payloads = [piece for batch in _batches(units) for piece in _carried(batch)]
    for number, payload in enumerate(payloads, start=1):
        yield payload, number == len(payloads)


def _batches(units: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield runs of units that fit into one packet; what fits into none stands alone."""
    batch: list[bytes] = []
    size = 1
    for unit in units:
        if batch and size + 2 + len(unit) > MAX_PACKET_BYTES:
            yield batch
            batch, size = [], 1
        batch.append(unit)
        size += 2 + len(unit)
    if batch:
        yield batch


def _carried(batch: Sequence[bytes]) -> Iterator[bytes]:
    unit = batch[0]
    if len(batch) > 1:
        importance = max(each[0] & 0x60 for each in batch)
        parts = (len(each).to_bytes(2, "big") + each for each in batch)
        yield bytes([importance | _STAP_A]) + b"".join(parts)
    elif len(unit) <= MAX_PACKET_BYTES:
        yield unit
    else:
        step = MAX_PACKET_BYTES - 2
        for start in range(1, len(unit), step):
            flags = _FIRST if start == 1 else 0
            flags |= _LAST if start + step >= len(unit) else 0
            head = bytes([unit[0] & 0xE0 | _FU_A, unit[0] & 0x1F | flags])
            yield head + unit[start : start + step]


def _aggregated(payload: bytes) -> Iterator[bytes]:
    position = 1
    while position < len(payload):
        size = int.from_bytes(payload[position : position + 2], "big")
        position += 2
        if not size or position + size > len(payload):
            raise Refused(Reason.BAD_MEDIA, "invalid H264 packet (STAP-A)")
        yield payload[position : position + size]
        position += size
