"""One stream's dialogue with STS: fragments out in order, results back, within their time."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

from media_service.logs import get_logger
from media_service.report import StsReport
from media_service.sts_circuit import make_circuit
from media_service.sts_errors import (
    StsCircuitOpenError,
    StsFailedError,
    StsTimeoutError,
    StsUnavailableError,
)
from media_service.sts_exchange import Exchange, Fragment, fragment_id_of, uuid_of
from media_service.sts_inflight import Inflight
from media_service.sts_pace import Pace
from media_service.sts_results import Results
from media_service.sts_session import READY_TIMEOUT_S, StsSession
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
    StreamReady,
    WireModel,
)

if TYPE_CHECKING:
    from media_service.metrics import Metrics
    from media_service.settings import Settings

ACK_TIMEOUT_S = 3.0
"""The next fragment waits this long for the last one's acknowledgement, so that order holds."""
REOPEN_PATIENCE_S = 3.0
"""After a break the session has to be open again so soon: an STS that loads its models is away."""
RETRY_S = 0.5
MAX_RETRY_S = 4.0
"""A refused fragment that may be sent again waits so long, twice as long each time."""
COMPLETE_TIMEOUT_S = 1.0
"""How long the server's last word is waited for: every result is there already."""
_NOT_READY = "STS is back, and not ready yet"
_log = get_logger()


class Wire(Protocol):
    """What carries the events; ``away`` while STS is known not to be there."""

    away: bool

    async def emit(self, event: str, payload: WireModel) -> bool: ...  # noqa: D102
    def forget_stream(self, stream_id: str) -> None: ...  # noqa: D102


