"""The service put together: web server, Socket.IO, workers; its start and its end."""

import asyncio
import gc
import hmac
import signal
from typing import Any

import structlog
from aiohttp import web
from socketio import AsyncServer
from socketio.exceptions import ConnectionRefusedError as Rejection

from services.contracts import OBSERVE_NAMESPACE, ErrorCode
from sts_service.connections import Connections
from sts_service.emitter import Emitter
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import EngineInfo
from sts_service.events import Events
from sts_service.health import Health
from sts_service.metrics import Metrics
from sts_service.observe import Observers
from sts_service.pool import WorkerPool, Workers
from sts_service.quoting import clipped
from sts_service.settings import Settings
from sts_service.streams import Streams
from sts_service.transport import WirePacket, count_refusals, http_logger, transport_logger

_log = structlog.get_logger()

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
GOODBYE_TIMEOUT_S = 1.0
KEEPALIVE_S = 60
"""How long an HTTP connection may be without a request, or be about to make its first."""
SWEEP_S = 0.2
OBSERVER_EVENT_BYTES = 1024 * 1024
"""What an observer says is said for nothing, so it may say less."""
PING_INTERVAL_S = 5
PING_TIMEOUT_S = 5
"""A connection that was cut silently is noticed within interval and timeout together: 10 s."""


