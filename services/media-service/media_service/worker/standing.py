"""Where a stream's timeline stands: what the next reading of its source goes on from."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.audio_format import seconds_of
from media_service.protocol import Began, Start
from media_service.worker.segmenter import Segment
from media_service.worker.timeline import Continuation, Origin

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

TICK_S = 0.001
"""What one picture's time differs from the next at least, in RTMP."""


class Standing:
    """Keeps up with what is read; ``has_begun`` once a source was heard by this worker."""

    def __init__(self, start: Start) -> None:
        self.has_begun = False
        self._timeline: Continuation | None = None
        self._zero_arrived_at: float | None = None
        self._pictures_to_s = 0.0
        if start.zero_at is not None:
            # Between processes the wall's clock is all there is; from here on it may be put right.
            arrived_at = time.monotonic() - (time.time() - start.zero_at)
            self._zero_arrived_at = arrived_at
            self._timeline = Continuation(
                start.zero_s, arrived_at, start.first_number, start.from_s
            )

    def continuation(self) -> Continuation | None:
        """Return what a reading goes on from; None where it is the first."""
        timeline = self._timeline
        if timeline is None:
            return None
        return replace(timeline, from_s=max(timeline.from_s, self._pictures_to_s))

    def change_source(self) -> None:
        """Take note that the source that comes next has a clock of its own."""
        if self._timeline is not None:
            self._timeline = replace(self._timeline, zero_s=None)

    def begin(self, origin: Origin, *, zero_arrived_at: float) -> Began:
        """Take note of where a reading begins; return what the supervisor is told of it."""
        self.has_begun = True
        self._zero_arrived_at = zero_arrived_at
        now = time.time()
        self._timeline = Continuation(origin.zero_s, zero_arrived_at, origin.number, origin.start_s)
        return Began(
            at=now,
            zero_s=origin.zero_s,
            missed_head_s=origin.missed_head_s,
            zero_at=now - (time.monotonic() - zero_arrived_at),
            number=origin.number,
            start_s=origin.start_s,
        )

    def pass_picture(self, packet: Packet[VideoStream]) -> None:
        """Take note of a picture that goes out: none that comes may be before it."""
        self.pass_pictures_to(float((packet.dts or 0) * packet.time_base))

    def pass_pictures_to(self, decode_s: float) -> None:
        """Take note of a picture's time that has gone out, or will."""
        self._pictures_to_s = max(self._pictures_to_s, decode_s + TICK_S)

    def pass_segment(self, segment: Segment) -> None:
        """Take note of a segment that goes out: what comes next is behind it."""
        if self._timeline is None:
            return
        end_s = seconds_of(segment.start_samples + segment.samples)
        self._timeline = replace(
            self._timeline,
            number=max(self._timeline.number, segment.number + 1),
            from_s=max(self._timeline.from_s, end_s),
        )

    def delay_s(self, zero_due_at: float) -> float:
        """Return how far the output is behind the input; its zero is due at that monotonic time."""
        arrived_at = self._zero_arrived_at
        return 0.0 if arrived_at is None else zero_due_at - arrived_at