class StsStream:
    """A stream as STS knows it; ``report`` is its state as ``/v1/streams`` shows it.

    While STS is away, or its circuit breaker is open, ``dub`` refuses at once, so that nothing
    waits. Over a break of the connection that is mended at once nothing is given up: the session
    is taken up again, and what STS owes an answer to is sent again.
    """

    def __init__(
        self,
        stream_id: str,
        config: StreamConfig,
        wire: Wire,
        *,
        settings: Settings,
        metrics: Metrics,
        next_sequence: int = 0,
    ) -> None:
        self.stream_id = stream_id
        self.report = StsReport()
        self._wire = wire
        self._metrics = metrics
        self._pace = Pace()
        self._session = StsSession(
            stream_id, config, wire, self.report, next_sequence=next_sequence
        )
        self._inflight = Inflight()
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()
        self._completed = asyncio.Event()
        self._breaker = make_circuit(
            stream_id, self.report, settings=settings, metrics=metrics, woken=self._wake.set
        )
        self._results = Results(stream_id, self._inflight, self._breaker, wire, metrics)

    async def attach(self) -> None:
        """Open the stream, or take its session up again, on a new connection."""
        await self._session.open()
        asyncio.get_running_loop().call_later(REOPEN_PATIENCE_S, self._give_back_overdue)

    def suspend(self) -> None:
        """Hold everything: the connection is lost, and may be back in a moment."""
        self._session.suspend()
        self._wake.set()
        # What was asked on the lost connection is not answered any more.
        self._completed.set()

    def detach(self) -> None:
        """Give back, undubbed, all that is with STS: it is away."""
        self.suspend()
        self._session.tell("away")
        for exchange in self._inflight.unanswered:
            exchange.fail(StsUnavailableError("STS went away"))
        self._breaker.reset()

    def _give_back_overdue(self) -> None:
        """Give back, undubbed, what is with an STS that is there and does not take it up."""
        if self._session.is_overdue(REOPEN_PATIENCE_S):
            _log.warning("sts_not_ready", stream_id=self.stream_id, waited_s=REOPEN_PATIENCE_S)
            for exchange in self._inflight.unanswered:
                exchange.fail(StsUnavailableError(_NOT_READY))
            self._wake.set()

    async def dub(
        self,
        fragment: Fragment,
        *,
        within_s: float,
        sent: Callable[[], None] = lambda: None,
        acked: Callable[[], None] = lambda: None,
    ) -> FragmentProcessed:
        """Have one fragment dubbed; calls must be made in the order of their numbers.

        ``sent`` is called at each sending, ``acked`` at each acknowledgement. Raises
        ``StsUnavailableError``, ``StsCircuitOpenError``, ``StsTimeoutError`` or ``StsFailedError``.
        """
        self._session.enter(fragment.number)
        try:
            async with asyncio.timeout(within_s):
                async with self._turn:
                    exchange = await self._hand_over(Exchange.begin(fragment, sent, acked))
                return await exchange.answer
        except TimeoutError:
            if self._inflight.of(fragment.fragment_id) is not None:
                self._breaker.timed_out(fragment.fragment_id)
            raise StsTimeoutError(f"no result within {within_s:.1f} s") from None
        finally:
            self._forget(fragment)
            self._breaker.withdrawn(fragment.fragment_id)
            self._session.leave(fragment.number)

    async def applied(self, fragment_id: UUID) -> None:
        """Tell STS that its result is in the output."""
        await self._results.acknowledge(fragment_id, "applied")

    async def close(self) -> None:
        """End the stream with STS and see its last word, for ``COMPLETE_TIMEOUT_S`` at most."""
        self._session.end()
        self._completed.clear()
        try:
            if self._session.room is not None and await self._wire.emit(
                "stream:end", StreamControl(stream_id=self.stream_id)
            ):
                async with asyncio.timeout(COMPLETE_TIMEOUT_S):
                    await self._completed.wait()
        except TimeoutError:
            _log.warning("sts_stream_not_completed", stream_id=self.stream_id)
        finally:
            self._session.tell("closed")
            self._wire.forget_stream(self.stream_id)

    def owns(self, event: WireModel) -> bool:
        """Whether an event without a stream_id is about a fragment of this stream."""
        return self._inflight.of(fragment_id_of(event)) is not None

    def refuse(self, fragment_id: object) -> None:
        """Fail a fragment whose result broke the contract: no better one will come."""
        self._results.refuse(uuid_of(fragment_id))

    async def take(self, event: WireModel) -> None:
        """Take an event of this stream."""
        match event:
            case StreamReady():
                await self._begin_session(event)
            case FragmentAck() | FragmentProcessed():
                await self._results.take(event)
            case Backpressure():
                self._take_backpressure(event)
            case StreamComplete():
                _log.info("sts_stream_completed", stream_id=self.stream_id, wire=event.wire())
                self._completed.set()
            case ErrorEvent():
                await self._take_error(event)
        self._wake.set()

    async def _hand_over(self, exchange: Exchange) -> Exchange:
        """Send a fragment until STS has it; return the exchange that is under way then."""
        retry_s = RETRY_S
        while True:
            await self._until_free(exchange.fragment)
            self._inflight.add(exchange)
            self._metrics.inflight.inc()
            await self._send(exchange)
            try:
                await asyncio.wait([exchange.acknowledged], timeout=ACK_TIMEOUT_S)
                if exchange.acknowledged.done():
                    exchange.acknowledged.result()
                else:
                    _log.warning(
                        "fragment_unacknowledged",
                        stream_id=self.stream_id,
                        fragment_id=str(exchange.fragment.fragment_id),
                        waited_s=ACK_TIMEOUT_S,
                    )
            except StsFailedError as error:
                if not error.retryable:
                    raise
                self._forget(exchange.fragment)
                await asyncio.sleep(retry_s)
                retry_s = min(2 * retry_s, MAX_RETRY_S)
                exchange = exchange.again()
            else:
                return exchange

    async def _until_free(self, fragment: Fragment) -> None:
        """Wait until the stream is ready, not held back, and has a place in flight."""
        ready_at: float | None = None
        while True:
            self._refuse_hopeless(fragment)
            await self._session.open_if_unanswered()
            if self._session.is_overdue(REOPEN_PATIENCE_S):
                raise StsUnavailableError(_NOT_READY)
            now, hold_s, room = time.monotonic(), math.inf, self._session.room
            if room is not None and len(self._inflight) < room:
                ready_at = now if ready_at is None else ready_at
                hold_s = self._pace.hold_s(now=now, ready_at=ready_at)
                if hold_s == 0:
                    return
            else:
                ready_at = None
            self._wake.clear()
            await _wait(self._wake, min(hold_s, READY_TIMEOUT_S))
            if ready_at is not None:
                self._metrics.backpressure_held.inc(time.monotonic() - now)

    def _refuse_hopeless(self, fragment: Fragment) -> None:
        if self._wire.away:
            raise StsUnavailableError("STS is not connected")
        if (refusal := self._session.refusal) is not None:
            raise StsFailedError(refusal.code, refusal.message, retryable=False)
        if not self._breaker.admits(fragment.fragment_id):
            raise StsCircuitOpenError("STS was too slow for too many fragments in a row")

    async def _send(self, exchange: Exchange) -> None:
        """Send a fragment; without a connection it goes with the others on the next one."""
        data, begun_at = exchange.fragment.data(self.stream_id), time.monotonic()
        if not await self._wire.emit("fragment:data", data):
            return
        first = exchange.sent_at is None
        (self._metrics.fragments_sent if first else self._metrics.fragments_resent).inc()
        exchange.sent_at = begun_at if first else exchange.sent_at
        exchange.sent()

    def _forget(self, fragment: Fragment) -> None:
        if self._inflight.remove(fragment) is not None:
            self._metrics.inflight.dec()
            self._wake.set()

    async def _begin_session(self, ready: StreamReady) -> None:
        if await self._session.open_if_outdated(ready):
            return
        self._session.take_ready(ready)
        self._pace.clear()
        self.report.backpressure = "none"
        owed = self._inflight.unanswered
        _log.info(
            "sts_stream_ready",
            stream_id=self.stream_id,
            session_id=ready.session_id,
            resumed=ready.resumed,
            next_sequence=ready.next_sequence,
            sent_again=[exchange.fragment.number for exchange in owed],
            max_inflight=ready.max_inflight,
            capabilities=ready.capabilities.wire(),
        )
        if ready.resumed:
            self._metrics.sts_sessions_resumed.inc()
        # Before anything new may go, and lowest number first: order holds over the break too.
        for exchange in owed:
            await self._send(exchange)
        self._session.admit(ready.max_inflight)

    def _take_backpressure(self, event: Backpressure) -> None:
        self._pace.take(event, now=time.monotonic())
        self.report.backpressure = event.action
        self._metrics.backpressure.labels(event.action).inc()
        _log.warning(
            "sts_backpressure",
            stream_id=self.stream_id,
            action=event.action,
            severity=event.severity,
            delay_ms=event.recommended_delay_ms,
            queue_depth=event.queue_depth,
        )

    async def _take_error(self, error: ErrorEvent) -> None:
        warning = error.severity is Severity.WARNING
        (_log.warning if warning else _log.error)(
            "sts_error",
            stream_id=self.stream_id,
            fragment_id=error.fragment_id,
            code=error.code,
            message=error.message,
        )
        if warning:
            # It ends nothing: the fragment it names is still being dubbed.
            return
        exchange = self._inflight.of(fragment_id_of(error))
        if error.code is ErrorCode.STREAM_NOT_FOUND:
            await self._session.open_anew()
        elif exchange is not None:
            exchange.fail(StsFailedError(error.code, error.message, retryable=error.retryable))
        elif error.fragment_id is None and (
            self._session.room is None or error.severity is Severity.FATAL
        ):
            # The answer to stream:init, or the session's end.
            self._session.take_error(error)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