class Service:
    """One running sts-service."""

    def __init__(
        self, settings: Settings, workers: Workers, metrics: Metrics | None = None
    ) -> None:
        self._settings = settings
        self._workers = workers
        self._engines: asyncio.Future[EngineInfo] = asyncio.get_running_loop().create_future()
        self.metrics = metrics or Metrics()
        logger = transport_logger(self.metrics)
        self._server = AsyncServer(
            async_mode="aiohttp",
            logger=logger,
            engineio_logger=logger,
            serializer=WirePacket,
            # The events of one connection are handled in the order they came.
            async_handlers=False,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            ping_interval=PING_INTERVAL_S,
            ping_timeout=PING_TIMEOUT_S,
            cors_allowed_origins=[],
        )
        self._connections = Connections(
            self._server,
            settings.connection_limits,
            self.metrics,
            busy=lambda sid: bool(self._streams.owned_by(sid)),
        )
        self._observers = Observers(self._server, self.metrics, cut=self._connections.cut)
        self._emitter = Emitter(
            self._server, self._observers, self.metrics, cut=self._connections.cut
        )
        self._streams = Streams(
            settings, workers=workers, emitter=self._emitter, metrics=self.metrics
        )
        self._events = Events(
            streams=self._streams,
            emitter=self._emitter,
            observers=self._observers,
            connections=self._connections,
            engines=self._engines,
            max_deferred=settings.max_streams,
        )
        self._health = Health(self._engines, workers, self.metrics)
        application = web.Application(middlewares=[self._connections.middleware])
        application.add_routes(self._health.routes())
        count_refusals(application, self.metrics)
        self._server.attach(application)
        self._wire()
        self._sweeper: asyncio.Task[None] | None = None
        self._runner = web.AppRunner(
            application,
            access_log=None,
            logger=http_logger(self.metrics),
            shutdown_timeout=GOODBYE_TIMEOUT_S,
            keepalive_timeout=KEEPALIVE_S,
        )

    @property
    def port(self) -> int:
        """The port listened on, also where the settings left the choice to the system."""
        return int(self._runner.addresses[0][1])

    async def listen(self) -> None:
        """Open the port; ``OSError`` when it is taken."""
        if any(self._settings.debug_delay_s):
            _log.warning("fragments_delayed", debug_delay_s=self._settings.debug_delay_s)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._settings.host, self._settings.port).start()
        self._sweeper = asyncio.create_task(self._sweep())
        _log.info("service_listening", host=self._settings.host, port=self.port)

    async def load(self) -> None:
        """Load the models; from then on the service is healthy."""
        engines = await self._workers.start()
        self._engines.set_result(engines)
        _log.info(
            "models_loaded",
            profile=engines.profile,
            asr=engines.asr,
            translation=engines.translation,
            tts=engines.tts,
            models=engines.models,
        )

    async def stop(self) -> None:
        """Answer what is in hand, within the grace; then end everything. A second call is idle."""
        if self._health.stopping:
            return
        self._health.stopping = self._events.stopping = True
        if not await self._streams.drain(self._settings.shutdown_grace):
            _log.warning("fragments_given_up", grace_s=self._settings.shutdown_grace)
        await self._events.close()
        await self._streams.close()
        if not await self._emitter.flush(GOODBYE_TIMEOUT_S):
            _log.warning("answers_not_read", timeout_s=GOODBYE_TIMEOUT_S)
        await self._observers.close()
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        await asyncio.gather(self._hang_up(), self._workers.stop())
        await self._connections.close()
        _log.info("service_stopped")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                self._streams.sweep()
                self._connections.sweep()
            except Exception:  # noqa: BLE001 - a task's edge: the next sweep may do better
                _log.exception("sweep_failed")

    async def _hang_up(self) -> None:
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                if self._server.eio.sockets:
                    await self._server.eio.disconnect()
        except TimeoutError:
            _log.warning("clients_cut_off", timeout_s=GOODBYE_TIMEOUT_S)
        await self._server.shutdown()
        await self._runner.cleanup()

    def _wire(self) -> None:
        server = self._server
        server.on("connect", self._connected)
        server.on("disconnect", self._disconnected)
        server.on("*", self._events.receive)
        server.on("connect", self._observer_connected, namespace=OBSERVE_NAMESPACE)
        server.on("disconnect", self._observer_disconnected, namespace=OBSERVE_NAMESPACE)
        server.on("*", self._observer_spoke, namespace=OBSERVE_NAMESPACE)

    async def _connected(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        self._authenticate(auth, self._settings.sts_api_key)
        self._connections.join(sid, environ, namespace="/")
        self._events.joined(sid)
        self.metrics.connections.inc()
        _log.info("client_connected", connection=sid)

    async def _disconnected(self, sid: str, reason: str) -> None:
        self.metrics.connections.dec()
        _log.info("client_disconnected", connection=sid, reason=reason)
        self._connections.leave(sid)
        await self._events.left(sid, for_good=reason == self._server.reason.CLIENT_DISCONNECT)

    async def _observer_connected(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        self._authenticate(auth, self._settings.sts_observe_key or self._settings.sts_api_key)
        self._connections.join(sid, environ, namespace=OBSERVE_NAMESPACE)
        self._observers.join(sid)

    async def _observer_disconnected(self, sid: str, _: str) -> None:
        self._connections.leave(sid)
        self._observers.leave(sid)

    async def _observer_spoke(self, event: str, sid: str, *_: Any) -> None:
        self.metrics.observer_events.inc()
        wait_s = self._connections.charge(sid, OBSERVER_EVENT_BYTES)
        if wait_s:
            await asyncio.sleep(wait_s)
            return
        _log.warning("observer_ignored", connection=sid, said=clipped(str(event)))

    def _authenticate(self, auth: Any, key: str) -> None:
        if not key:
            return
        token = auth.get("token") if isinstance(auth, dict) else None
        if not isinstance(token, str) or not hmac.compare_digest(_bytes(token), _bytes(key)):
            code = ErrorCode.AUTH_FAILED
            self.metrics.errors.labels(code=code.value).inc()
            _log.warning("client_rejected", code=code.value)
            message = "the token is missing or wrong"
            raise Rejection(message, {"code": code.value, "retryable": code.retryable})


def _bytes(secret: str) -> bytes:
    # JSON may carry lone surrogates, and so may an environment variable that is not UTF-8.
    return secret.encode("utf-8", "surrogatepass")


async def serve(settings: Settings) -> int:
    """Run the service until SIGTERM or SIGINT; return the exit status."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    metrics = Metrics()
    workers = WorkerPool(
        settings.selection,
        size=settings.sts_workers,
        load_timeout_s=settings.load_timeout,
        log_level=settings.log_level,
        yielding=settings.workers_yield,
        start_failed=metrics.worker_starts_failed.inc,
    )
    service = Service(settings, workers, metrics)
    loading: asyncio.Task[None] | None = None
    waiting = asyncio.create_task(stopping.wait())
    status = 0
    try:
        await service.listen()
        loading = asyncio.create_task(service.load())
        await asyncio.wait({loading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if loading.done():
            await loading
            # A full collection visits all that was imported: 40 ms in which nobody is answered.
            gc.collect()
            gc.freeze()
        await waiting
    except (OSError, EngineLoadError) as error:
        _log.error("service_failed", error=str(error))
        status = 1
    finally:
        waiting.cancel()
        if loading is not None:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
        await service.stop()
    return status
