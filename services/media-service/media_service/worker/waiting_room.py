"""The places where media waits for its turn to go out, each with a bound."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from media_service.protocol import Result
from media_service.worker.errors import StreamError
from media_service.worker.segmenter import Segment

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

MAX_VIDEO_BYTES = 192 << 20
"""About 40 s (a segment and its time limit) at 40 Mbit/s."""
MAX_SEGMENTS = 64
BACKLOG_FULL = ("video_backlog_full", "segment_backlog_full")
"""Why something found no place in a queue."""


class VideoQueue:
    """H.264 packets in decoding order, bounded by their bytes."""

    def __init__(self, max_bytes: int = MAX_VIDEO_BYTES) -> None:
        self._max_bytes = max_bytes
        self._packets: deque[Packet[VideoStream]] = deque()
        self._bytes = 0
        self._seen = False
        self._closed = False
        self._changed = threading.Condition()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all packets that wait."""
        return self._bytes

    def put(self, packet: Packet[VideoStream]) -> None:
        """Append a packet; raises ``StreamError`` when the bound is reached."""
        with self._changed:
            if self._bytes + packet.size > self._max_bytes:
                raise StreamError(
                    "video_backlog_full",
                    f"more than {self._max_bytes} bytes of video wait for dubbed audio",
                )
            self._packets.append(packet)
            self._bytes += packet.size
            self._seen = True
            self._changed.notify_all()

    def close(self) -> None:
        """Say that no more pictures will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def reopen(self) -> None:
        """Say that pictures may come again."""
        with self._changed:
            self._closed = False

    def wait_first(self, timeout_s: float) -> bool:
        """Wait until there was a first picture; False when none came, or none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._seen or self._closed, timeout_s)
            return self._seen

    def peek(self) -> Packet[VideoStream] | None:
        """Return the next packet and leave it there; None when there is none."""
        with self._changed:
            return self._packets[0] if self._packets else None

    def take(self) -> Packet[VideoStream]:
        """Remove and return the next packet."""
        with self._changed:
            packet = self._packets.popleft()
            self._bytes -= packet.size
            return packet


@dataclass(frozen=True)
class Upcoming:
    """The next segment, what is to go out for it, and the monotonic time of its cut.

    ``waited_s`` says for how long it was not there when it was asked for. ``restored`` ones were
    cut by an earlier worker.
    """

    segment: Segment
    result: Result | None
    cut_at: float
    waited_s: float
    restored: bool = False


class SegmentQueue:
    """Segments in order, each with its result as soon as that is known.

    Without a result ``timeout_s`` after its cut, a segment's original goes out.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._segments: deque[tuple[Segment, float, bool]] = deque()
        self._results: dict[int, Result] = {}
        self._next_number = 0
        self._closed = False
        self._ended = False
        self._hurry_until = math.inf
        self._changed = threading.Condition()

    def put(self, segment: Segment, *, restored: bool = False) -> None:
        """Append a segment that has just been cut, or restored: its time begins now."""
        with self._changed:
            if len(self._segments) >= MAX_SEGMENTS:
                raise StreamError("segment_backlog_full", "too many segments wait for output")
            self._segments.append((segment, time.monotonic(), restored))
            self._changed.notify_all()

    def resolve(self, result: Result) -> bool:
        """Give a segment its result; False when it came too late or twice."""
        with self._changed:
            if result.number < self._next_number or result.number in self._results:
                return False
            self._results[result.number] = result
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """Say that no more segments will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def reopen(self) -> bool:
        """Say that segments may come again; False where the end has been given out already."""
        with self._changed:
            if not self._ended:
                self._closed = False
            return not self._ended

    def hurry(self, within_s: float) -> None:
        """Wait for results no longer than ``within_s`` from now."""
        with self._changed:
            self._hurry_until = time.monotonic() + within_s
            self._changed.notify_all()

    def next(self) -> Upcoming | None:
        """Wait for the next segment and its result; None at the end of the stream."""
        asked_at = time.monotonic()
        with self._changed:
            self._changed.wait_for(lambda: self._segments or self._closed)
            if not self._segments:
                self._ended = True
                return None
            segment, cut_at, restored = self._segments[0]
            number = segment.number
            if not segment.tail:
                self._await_result(number, cut_at + self._timeout_s)
            self._segments.popleft()
            self._next_number = number + 1
            return Upcoming(
                segment,
                self._results.pop(number, None),
                cut_at,
                waited_s=time.monotonic() - asked_at,
                restored=restored,
            )

    def _await_result(self, number: int, deadline: float) -> None:
        while number not in self._results:
            # The deadline may come nearer while it is waited for.
            left_s = min(deadline, self._hurry_until) - time.monotonic()
            if left_s <= 0:
                return
            self._changed.wait(left_s)
