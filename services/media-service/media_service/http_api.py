"""The service's HTTP API: health, readiness, metrics and the streams' reports."""

from __future__ import annotations

import time

from aiohttp import web

from media_service.discovery import Discovery
from media_service.metrics import Metrics
from media_service.redaction import redacted
from media_service.sts_client import StsClient
from media_service.supervisor import Supervisor


class HttpApi:
    """``GET /health``, ``/ready``, ``/metrics``, ``/v1/streams`` and ``/v1/streams/{id}``.

    While it is ``stopping`` the service is neither healthy nor ready: it takes no new stream.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        sts: StsClient,
        discovery: Discovery,
        metrics: Metrics | None,
    ) -> None:
        self._supervisor = supervisor
        self._sts = sts
        self._discovery = discovery
        self._metrics = metrics
        self._started_at = time.monotonic()
        self.stopping = False

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application()
        application.add_routes(
            [
                web.get("/health", self._health),
                web.get("/ready", self._ready),
                web.get("/v1/streams", self._streams),
                web.get("/v1/streams/{stream_id}", self._stream),
            ]
        )
        if self._metrics is not None:
            application.add_routes([web.get("/metrics", self._exposition)])
        return application

    def _state(self, status: str) -> dict[str, object]:
        return {
            "status": status,
            "sts": {
                "url": redacted(self._sts.url),
                "connected": self._sts.connected,
                "session": self._sts.session,
            },
            "media_server": {
                "url": redacted(self._discovery.api_url),
                "reachable": bool(self._discovery.reachable),
            },
            "streams": self._supervisor.active,
            "uptime_s": round(time.monotonic() - self._started_at, 3),
        }

    async def _health(self, _: web.Request) -> web.Response:
        if self.stopping:
            return self._refusal("stopping")
        return web.json_response(self._state("healthy"))

    async def _ready(self, _: web.Request) -> web.Response:
        if self.stopping:
            return self._refusal("stopping")
        if self._sts.connected and self._discovery.reachable:
            return web.json_response(self._state("ready"))
        return self._refusal("not_ready")

    def _refusal(self, status: str) -> web.Response:
        return web.json_response(self._state(status), status=503)

    async def _exposition(self, _: web.Request) -> web.Response:
        if self._metrics is None:
            raise web.HTTPNotFound
        self._supervisor.count_streams()
        return web.Response(
            body=self._metrics.text(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _streams(self, _: web.Request) -> web.Response:
        reports = [report.model_dump(mode="json") for report in self._supervisor.reports]
        return web.json_response({"streams": reports})

    async def _stream(self, request: web.Request) -> web.Response:
        stream_id = request.match_info["stream_id"]
        report = self._supervisor.report(stream_id)
        if report is None:
            return web.json_response({"error": f"no stream {stream_id!r}"}, status=404)
        return web.json_response(report.model_dump(mode="json"))
