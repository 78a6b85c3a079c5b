"""Where the source's media belongs on the stream's own timeline.

The timeline counts from the source's timestamp zero, also when its head was missed, so that
duration, numbering and sync stay true to the source (021, US2-4, US2-5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from media_service.audio_format import SAMPLE_RATE_HZ
from media_service.worker.errors import StreamError

READY_AGE_TOLERANCE_S = 1.0
"""A source is known to be ready some tenths after its first packet."""
GAP_TOLERANCE_S = 0.02
"""Timestamps of RTMP are milliseconds: smaller deviations are rounding, not gaps."""
MAX_GAP_S = 10.0
"""A larger jump is no gap but another timeline."""
MAX_ABSENCE_S = 120.0
"""The longest time without a worker that a timeline is continued over."""


@dataclass(frozen=True)
class Origin:
    """Where the timeline starts: ``zero_s`` on the source's clock, from segment ``number`` on."""

    zero_s: float
    number: int
    missed_head_s: float


def choose_origin(first_s: float, *, ready_age_s: float, segment_s: float) -> Origin:
    """Return the origin for a source whose first timestamp seen is ``first_s``.

    A source that began about as long ago as its timestamp says counts from zero, and what came
    before ``first_s`` was missed. Any other clock, and a head of more than one segment, start at
    the first timestamp seen: silence for it would only delay the output.
    """
    counts_from_zero = 0 <= first_s <= max(0.0, ready_age_s) + READY_AGE_TOLERANCE_S
    if not counts_from_zero:
        return Origin(zero_s=first_s, number=0, missed_head_s=0.0)
    if first_s > segment_s:
        return Origin(zero_s=first_s, number=0, missed_head_s=first_s)
    return Origin(zero_s=0.0, number=0, missed_head_s=first_s)


def continue_origin(first_s: float, *, zero_s: float, number: int, segment_s: float) -> Origin:
    """Return the origin for a worker that takes over a timeline, not before segment ``number``.

    The first segment is the one that ``first_s`` falls into; its missed head is silent. A source
    whose clock has jumped goes on with segment ``number`` and a new zero.
    """
    position_s = first_s - zero_s
    ahead_s = position_s - number * segment_s
    if not -segment_s <= ahead_s <= MAX_ABSENCE_S:
        return Origin(zero_s=first_s - number * segment_s, number=number, missed_head_s=0.0)
    number = max(number, math.floor(position_s / segment_s))
    return Origin(
        zero_s=zero_s, number=number, missed_head_s=max(0.0, position_s - number * segment_s)
    )


@dataclass(frozen=True)
class Placement:
    """How a chunk joins the audio so far: silence before it, samples of it to leave out."""

    silence_samples: int
    skip_samples: int


class AudioTimeline:
    """The sample clock: turns timestamps into an unbroken run of samples from ``start_samples``.

    Gaps become silence and overlaps are dropped, so sample ``n`` is always the sound of time
    ``n / SAMPLE_RATE_HZ`` from time zero.
    """

    def __init__(self, *, zero_s: float, start_samples: int) -> None:
        self.zero_s = zero_s
        self.position_samples = start_samples
        self.gaps = 0
        self._started = False

    def place(self, timestamp_s: float, samples: int) -> Placement:
        """Place a chunk of ``samples`` and advance the clock past it.

        Raises ``StreamError`` when the timestamp has jumped by more than ``MAX_GAP_S``.
        """
        wanted = round((timestamp_s - self.zero_s) * SAMPLE_RATE_HZ)
        deviation = wanted - self.position_samples
        deviation_s = deviation / SAMPLE_RATE_HZ
        if self._started and abs(deviation_s) > MAX_GAP_S:
            raise StreamError(
                "timestamp_jump",
                f"audio timestamps jumped by {deviation_s:+.3f} s",
                retryable=True,
            )
        tolerance_s = GAP_TOLERANCE_S if self._started else 0.0
        silence = skip = 0
        if deviation_s > tolerance_s:
            silence = deviation
        elif deviation_s < -tolerance_s:
            skip = min(-deviation, samples)
        if self._started and (silence or skip):
            self.gaps += 1
        if skip < samples:
            self._started = True
        self.position_samples += silence + samples - skip
        return Placement(silence, skip)

    def fill_to(self, timestamp_s: float) -> int:
        """Advance over absent audio; return the samples of silence that takes."""
        wanted = round((timestamp_s - self.zero_s) * SAMPLE_RATE_HZ)
        silence = max(0, wanted - self.position_samples)
        self.position_samples += silence
        return silence
