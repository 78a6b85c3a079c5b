"""RTP packets, RTCP's sender reports, and what their clocks say.

Sources: RFC 3550, sections 5.1, 5.3.1, 6.4.1 and 6.5.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from media_server.errors import Reason, Refused

NTP_EPOCH_S = 2_208_988_800
"""From 1900, where NTP counts from, to 1970."""

_VERSION = 2
_HEADER = struct.Struct(">BBHII")
_REPORT = struct.Struct(">BBHIIIIII")
_SENDER_REPORT = 200
_MODULUS = 1 << 32


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One packet of media; ``marker`` ends a picture or a frame of sound."""

    payload_type: int
    sequence_number: int
    timestamp: int
    ssrc: int
    marker: bool
    payload: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a packet.

        Raises:
            Refused: it is none.
        """
        if len(data) < _HEADER.size or data[0] >> 6 != _VERSION:
            raise Refused(Reason.BAD_MEDIA, "invalid RTP packet")
        flags, kind, number, timestamp, ssrc = _HEADER.unpack_from(data)
        start = _HEADER.size + 4 * (flags & 0x0F)
        if flags & 0x10:
            start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        padding = data[-1] if flags & 0x20 else 0
        if start > len(data) - padding:
            raise Refused(Reason.BAD_MEDIA, "RTP packet without its payload")
        payload = data[start : len(data) - padding]
        return cls(kind & 0x7F, number, timestamp, ssrc, bool(kind & 0x80), payload)

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        kind = self.payload_type | (0x80 if self.marker else 0)
        number, timestamp = self.sequence_number & 0xFFFF, self.timestamp % _MODULUS
        return _HEADER.pack(_VERSION << 6, kind, number, timestamp, self.ssrc) + self.payload


@dataclass(frozen=True, slots=True)
class SenderReport:
    """That RTP's ``timestamp`` and the time ``at_s`` (Unix) are the same moment."""

    ssrc: int
    at_s: float
    timestamp: int
    packets: int = 0
    sent_bytes: int = 0

    def encode(self) -> bytes:
        """Return the report's bytes."""
        seconds, fraction = divmod(self.at_s + NTP_EPOCH_S, 1)
        return _REPORT.pack(
            _VERSION << 6,
            _SENDER_REPORT,
            _REPORT.size // 4 - 1,
            self.ssrc,
            int(seconds) % _MODULUS,
            int(fraction * _MODULUS),
            self.timestamp % _MODULUS,
            self.packets % _MODULUS,
            self.sent_bytes % _MODULUS,
        )


def sender_reports(data: bytes) -> Iterator[SenderReport]:
    """Find the sender reports in a compound packet of RTCP; what cannot be read is left out."""
    position = 0
    while position + 4 <= len(data):
        flags, kind, words = struct.unpack_from(">BBH", data, position)
        if flags >> 6 != _VERSION:
            return
        if kind == _SENDER_REPORT and position + _REPORT.size <= len(data):
            fields = _REPORT.unpack_from(data, position)
            _, _, _, ssrc, seconds, fraction, timestamp, packets, sent_bytes = fields
            at_s = seconds - NTP_EPOCH_S + fraction / _MODULUS
            yield SenderReport(ssrc, at_s, timestamp, packets, sent_bytes)
        position += 4 * (words + 1)


class RtpClock:
    """Turns one track's timestamps of 32 bits into seconds since its first packet."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._first: int | None = None
        self._last = 0
        self._report: SenderReport | None = None

    @property
    def began(self) -> bool:
        """Whether there was a packet."""
        return self._first is not None

    @property
    def first_at_s(self) -> float | None:
        """The sender's own time (Unix) of the first packet; None where it has not told."""
        if self._first is None or self._report is None:
            return None
        return self._report.at_s - _signed(self._report.timestamp - self._first) / self._rate_hz

    def take_report(self, report: SenderReport) -> None:
        """Take the sender's word on the time; the first one counts, so that nothing jumps."""
        if self._report is None:
            self._report = report

    def time_s(self, timestamp: int) -> float:
        """Return the seconds from the first packet to this one; below 0 for one before it."""
        if self._first is None:
            self._first = self._last = timestamp
        self._last += _signed(timestamp - self._last)
        return (self._last - self._first) / self._rate_hz


def _signed(difference: int) -> int:
    """Return the shortest way between two timestamps of 32 bits."""
    return (difference + _MODULUS // 2) % _MODULUS - _MODULUS // 2
