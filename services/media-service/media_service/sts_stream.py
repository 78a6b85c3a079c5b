"""One stream's dialogue with STS: fragments out in order, results back, within their time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from media_service.logs import get_logger
from media_service.sts_errors import (
    StsFailedError,
    StsTimeoutError,
    StsUnavailableError,
)
from media_service.sts_exchange import Exchange, Fragment, fragment_id_of, uuid_of
from services.contracts import (
    Backpressure,
    ErrorCode,
    ErrorEvent,
    FragmentAck,
    FragmentProcessed,
    Severity,
    StreamComplete,
    StreamConfig,
    StreamControl,
    StreamInit,
    StreamReady,
    WireModel,
)

if TYPE_CHECKING:
    from media_service.metrics import Metrics

READY_TIMEOUT_S = 5.0
ACK_TIMEOUT_S = 3.0
"""The next fragment waits this long for the last one's acknowledgement, so that order holds."""
RETRY_S = 0.5
PAUSE_S = 5.0
SLOW_DOWN_S = 0.5
"""What backpressure means where it recommends no delay of its own."""
COMPLETE_TIMEOUT_S = 1.0
"""How long the server's last word is waited for: every result is there already."""
_log = get_logger()


class Wire(Protocol):
    """What carries the events."""

    connected: bool

    async def emit(self, event: str, payload: WireModel) -> bool: ...  # noqa: D102
    def forget_stream(self, stream_id: str) -> None: ...  # noqa: D102


