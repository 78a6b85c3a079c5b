"""What STS answers to a stream's fragments: each answer reaches its exchange once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

from media_service.logs import get_logger
from media_service.sts_breaker import CircuitBreaker
from media_service.sts_errors import StsFailedError
from media_service.sts_inflight import Inflight
from services.contracts import ErrorCode, FragmentAck, FragmentProcessed, WireModel

if TYPE_CHECKING:
    from media_service.metrics import Metrics

_log = get_logger()


class Emitter(Protocol):
    """What carries the acknowledgements."""

    async def emit(self, event: str, payload: WireModel) -> bool: ...  # noqa: D102


class Results:
    """Settles the exchanges in ``inflight``, counts, and acknowledges what it was given."""

    def __init__(
        self,
        stream_id: str,
        inflight: Inflight,
        breaker: CircuitBreaker,
        emitter: Emitter,
        metrics: Metrics,
    ) -> None:
        self._stream_id = stream_id
        self._inflight = inflight
        self._breaker = breaker
        self._emitter = emitter
        self._metrics = metrics

    async def take(self, event: FragmentAck | FragmentProcessed) -> None:
        """Take an acknowledgement or a result."""
        if isinstance(event, FragmentProcessed):
            await self._take_result(event)
        elif (exchange := self._inflight.of(event.fragment_id)) is not None:
            exchange.acked()
            exchange.acknowledge()

    def refuse(self, fragment_id: UUID | None) -> None:
        """Fail a fragment whose result broke the contract: no better one will come."""
        exchange = self._inflight.of(fragment_id)
        if exchange is not None:
            exchange.fail(
                StsFailedError("INVALID_RESULT", "it breaks the contract", retryable=False)
            )

    async def acknowledge(self, fragment_id: UUID, status: Literal["received", "applied"]) -> None:
        """Tell STS what has become of a result."""
        now_ms = round(1000 * time.time())
        ack = FragmentAck(fragment_id=fragment_id, status=status, timestamp=now_ms)
        await self._emitter.emit("fragment:ack", ack)

    async def _take_result(self, result: FragmentProcessed) -> None:
        exchange = self._inflight.of(result.fragment_id)
        if exchange is None or exchange.answer.done():
            await self._drop(result)
            return
        if result.sequence_number != exchange.fragment.number:
            self._metrics.wire_violations.inc()
            _log.error(
                "fragment_mismatched",
                stream_id=self._stream_id,
                fragment_id=str(result.fragment_id),
                expected=exchange.fragment.number,
                sequence_number=result.sequence_number,
            )
            self.refuse(result.fragment_id)
            return
        if exchange.sent_at is not None:
            self._metrics.processing_seconds.observe(time.monotonic() - exchange.sent_at)
        self._metrics.fragments_processed.labels(result.status).inc()
        if result.error is not None and result.error.code is ErrorCode.TIMEOUT:
            self._breaker.timed_out(result.fragment_id)
        else:
            self._breaker.answered()
        exchange.finish(result)
        await self.acknowledge(result.fragment_id, "received")

    async def _drop(self, result: FragmentProcessed) -> None:
        """Take a result that nobody waits for off the server's hands."""
        again = self._inflight.was_answered(result.fragment_id)
        (self._metrics.results_repeated if again else self._metrics.results_late).inc()
        _log.warning(
            "fragment_repeated" if again else "fragment_late",
            stream_id=self._stream_id,
            fragment_id=str(result.fragment_id),
            sequence_number=result.sequence_number,
        )
        await self.acknowledge(result.fragment_id, "received")
