"""The fragments of one stream: taken in once each, remembered until their answer is safe."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from services.contracts import (
    MAX_MESSAGE_CHARACTERS,
    FragmentAck,
    FragmentError,
    FragmentProcessed,
    ModelNames,
    Stage,
    StageTimings,
    StreamConfig,
)
from sts_service.engines.registry import EngineInfo
from sts_service.job import Outcome
from sts_service.quoting import clipped


@dataclass(eq=False)
class Fragment:
    """One fragment from its arrival to its answer; times are monotonic seconds.

    ``held_bytes`` is what it keeps of the service's memory until it is forgotten, ``answered_at``
    when it was answered, the last time where it was sent again.
    """

    fragment_id: UUID
    sequence_number: int
    duration_ms: int
    held_bytes: int = 0
    received_at: float = field(default_factory=time.monotonic)
    taken_at: float | None = None
    answered_at: float | None = None
    result: FragmentProcessed | None = field(default=None, repr=False)


class ReplayCache:
    """The fragments in work, and those answered of late, so that a repeat gets the first answer.

    Of the answers that the client said it has, the last ``received_kept`` stay; of the others the
    last ``unreceived_kept``; fewer where there is no room. ``forgotten`` is called with each
    fragment that goes.
    """

    def __init__(
        self,
        *,
        unreceived_kept: int,
        received_kept: int,
        forgotten: Callable[[Fragment], None] = lambda _: None,
    ) -> None:
        self._fragments: dict[UUID, Fragment] = {}
        self._unreceived: dict[UUID, None] = {}
        self._received: deque[UUID] = deque()
        self._unreceived_kept = unreceived_kept
        self._received_kept = received_kept
        self._forgotten = forgotten

    @property
    def owed(self) -> list[UUID]:
        """The fragments, in work or answered, whose answer the client did not say that it has.

        Who arrived first comes first.
        """
        received = set(self._received)
        return [fragment_id for fragment_id in self._fragments if fragment_id not in received]

    def find(self, fragment_id: UUID) -> Fragment | None:
        """Return the fragment with this id; a number alone says nothing of what it holds."""
        return self._fragments.get(fragment_id)

    def add(self, fragment: Fragment) -> None:
        """Remember a new fragment."""
        self._fragments[fragment.fragment_id] = fragment

    def answered(self, fragment: Fragment) -> None:
        """Keep an answered fragment, in place of the one answered longest ago."""
        self._unreceived[fragment.fragment_id] = None
        while len(self._unreceived) > self._unreceived_kept:
            self._forget_unreceived()

    def received(self, fragment_id: UUID) -> None:
        """The client has this answer."""
        if fragment_id not in self._unreceived:
            return
        del self._unreceived[fragment_id]
        self._received.append(fragment_id)
        self.keep_received(self._received_kept)

    def keep_received(self, count: int) -> None:
        """Forget all but the last ``count`` of the answers that the client has."""
        while len(self._received) > count:
            self._forget(self._received.popleft())

    def spare(self) -> bool:
        """Forget the oldest of the answers that the client has; whether there was one."""
        if not self._received:
            return False
        self._forget(self._received.popleft())
        return True

    def give_up(self, *, answered_before: float) -> bool:
        """Forget the oldest of the other answers; False where none was given before that time."""
        oldest = next((self._fragments[each] for each in self._unreceived), None)
        if oldest is None or oldest.answered_at is None or oldest.answered_at > answered_before:
            return False
        self._forget_unreceived()
        return True

    def clear(self) -> None:
        """Forget everything."""
        self._unreceived.clear()
        self._received.clear()
        for fragment_id in list(self._fragments):
            self._forget(fragment_id)

    def _forget_unreceived(self) -> None:
        oldest = next(iter(self._unreceived))
        del self._unreceived[oldest]
        self._forget(oldest)

    def _forget(self, fragment_id: UUID) -> None:
        self._forgotten(self._fragments.pop(fragment_id))


def acknowledgement(
    fragment: Fragment,
    status: Literal["queued", "processing"],
    *,
    position: int | None = None,
    estimate_ms: int | None = None,
) -> FragmentAck:
    """Return the ``fragment:ack`` that is due now."""
    return FragmentAck(
        fragment_id=fragment.fragment_id,
        status=status,
        timestamp=time.time_ns() // 1_000_000,
        queue_position=position,
        estimated_completion_ms=estimate_ms,
    )


def result_of(
    fragment: Fragment,
    outcome: Outcome,
    *,
    stream_id: str,
    config: StreamConfig,
    engines: EngineInfo,
) -> FragmentProcessed:
    """Put an outcome into the words of the wire (FR-033).

    ``processing_time_ms`` counts from when a worker took the fragment.
    """
    outcome = outcome.for_the_wire(sample_rate_hz=config.sample_rate_hz, channels=config.channels)
    error = None
    if outcome.failure is not None:
        failure = outcome.failure
        error = FragmentError(
            code=failure.code,
            message=clipped(failure.message, MAX_MESSAGE_CHARACTERS),
            stage=failure.stage,
            retryable=failure.retryable,
        )
    started_at = fragment.received_at if fragment.taken_at is None else fragment.taken_at
    return FragmentProcessed(
        fragment_id=fragment.fragment_id,
        stream_id=stream_id,
        sequence_number=fragment.sequence_number,
        status=_status(outcome),
        dubbed_audio=outcome.dubbed_audio,
        transcript=outcome.transcript,
        translated_text=outcome.translated_text,
        processing_time_ms=round((time.monotonic() - started_at) * 1000),
        stage_timings=StageTimings(
            asr_ms=outcome.stage_ms.get(Stage.ASR),
            translation_ms=outcome.stage_ms.get(Stage.TRANSLATION),
            tts_ms=outcome.stage_ms.get(Stage.TTS),
        ),
        error=error,
        metadata=ModelNames(
            asr_model=engines.label(Stage.ASR),
            translation_model=engines.label(Stage.TRANSLATION),
            tts_model=engines.label(Stage.TTS),
        ),
    )


def _status(outcome: Outcome) -> Literal["success", "partial", "failed"]:
    if outcome.failure is None:
        return "success"
    return "failed" if outcome.transcript is None else "partial"