class StsStream:
    """A stream as STS knows it.

    While STS is away ``dub`` refuses at once, so that nothing waits for it.
    """

    def __init__(self, stream_id: str, config: StreamConfig, wire: Wire, metrics: Metrics) -> None:
        self.stream_id = stream_id
        self._config = config
        self._wire = wire
        self._metrics = metrics
        self._session_id: str | None = None
        self._next_sequence = 0
        self._max_inflight: int | None = None
        self._init_at = 0.0
        self._refusal: ErrorEvent | None = None
        self._held_until = 0.0
        self._exchanges: dict[UUID, Exchange] = {}
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._closing = False
        self._completed = asyncio.Event()

    async def attach(self) -> None:
        """Open the stream, or resume it, on a new connection."""
        if self._closing:
            return
        self._max_inflight = None
        self._held_until = 0.0
        self._init_at = time.monotonic()
        await self._wire.emit(
            "stream:init",
            StreamInit(
                stream_id=self.stream_id,
                worker_id=f"media-service/{self.stream_id}",
                config=self._config,
                session_id=self._session_id,
                next_sequence=self._next_sequence,
            ),
        )

    def detach(self) -> None:
        """Give back, undubbed, all that is with STS: the connection is lost."""
        self._max_inflight = None
        for exchange in self._exchanges.values():
            exchange.fail(StsUnavailableError("STS went away"))
        self._wake.set()
        # What was asked on the lost connection is not answered any more.
        self._completed.set()

    async def dub(
        self,
        fragment: Fragment,
        *,
        within_s: float,
        sent: Callable[[], None] = lambda: None,
        acked: Callable[[], None] = lambda: None,
    ) -> FragmentProcessed:
        """Have one fragment dubbed; calls must be made in the order of their numbers.

        ``sent`` is called at each sending, ``acked`` at the acknowledgement. Raises
        ``StsUnavailableError``, ``StsTimeoutError`` or ``StsFailedError``.
        """
        try:
            async with asyncio.timeout(within_s):
                async with self._turn:
                    exchange = await self._hand_over(fragment, sent, acked)
                return await exchange.answer
        except TimeoutError:
            raise StsTimeoutError(f"no result within {within_s:.1f} s") from None
        finally:
            self._forget(fragment)

    async def applied(self, fragment_id: UUID) -> None:
        """Tell STS that its result is in the output."""
        await self._acknowledge(fragment_id, "applied")

    async def close(self) -> None:
        """End the stream with STS and see its last word, for ``COMPLETE_TIMEOUT_S`` at most."""
        self._closing = True
        self._completed.clear()
        try:
            if self._max_inflight is not None and await self._wire.emit(
                "stream:end", StreamControl(stream_id=self.stream_id)
            ):
                async with asyncio.timeout(COMPLETE_TIMEOUT_S):
                    await self._completed.wait()
        except TimeoutError:
            _log.warning("sts_stream_not_completed", stream_id=self.stream_id)
        finally:
            self._wire.forget_stream(self.stream_id)

    def owns(self, event: WireModel) -> bool:
        """Whether an event without a stream_id is about a fragment of this stream."""
        return fragment_id_of(event) in self._exchanges

    def refuse(self, fragment_id: object) -> None:
        """Fail a fragment whose result broke the contract: no better one will come."""
        exchange = self._exchanges.get(uuid_of(fragment_id) or UUID(int=0))
        if exchange is not None:
            exchange.fail(
                StsFailedError("INVALID_RESULT", "it breaks the contract", retryable=False)
            )

    async def take(self, event: WireModel) -> None:
        """Take an event of this stream."""
        match event:
            case StreamReady():
                self._session_id = event.session_id
                self._max_inflight = event.max_inflight
                self._refusal = None
                _log.info(
                    "sts_stream_ready",
                    stream_id=self.stream_id,
                    session_id=event.session_id,
                    resumed=event.resumed,
                    max_inflight=event.max_inflight,
                    capabilities=event.capabilities.wire(),
                )
            case FragmentAck():
                self._take_ack(event)
            case FragmentProcessed():
                await self._take_result(event)
            case Backpressure():
                self._take_backpressure(event)
            case StreamComplete():
                _log.info("sts_stream_completed", stream_id=self.stream_id, wire=event.wire())
                self._completed.set()
            case ErrorEvent():
                await self._take_error(event)
        self._wake.set()

    async def _hand_over(
        self, fragment: Fragment, sent: Callable[[], None], acked: Callable[[], None]
    ) -> Exchange:
        data = fragment.data(self.stream_id)
        counter = self._metrics.fragments_sent
        while True:
            await self._until_free()
            exchange = self._begin(fragment, acked)
            if not await self._wire.emit("fragment:data", data):
                raise StsUnavailableError("STS is not connected")
            sent()
            counter.inc()
            counter = self._metrics.fragments_resent
            try:
                await asyncio.wait([exchange.acknowledged], timeout=ACK_TIMEOUT_S)
                if exchange.acknowledged.done():
                    exchange.acknowledged.result()
                else:
                    _log.warning(
                        "fragment_unacknowledged",
                        stream_id=self.stream_id,
                        fragment_id=str(fragment.fragment_id),
                        waited_s=ACK_TIMEOUT_S,
                    )
            except StsFailedError as error:
                if not error.retryable:
                    raise
                self._forget(fragment)
                await asyncio.sleep(RETRY_S)
            else:
                self._next_sequence = fragment.number + 1
                return exchange

    async def _until_free(self) -> None:
        """Wait until the stream is ready, not held back, and has a place in flight."""
        while True:
            if not self._wire.connected:
                raise StsUnavailableError("STS is not connected")
            if self._refusal is not None:
                raise StsFailedError(self._refusal.code, self._refusal.message, retryable=False)
            now = time.monotonic()
            if self._max_inflight is None and now > self._init_at + READY_TIMEOUT_S:
                await self.attach()
            room = self._max_inflight is not None and len(self._exchanges) < self._max_inflight
            if room and now >= self._held_until:
                return
            self._wake.clear()
            await _wait(
                self._wake,
                max(0.05, min(READY_TIMEOUT_S, self._held_until - now))
                if self._held_until > now
                else READY_TIMEOUT_S,
            )

    def _begin(self, fragment: Fragment, acked: Callable[[], None]) -> Exchange:
        exchange = Exchange.begin(fragment, acked)
        self._exchanges[fragment.fragment_id] = exchange
        self._metrics.inflight.inc()
        return exchange

    def _forget(self, fragment: Fragment) -> None:
        if self._exchanges.pop(fragment.fragment_id, None) is not None:
            self._metrics.inflight.dec()
            self._wake.set()

    def _take_ack(self, ack: FragmentAck) -> None:
        exchange = self._exchanges.get(ack.fragment_id)
        if exchange is None:
            return
        exchange.acked()
        if not exchange.acknowledged.done():
            exchange.acknowledged.set_result(None)

    async def _take_result(self, result: FragmentProcessed) -> None:
        exchange = self._exchanges.get(result.fragment_id)
        if exchange is None or exchange.answer.done():
            self._metrics.results_late.inc()
            _log.warning(
                "fragment_late",
                stream_id=self.stream_id,
                fragment_id=str(result.fragment_id),
                sequence_number=result.sequence_number,
            )
            return
        if result.sequence_number != exchange.fragment.number:
            self._metrics.wire_violations.inc()
            _log.error(
                "fragment_mismatched",
                stream_id=self.stream_id,
                fragment_id=str(result.fragment_id),
                expected=exchange.fragment.number,
                sequence_number=result.sequence_number,
            )
            self.refuse(result.fragment_id)
            return
        self._metrics.processing_seconds.observe(time.monotonic() - exchange.sent_at)
        self._metrics.fragments_processed.labels(result.status).inc()
        if not exchange.acknowledged.done():
            exchange.acknowledged.set_result(None)
        exchange.answer.set_result(result)
        await self._acknowledge(result.fragment_id, "received")

    def _take_backpressure(self, event: Backpressure) -> None:
        delay_ms = event.recommended_delay_ms
        defaults_s = {"none": 0.0, "slow_down": SLOW_DOWN_S, "pause": PAUSE_S}
        delay_s = defaults_s[event.action] if delay_ms is None else delay_ms / 1000
        self._held_until = 0.0 if event.action == "none" else time.monotonic() + delay_s
        _log.warning(
            "sts_backpressure",
            stream_id=self.stream_id,
            action=event.action,
            severity=event.severity,
            delay_s=delay_s,
        )

    async def _take_error(self, error: ErrorEvent) -> None:
        _log.error(
            "sts_error",
            stream_id=self.stream_id,
            fragment_id=error.fragment_id,
            code=error.code,
            message=error.message,
        )
        lost = error.code is ErrorCode.STREAM_NOT_FOUND
        exchange = self._exchanges.get(fragment_id_of(error) or UUID(int=0))
        if exchange is not None:
            exchange.fail(
                StsFailedError(error.code, error.message, retryable=error.retryable or lost)
            )
        elif self._max_inflight is None and not lost and error.severity is not Severity.WARNING:
            # The answer to stream:init: asked again later where that may help, else final.
            self._refusal = None if error.retryable else error
        if lost and self._session_id is not None:
            self._session_id = None
            await self.attach()

    async def _acknowledge(self, fragment_id: UUID, status: str) -> None:
        await self._wire.emit(
            "fragment:ack",
            FragmentAck.model_validate(
                {"fragment_id": fragment_id, "status": status, "timestamp": _now_ms()}
            ),
        )


def _now_ms() -> int:
    return round(1000 * time.time())


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
