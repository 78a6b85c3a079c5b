"""The HTTP side: ``/health``, ``/ready`` and ``/metrics``."""

import asyncio
import time

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from sts_service.engines.registry import EngineInfo
from sts_service.metrics import Metrics
from sts_service.pool import Workers


class Health:
    """Healthy means: the models are loaded, a worker can use them, the service is not stopping."""

    def __init__(
        self, engines: asyncio.Future[EngineInfo], workers: Workers, metrics: Metrics
    ) -> None:
        self._engines = engines
        self._workers = workers
        self._metrics = metrics
        self._started_at = time.monotonic()
        self.stopping = False

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [
            web.get("/health", self._health),
            web.get("/ready", self._health),
            web.get("/metrics", self._exposition),
        ]

    async def _health(self, _: web.Request) -> web.Response:
        if self.stopping:
            return web.json_response({"status": "stopping"}, status=503)
        if not self._engines.done():
            return web.json_response({"status": "loading"}, status=503)
        engines = self._engines.result()
        workers = self._workers.state
        return web.json_response(
            {
                "status": "healthy" if workers.usable else "failed",
                "profile": engines.profile,
                "asr": engines.asr,
                "translation": engines.translation,
                "tts": engines.tts,
                "models": engines.models,
                "workers": {"total": workers.total, "down": list(workers.down)},
                "uptime_s": round(time.monotonic() - self._started_at, 3),
            },
            status=200 if workers.usable else 503,
        )

    async def _exposition(self, _: web.Request) -> web.Response:
        return web.Response(
            body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
