"""Puts the service's parts together, and takes them apart again in order."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from aiohttp import web

from media_service.discovery import Discovery
from media_service.http_api import HttpApi
from media_service.http_log import http_logger
from media_service.logs import get_logger
from media_service.metrics import Metrics
from media_service.settings import Settings
from media_service.sts_client import StsClient
from media_service.supervisor import Supervisor
from media_service.worker_process import WorkerPool

KEEPALIVE_S = 75.0
SHUTDOWN_S = 0.5
"""What a request that is being answered gets at the end: the reports are made in no time."""
_log = get_logger()


class PortTakenError(Exception):
    """The service's port cannot be listened on."""


async def serve(settings: Settings) -> None:
    """Run the service until SIGTERM or SIGINT; raises what ends one of its parts."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = Metrics()
    workers = WorkerPool()
    sts = StsClient(settings, metrics)
    supervisor = Supervisor(settings, sts, metrics, workers)
    discovery = Discovery(
        settings.mediamtx_api_url, supervisor.reconcile, supervisor.media_server_lost
    )
    api = HttpApi(supervisor, sts, discovery, metrics if settings.metrics_enabled else None)
    runner = web.AppRunner(
        api.application(),
        access_log=None,
        logger=http_logger(metrics),
        keepalive_timeout=KEEPALIVE_S,
        shutdown_timeout=SHUTDOWN_S,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise PortTakenError(error.strerror or str(error)) from error
        workers.warm_up()
        _log.info(
            "service_started", port=settings.port, sts=sts.url, media_server=discovery.api_url
        )
        await supervisor.take_up()
        finding = asyncio.create_task(discovery.run(), name="discovery")
        talking = asyncio.create_task(sts.run(), name="sts")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait(
            (finding, talking, stopping), return_when=asyncio.FIRST_COMPLETED
        )
        api.stopping = True
        await _cancel(finding, stopping)
        await supervisor.stop()
        await _cancel(talking)
        for task in done - {stopping}:
            # Neither ends by itself: whatever ended it is an error.
            task.result()
    finally:
        await workers.close()
        await runner.cleanup()
        _log.info("service_stopped")


async def _cancel(*tasks: asyncio.Task[object]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            if not task.done():
                await task
