"""A real server seen from outside: what it answers, and what it counts."""

import asyncio
from collections.abc import Awaitable, Callable

import requests
from prometheus_client.parser import text_string_to_metric_families

from sts_service.app import Service
from tests.sts_service.probe import Probe

Connect = Callable[..., Awaitable[Probe]]

SETTINGS = {"host": "127.0.0.1", "port": 0, "shutdown_grace": 5.0, "max_streams": 3}


async def get(service: Service, path: str) -> requests.Response:
    url = f"http://127.0.0.1:{service.port}{path}"
    return await asyncio.to_thread(requests.get, url, timeout=5)


def metric(service: Service, name: str, **labels: str) -> float:
    text = service.metrics.exposition().decode()
    samples = (s for family in text_string_to_metric_families(text) for s in family.samples)
    return next(s.value for s in samples if s.name == name and s.labels == labels)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the service's gauges send no events
            await asyncio.sleep(0.01)
