"""Who is connected: how many, how loud, how long silent; and cutting off who has to go."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from socketio import AsyncServer
from socketio.exceptions import ConnectionRefusedError as Rejection

from services.contracts import OBSERVE_NAMESPACE, ErrorCode
from sts_service.metrics import Metrics
from sts_service.quoting import clipped
from sts_service.token_bucket import TokenBucket

_log = structlog.get_logger()

LINGER_S = 5.0
"""How long a connection that is over has to be closed by both sides."""
BODY_TIMEOUT_S = 20.0
"""How long the body of a request may take to arrive."""
EVENT_BYTES = 64 * 1024
"""An event that is larger counts for as many as it has times this many bytes."""


@dataclass(frozen=True)
class ConnectionLimits:
    """How many may connect, how many events each may send, how long it may say nothing."""

    clients: int
    observers: int
    events_per_s: float
    burst: float
    half_open_s: float
    makes_room_s: float
    idle_s: float


@dataclass
class _Line:
    """One connection to one namespace; times are monotonic seconds."""

    sid: str
    eio_sid: str
    namespace: str
    transport: asyncio.BaseTransport | None
    bucket: TokenBucket
    heard_at: float


class Connections:
    """The table of connections; ``busy`` says whether a client has streams."""

    def __init__(
        self,
        server: AsyncServer,
        limits: ConnectionLimits,
        metrics: Metrics,
        *,
        busy: Callable[[str], bool],
    ) -> None:
        self._server = server
        self._limits = limits
        self._metrics = metrics
        self._busy = busy
        self._lines: dict[str, _Line] = {}
        self._upgraded: dict[str, asyncio.BaseTransport] = {}
        self._alone_since: dict[str, float] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    def join(self, sid: str, environ: dict[str, Any], *, namespace: str) -> None:
        """Take a new connection in, or raise ``Rejection`` where there are too many."""
        observing = namespace == OBSERVE_NAMESPACE
        limit = self._limits.observers if observing else self._limits.clients
        there = [line for line in self._lines.values() if line.namespace == namespace]
        if len(there) >= limit and (observing or not self._make_room()):
            self._metrics.connections_refused.labels(reason="limit").inc()
            code = ErrorCode.RATE_LIMIT
            self._metrics.errors.labels(code=code.value).inc()
            _log.warning("client_rejected", code=code.value, limit=limit, namespace=namespace)
            message = f"{limit} are connected already"
            raise Rejection(message, {"code": code.value, "retryable": code.retryable})
        self._lines[sid] = _Line(
            sid=sid,
            eio_sid=self._server.manager.eio_sid_from_sid(sid, namespace),
            namespace=namespace,
            transport=_websocket(environ),
            bucket=TokenBucket(self._limits.events_per_s, self._limits.burst),
            heard_at=time.monotonic(),
        )

    def leave(self, sid: str) -> None:
        """Forget a connection; what is left of it is cut off if it does not close by itself."""
        line = self._lines.pop(sid, None)
        if line is not None:
            asyncio.get_running_loop().call_later(LINGER_S, self._abort_if_over, line)

    def charge(self, sid: str, size_bytes: int) -> float:
        """Count an event; return 0 where the connection may send it, else how long to hold it."""
        line = self._lines.get(sid)
        if line is None:
            return 0.0
        line.heard_at = time.monotonic()
        return line.bucket.charge(1 + size_bytes / EVENT_BYTES, now=line.heard_at)

    def cut(self, sid: str) -> None:
        """Cut a connection off at once, whatever it has not read yet."""
        line = self._lines.get(sid)
        if line is not None:
            self._cut(line.eio_sid, line)

    def sweep(self) -> None:
        """Cut off who opened a connection and never used it."""
        now = time.monotonic()
        for line in list(self._lines.values()):
            silent_s = now - line.heard_at
            if silent_s > self._limits.idle_s and self._is_idle(line):
                self._dismiss(line, "idle", silent_s)
        used = {line.eio_sid for line in self._lines.values()}
        alone = {sid for sid in self._server.eio.sockets if sid not in used}
        self._alone_since = {sid: self._alone_since.get(sid, now) for sid in alone}
        for eio_sid, since in self._alone_since.items():
            if now - since > self._limits.half_open_s:
                self._metrics.connections_refused.labels(reason="half_open").inc()
                _log.info("connection_half_open", since_s=round(now - since, 1))
                self._cut(eio_sid, None)

    async def close(self) -> None:
        """Wait for those who are being cut off."""
        await asyncio.gather(*self._farewells, return_exceptions=True)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Know every WebSocket's transport, and bound the time a request's body takes."""
        limit_s = BODY_TIMEOUT_S if request.method == "POST" else None
        eio_sid = request.query.get("sid")
        upgrading = request.headers.get("Upgrade", "").lower() == "websocket"
        if eio_sid is not None and upgrading and request.transport is not None:
            self._upgraded[eio_sid] = request.transport
        try:
            async with asyncio.timeout(limit_s):
                response: web.StreamResponse = await handler(request)
                return response
        except (ValueError, LookupError) as error:
            # What the library makes of a packet that is none: nobody else would close what is open.
            return self._garbled(request, error)
        finally:
            if eio_sid is not None and upgrading:
                self._upgraded.pop(eio_sid, None)

    def _garbled(self, request: web.Request, error: Exception) -> web.StreamResponse:
        self._metrics.transport_errors.inc()
        _log.warning("transport_error", error=clipped(f"{type(error).__name__}: {error}"))
        for eio_sid, environ in list(self._server.environ.items()):
            if environ.get("aiohttp.request") is request or eio_sid == request.query.get("sid"):
                self._cut(eio_sid, None)
        _abort(request.transport)
        return web.Response(status=web.HTTPBadRequest.status_code)

    def _is_idle(self, line: _Line) -> bool:
        return line.namespace != OBSERVE_NAMESPACE and not self._busy(line.sid)

    def _make_room(self) -> bool:
        """Let the client go that said nothing for longest, if that is long enough."""
        idle = [line for line in self._lines.values() if self._is_idle(line)]
        if not idle:
            return False
        line = min(idle, key=lambda each: each.heard_at)
        silent_s = time.monotonic() - line.heard_at
        if silent_s < self._limits.makes_room_s:
            return False
        self._dismiss(line, "idle", silent_s)
        return True

    def _dismiss(self, line: _Line, reason: str, silent_s: float) -> None:
        self._metrics.connections_refused.labels(reason=reason).inc()
        _log.info("client_dismissed", connection=line.sid, silent_s=round(silent_s, 1))
        self._lines.pop(line.sid, None)
        self._cut(line.eio_sid, line)

    def _cut(self, eio_sid: str, line: _Line | None) -> None:
        farewell = asyncio.create_task(self._hang_up(eio_sid, line))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)

    async def _hang_up(self, eio_sid: str, line: _Line | None) -> None:
        socket = self._server.eio.sockets.get(eio_sid)
        environ = self._server.environ.get(eio_sid, {})
        transport = _websocket(environ) if line is None else line.transport
        upgraded = self._upgraded.get(eio_sid)
        if socket is not None:
            await socket.close(
                wait=False, abort=True, reason=self._server.eio.reason.TRANSPORT_ERROR
            )
        for each in (transport, upgraded):
            _abort(each)

    def _abort_if_over(self, line: _Line) -> None:
        socket = self._server.eio.sockets.get(line.eio_sid)
        if socket is None or socket.closed:
            for each in (line.transport, self._upgraded.get(line.eio_sid)):
                _abort(each)


def _websocket(environ: dict[str, Any]) -> asyncio.BaseTransport | None:
    """Return the transport of a client that connected with a WebSocket from the beginning."""
    if environ.get("HTTP_UPGRADE", "").lower() != "websocket":
        return None
    request: web.Request = environ["aiohttp.request"]
    return request.transport


def _abort(transport: asyncio.BaseTransport | None) -> None:
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
