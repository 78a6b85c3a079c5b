"""Where the source's media belongs on the stream's own timeline.

The timeline counts from the source's timestamp zero, also when its head was missed, so that
duration, numbering and sync stay true to the source (021, US2-4, US2-5).
"""

from __future__ import annotations

from dataclasses import dataclass

from media_service.audio_format import SAMPLE_RATE_HZ
from media_service.worker.errors import StreamError

READY_AGE_TOLERANCE_S = 1.0
"""A source is known to be ready some tenths after its first packet."""
GAP_TOLERANCE_S = 0.02
"""Timestamps of RTMP are milliseconds: smaller deviations are rounding, not gaps."""
MAX_GAP_S = 10.0
"""A larger jump is no gap but another timeline."""
CLOCK_TOLERANCE_S = 10.0
"""A source whose clock and this host's have come apart by more has started its clock anew."""


@dataclass(frozen=True)
class Origin:
    """Where a reading begins: with segment ``number``, ``start_s`` from time zero.

    ``zero_s`` is time zero on the source's clock.
    """

    zero_s: float
    number: int
    missed_head_s: float
    start_s: float = 0.0


@dataclass(frozen=True)
class Continuation:
    """Where a timeline stands: what comes next is segment ``number``, not before ``from_s``.

    ``zero_s`` is its zero on the source's clock, None for a source that is not known;
    ``zero_at`` is when it arrived, on the monotonic clock: the wall's may be put right meanwhile.
    """

    zero_s: float | None
    zero_at: float
    number: int
    from_s: float


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


def continue_origin(first_s: float, continuation: Continuation, *, now: float) -> Origin:
    """Return the origin for a reading that takes a timeline up; ``now`` is on the monotonic clock.

    The source's own clock says where it belongs, as long as it is the same clock; else this host's
    does, so that the timeline's gap is as long as the absence was.
    """
    start_s = max(now - continuation.zero_at, continuation.from_s)
    if continuation.zero_s is not None:
        by_source_s = first_s - continuation.zero_s
        if abs(by_source_s - (now - continuation.zero_at)) <= CLOCK_TOLERANCE_S:
            start_s = max(by_source_s, continuation.from_s)
            return Origin(continuation.zero_s, continuation.number, 0.0, start_s)
    return Origin(first_s - start_s, continuation.number, 0.0, start_s)


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
