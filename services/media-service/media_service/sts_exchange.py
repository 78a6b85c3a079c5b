"""One fragment's exchange with STS: what is sent, and what is awaited in return."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from media_service.audio_format import CHANNELS, SAMPLE_RATE_HZ
from services.contracts import AudioPayload, FragmentData, FragmentProcessed, WireModel


@dataclass(frozen=True)
class Fragment:
    """The audio of one segment, in the service's format; times as the worker gives them."""

    number: int
    start_s: float
    cut_at: float
    pcm: bytes = field(repr=False)
    fragment_id: UUID = field(default_factory=uuid4)

    def data(self, stream_id: str) -> FragmentData:
        """Return what goes over the wire."""
        return FragmentData(
            fragment_id=self.fragment_id,
            stream_id=stream_id,
            sequence_number=self.number,
            timestamp=round(1000 * self.cut_at),
            audio=AudioPayload.from_pcm(self.pcm, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS),
            metadata={"pts_ns": round(1e9 * self.start_s)},
        )


@dataclass
class Exchange:
    """One sending of a fragment, with what is awaited of it."""

    fragment: Fragment
    sent_at: float
    acked: Callable[[], None]
    acknowledged: asyncio.Future[None]
    answer: asyncio.Future[FragmentProcessed]

    @classmethod
    def begin(cls, fragment: Fragment, acked: Callable[[], None]) -> Exchange:
        """Return the exchange of a fragment that is sent now."""
        loop = asyncio.get_running_loop()
        return cls(fragment, time.monotonic(), acked, loop.create_future(), loop.create_future())

    def fail(self, error: Exception) -> None:
        """Tell whoever waits that nothing will come."""
        for future in (self.acknowledged, self.answer):
            if not future.done():
                future.set_exception(error)
                # Whoever does not wait any more has no use for the error either.
                future.exception()


def fragment_id_of(event: WireModel) -> UUID | None:
    """Return the fragment that an event is about, where it names one."""
    return uuid_of(getattr(event, "fragment_id", None))


def uuid_of(text: object) -> UUID | None:
    """Return the id in ``text``; None where it is none."""
    try:
        return None if text is None else UUID(str(text))
    except ValueError:
        return None
