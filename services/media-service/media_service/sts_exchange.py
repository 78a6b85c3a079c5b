"""One fragment's exchange with STS: what is sent, and what is awaited in return."""

from __future__ import annotations

import asyncio
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
    """A fragment that STS is to answer; ``sent`` and ``acked`` tell whoever gave it."""

    fragment: Fragment
    sent: Callable[[], None]
    acked: Callable[[], None]
    acknowledged: asyncio.Future[None]
    answer: asyncio.Future[FragmentProcessed]
    sent_at: float | None = None

    @classmethod
    def begin(
        cls, fragment: Fragment, sent: Callable[[], None], acked: Callable[[], None]
    ) -> Exchange:
        """Return the exchange of a fragment that is about to be sent."""
        loop = asyncio.get_running_loop()
        return cls(fragment, sent, acked, loop.create_future(), loop.create_future())

    def again(self) -> Exchange:
        """Return the exchange of the same fragment once more: this one was refused."""
        renewed = Exchange.begin(self.fragment, self.sent, self.acked)
        renewed.sent_at = self.sent_at
        return renewed

    @property
    def answered(self) -> bool:
        """Whether its result has come."""
        answer = self.answer
        return answer.done() and not answer.cancelled() and answer.exception() is None

    def acknowledge(self) -> None:
        """Note that STS has the fragment."""
        if not self.acknowledged.done():
            self.acknowledged.set_result(None)

    def finish(self, result: FragmentProcessed) -> None:
        """Hand the result to whoever waits."""
        self.acknowledge()
        self.answer.set_result(result)

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
