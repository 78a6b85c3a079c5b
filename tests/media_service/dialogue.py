"""What the tests of the dialogue with STS say and look at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from media_service.audio_format import BYTES_PER_FRAME
from media_service.metrics import Metrics
from media_service.sts_client import StsClient
from media_service.sts_exchange import Fragment

Connect = Callable[..., Awaitable[StsClient]]
"""Returns a connected client; takes changes of its settings."""


def fragment(number: int = 0, seconds: float = 1.0) -> Fragment:
    pcm = bytes(round(48_000 * seconds) * BYTES_PER_FRAME)
    return Fragment(number, float(number), time.time(), pcm)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"media_service_{name}", labels) or 0.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)
