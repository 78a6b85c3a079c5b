"""One open stream: a bounded queue, its consumers, and answers in sequence order."""

import asyncio
import time
from typing import Protocol
from uuid import UUID

import structlog

from services.contracts import (
    ErrorCode,
    FragmentAck,
    FragmentData,
    FragmentProcessed,
    WireModel,
)
from sts_service.admission import Admission, gap_warning
from sts_service.alarm import Alarm
from sts_service.budget import Share
from sts_service.delivery import Delivery
from sts_service.engines.registry import EngineInfo
from sts_service.errors import Refused
from sts_service.fragments import Fragment, ReplayCache, acknowledgement, result_of
from sts_service.job import Failure, Outcome
from sts_service.lane import Lane
from sts_service.metrics import Metrics
from sts_service.ordering import Sequencer
from sts_service.pool import Workers
from sts_service.pressure import Pressure
from sts_service.records import record
from sts_service.stream_options import StreamOptions
from sts_service.stream_statistics import Statistics

_log = structlog.get_logger()


class Client(Protocol):
    """The way out to the connections."""

    def send(self, sid: str, event: str, payload: WireModel, *, stream_id: str) -> None:
        """Send one event."""

    def refuse(self, sid: str, refused: Refused) -> None:
        """Send an ``error`` event."""


