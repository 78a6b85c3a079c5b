"""Cuts the audio into segments of exact length on the sample clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from media_service.audio_format import BYTES_PER_FRAME, SAMPLE_RATE_HZ, frames_of

MIN_SEGMENT_S = 0.25
"""What remains at the end and is shorter goes out with the last segment, undubbed."""
_SILENCE = bytes(BYTES_PER_FRAME * SAMPLE_RATE_HZ // 10)


@dataclass(frozen=True)
class Segment:
    """A piece of the timeline: ``start_samples`` counts from time zero; ``tail`` is not dubbed."""

    number: int
    start_samples: int
    tail: bool
    pcm: bytes = field(repr=False)

    @property
    def samples(self) -> int:
        """Length in sampling instants."""
        return frames_of(self.pcm)


def is_tail(pcm: bytes | bytearray) -> bool:
    """Whether so little is not worth dubbing."""
    return frames_of(pcm) < round(MIN_SEGMENT_S * SAMPLE_RATE_HZ)


class Segmenter:
    """Collects PCM from ``start_samples`` on; gives out segments of exactly ``segment_samples``.

    ``keep`` is called with number, start and sound of all that is collected, as it comes.
    """

    def __init__(
        self,
        *,
        segment_samples: int,
        first_number: int = 0,
        start_samples: int = 0,
        keep: Callable[[int, int, bytes], None] = lambda *_: None,
    ) -> None:
        self._segment_bytes = segment_samples * BYTES_PER_FRAME
        self._number = first_number
        self._start_samples = start_samples
        self._keep = keep
        self._collected = bytearray()

    def push(self, pcm: bytes | memoryview) -> Iterator[Segment]:
        """Add audio; yield each segment that it completes."""
        taken = 0
        while taken < len(pcm):
            part = pcm[taken : taken + self._segment_bytes - len(self._collected)]
            self._collected += part
            self._keep(self._number, self._start_samples, bytes(part))
            taken += len(part)
            if len(self._collected) == self._segment_bytes:
                yield self._cut(tail=False)

    def push_silence(self, samples: int) -> Iterator[Segment]:
        """Add ``samples`` of silence; yield each segment that it completes."""
        remaining = samples * BYTES_PER_FRAME
        while remaining:
            part = memoryview(_SILENCE)[: min(remaining, len(_SILENCE))]
            remaining -= len(part)
            yield from self.push(part)

    def finish(self) -> Iterator[Segment]:
        """Yield what remains, if anything does: a short segment, or a tail."""
        if self._collected:
            yield self._cut(tail=is_tail(self._collected))

    def _cut(self, *, tail: bool) -> Segment:
        segment = Segment(self._number, self._start_samples, tail, bytes(self._collected))
        self._number += 1
        self._start_samples += segment.samples
        self._collected.clear()
        return segment
