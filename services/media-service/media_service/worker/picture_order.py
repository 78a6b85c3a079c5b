"""Keeps the pictures' times in an order that a muxer takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

FLV_TICK_S = 0.001
"""FLV counts in milliseconds: two pictures within one would have the same time."""


class PictureOrder:
    """Lifts a picture whose decoding time falls behind that of the one before it.

    Left out, it would be missed by all that are predicted from it; as it is, the muxer refuses it
    and ends the output. So it is decoded a tick after the one before, and shown no earlier.
    ``lifted`` counts those that were; ``later_s`` is how much later than it said the last one
    that was put right is shown.
    """

    def __init__(self) -> None:
        self._last_s = float("-inf")
        self._last: Packet[VideoStream] | None = None
        self.lifted = 0
        self.later_s = 0.0

    def start_after(self, decode_s: float) -> None:
        """Have every picture after that time."""
        self._last_s = decode_s

    def put_right(self, packet: Packet[VideoStream]) -> float:
        """Lift the picture where it has to be; return by how many seconds it was behind.

        It may be looked at more than once before it goes out.
        """
        if packet is self._last:
            return 0.0
        said = packet.pts
        decode_s = float((packet.dts or 0) * packet.time_base)
        behind_s = self._last_s - decode_s
        if behind_s > 0:
            self.lifted += 1
            packet.dts = math.ceil((self._last_s + FLV_TICK_S) / packet.time_base)
            decode_s = float(packet.dts * packet.time_base)
        if packet.pts is not None and packet.dts is not None and packet.pts < packet.dts:
            packet.pts = packet.dts
        self._last, self._last_s = packet, decode_s
        self.later_s = float(((packet.pts or 0) - (said or 0)) * packet.time_base)
        return max(0.0, behind_s)