class Stream:
    """Takes fragments in, has them dubbed side by side, answers them in order.

    It outlives its connection: while ``connection`` is ``None`` the work goes on and the answers
    are kept, for whoever takes the stream up again.
    """

    def __init__(
        self,
        options: StreamOptions,
        *,
        connection: str,
        client: Client,
        workers: Workers,
        engines: EngineInfo,
        metrics: Metrics,
        share: Share,
    ) -> None:
        self.options = options
        self.connection: str | None = connection
        self.completed = False
        self.changed_at = time.monotonic()
        """When anything was last heard of it, or since when it is detached or completed."""
        self._client = client
        self._engines = engines
        self._metrics = metrics
        self._log = _log.bind(stream_id=options.stream_id)
        capacity = options.thresholds.capacity
        self._lane = Lane(
            options.stream_id,
            capacity=capacity,
            abreast=options.max_inflight,
            workers=workers,
            limits=options.limits,
            metrics=metrics,
            begun=self._begun,
            done=self._finish,
        )
        self._sequencer: Sequencer[Fragment] = Sequencer(
            options.next_sequence, patience_s=options.gap_timeout_s
        )
        self._delivery = Delivery(patience_s=options.gap_timeout_s)
        self._replay = ReplayCache(
            # As many as may have been taken in while nobody heard the answers.
            unreceived_kept=capacity + options.max_inflight,
            received_kept=2 * options.max_inflight,
            forgotten=lambda fragment: share.give_back(fragment.held_bytes),
        )
        self._share = share
        self._admission = Admission(options, self._sequencer, share, self._replay)
        self._statistics = Statistics()
        self._pressure = Pressure(options.stream_id, options.thresholds)
        self._unanswered = 0
        self._paused = False
        self._ending = False
        self._complete_asked = False
        self._closed = False
        self._alarm = Alarm(self._deliver)
        self.idle = asyncio.Event()
        self.idle.set()

    @property
    def next_sequence(self) -> int:
        """The sequence number expected next."""
        return self._sequencer.next_sequence

    @property
    def held_bytes(self) -> int:
        """What it keeps of the service's memory."""
        return self._share.held_bytes

    def spare(self) -> bool:
        """Forget an answer that the client has; whether there was one."""
        return self._replay.spare()

    def knows(self, fragment_id: UUID) -> bool:
        """Whether this is the id of a fragment in work or lately answered."""
        return self._replay.find(fragment_id) is not None

    def touch(self) -> None:
        """Something was heard of the stream."""
        self.changed_at = time.monotonic()

    def detach(self) -> None:
        """The connection broke."""
        self.connection = None
        self.touch()
        self._delivery.detach()

    def attach(self, connection: str) -> None:
        """Take the stream up on another connection, or on the same one anew."""
        self.connection = connection
        self.touch()
        self._delivery.attach(self._replay.owed, now=time.monotonic())
        # Asked for on a connection that broke: the client asks again, after what it has not got.
        self._complete_asked = False
        self._pressure.forget()

    def take(self, data: FragmentData) -> None:
        """Queue one fragment and say so; a repeat gets the first answer; else ``Refused``."""
        known = self._replay.find(data.fragment_id)
        if known is not None:
            self._repeat(known)
        else:
            fragment = self._admitted(data)
            self._moved_on()
            self._send("fragment:ack", self._queued(fragment))
        self.advise()
        self._deliver()

    def received(self, fragment_id: UUID) -> None:
        """The client has this answer."""
        self._delivery.settled(fragment_id)
        self._replay.received(fragment_id)
        self._deliver()

    def pause(self) -> None:
        """Take no fragments until resumed; those taken in go on."""
        self._paused = True

    def resume(self) -> None:
        """Take fragments again."""
        self._paused = False

    def end(self) -> None:
        """Take no more; ``stream:complete`` follows the last answer, or is said again."""
        self._ending = self._complete_asked = True
        self._moved_on()
        if self.completed:
            self._complete()
        self._deliver()

    def advise(self) -> None:
        """Tell the client where the advice to it has changed."""
        if self.connection is None or self.completed:
            return
        advice = self._pressure.change(
            depth=self._lane.waiting,
            inflight=self._lane.in_work,
            average_ms=self._statistics.average_ms,
        )
        if advice is not None:
            self._metrics.backpressure.labels(action=advice.action).inc()
            self._send("backpressure", advice)

    def close(self) -> list[asyncio.Task[None]]:
        """Drop what is waiting; what a worker has in hand finishes unheard.

        Returns the tasks that are ending, for somebody to wait for.
        """
        self._closed = True
        self._alarm.stop()
        self._metrics.dropped.inc(self._unanswered)
        self._unanswered = 0
        self._replay.clear()
        self.idle.set()
        return self._lane.close()

    def _send(self, event: str, payload: WireModel) -> None:
        if self.connection is not None:
            stream_id = self.options.stream_id
            self._client.send(self.connection, event, payload, stream_id=stream_id)

    def _admitted(self, data: FragmentData) -> Fragment:
        fragment, skipped = self._admission.take(
            data, ending=self._ending, paused=self._paused, waiting=self._lane.waiting
        )
        if skipped:
            self._metrics.gaps.inc()
            if self.connection is not None:
                self._client.refuse(self.connection, gap_warning(skipped, self.options))
        self._replay.add(fragment)
        self._lane.put(fragment, self.options.job(data))
        self._unanswered += 1
        self.idle.clear()
        self._metrics.received.inc()
        return fragment

    def _moved_on(self) -> None:
        for fragment_id in self._delivery.moved_on():
            self._replay.received(fragment_id)

    def _repeat(self, known: Fragment) -> None:
        self._metrics.duplicates.inc()
        self._log.info("fragment_repeated", fragment_id=str(known.fragment_id))
        self._delivery.settled(known.fragment_id)
        answered = known.answered_at is not None and not self._delivery.holds(known)
        if answered and known.result is not None:
            known.answered_at = time.monotonic()
            self._send("fragment:processed", known.result)
        elif known.taken_at is None:
            self._send("fragment:ack", self._queued(known))
        else:
            self._send("fragment:ack", acknowledgement(known, "processing"))

    def _queued(self, fragment: Fragment) -> FragmentAck:
        position = max(0, self._lane.waiting - 1)
        average_ms = self._statistics.average_ms
        estimate_ms = None if average_ms is None else round(average_ms * (position + 1))
        return acknowledgement(fragment, "queued", position=position, estimate_ms=estimate_ms)

    def _begun(self, fragment: Fragment) -> None:
        self._send("fragment:ack", acknowledgement(fragment, "processing"))

    def _result(self, fragment: Fragment, outcome: Outcome) -> FragmentProcessed:
        return result_of(
            fragment,
            outcome,
            stream_id=self.options.stream_id,
            config=self.options.config,
            engines=self._engines,
        )

    def _finish(self, fragment: Fragment, outcome: Outcome) -> None:
        try:
            fragment.result = self._result(fragment, outcome)
        except Exception as error:  # noqa: BLE001 - whatever an engine made of it, it gets an answer
            self._log.exception("fragment_lost", fragment_id=str(fragment.fragment_id))
            failure = Failure(ErrorCode.MODEL_ERROR, f"{type(error).__name__}: {error}")
            fragment.result = self._result(fragment, Outcome(failure=failure))
        self._sequencer.finish(fragment.sequence_number, fragment)
        self._deliver()
        self.advise()

    def _deliver(self) -> None:
        """Give out what is due now, and come back when the next may be."""
        if self._closed:
            return
        now = time.monotonic()
        for fragment in self._sequencer.released(now=now):
            try:
                self._answer(fragment)
            except Exception:  # noqa: BLE001 - those released with it must not be lost too
                self._log.exception("answer_lost", fragment_id=str(fragment.fragment_id))
        for fragment in self._delivery.due(now=now):
            if fragment.result is not None:
                self._send("fragment:processed", fragment.result)
        if self._sequencer.pending == 0 and self._delivery.empty:
            self.idle.set()
            if self._complete_asked and not self.completed and self.connection is not None:
                self._complete()
        self._alarm.set(self._sequencer.patient_until, self._delivery.patient_until)

    def _answer(self, fragment: Fragment) -> None:
        result = fragment.result
        if result is None:
            raise RuntimeError("a fragment was released without its result")
        fragment.answered_at = time.monotonic()
        self._unanswered -= 1
        self._statistics.add(result, duration_ms=fragment.duration_ms)
        self._replay.answered(fragment)
        self._delivery.put(fragment)
        record(
            result,
            self._metrics,
            waited_s=time.monotonic() - fragment.received_at,
            with_text=self.options.log_transcripts,
        )

    def _complete(self) -> None:
        self._send("stream:complete", self._statistics.complete(self.options.stream_id))
        if not self.completed:
            self.completed = True
            self.touch()
            self._replay.keep_received(0)
            self._lane.close()
