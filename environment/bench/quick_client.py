"""A client in a process of its own, so that nothing of the harness delays what it measures."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Final

import socketio

ANSWER_TIMEOUT_S: Final = 60.0
_MOST_NEWS: Final = 100
_FAILED: Final = "failed: "
_SOONER: Final = 10


class NotAcknowledged(Exception):  # noqa: N818 - it says what happened
    """sts-service refused, hung up, or did not answer in time."""


@dataclass(frozen=True)
class Sending:
    """Fragments of one stream, sent one after the other; payloads as the wire has them."""

    url: str
    token: str | None
    opening: dict[str, Any]
    fragments: Sequence[dict[str, Any]]
    timeout_s: float


@contextmanager
def quick_clients() -> Iterator[ProcessPoolExecutor]:
    """A process for ``acknowledged_in_ms`` that goes before the workers, where that is allowed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_go_first) as clients:
        yield clients


def goes_first() -> bool:
    """Whether this process goes before others, which only root's may."""
    return os.getpriority(os.PRIO_PROCESS, 0) < 0


def acknowledged_in_ms(sending: Sending) -> list[float]:
    """Milliseconds from sending each fragment to hearing that it is queued.

    Raises:
        NotAcknowledged: one was refused, or not answered in time.
    """
    return asyncio.run(_acknowledged_in_ms(sending))


async def _acknowledged_in_ms(sending: Sending) -> list[float]:
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    news: asyncio.Queue[str] = asyncio.Queue(_MOST_NEWS)
    stream_id = str(sending.opening["stream_id"])
    took_ms: list[float] = []

    async def ready(_: dict[str, Any]) -> None:
        news.put_nowait(stream_id)

    async def acknowledged(ack: dict[str, Any]) -> None:
        if ack["status"] == "queued":
            news.put_nowait(ack["fragment_id"])

    async def failed(said: object) -> None:
        news.put_nowait(f"{_FAILED}{said}")

    async def heard(wanted: str) -> None:
        # Each answer has this bound for itself: in sum many slow ones would pass for one missing.
        try:
            async with asyncio.timeout(sending.timeout_s):
                while (said := await news.get()) != wanted:
                    if said.startswith(_FAILED):
                        raise NotAcknowledged(f"sts-service does not acknowledge: {said}")
        except TimeoutError as error:
            before = ", ".join(f"{ms:.0f}" for ms in took_ms)
            raise NotAcknowledged(
                f"sts-service did not answer within {sending.timeout_s:g} s; "
                f"acknowledgements before it, in ms: {before or 'none'}"
            ) from error

    client.on("stream:ready", ready)
    client.on("fragment:ack", acknowledged)
    client.on("error", failed)
    client.on("disconnect", failed)
    try:
        await client.connect(
            sending.url,
            auth={"token": sending.token} if sending.token else None,
            transports=["websocket"],
            wait_timeout=sending.timeout_s,
        )
        await client.emit("stream:init", sending.opening)
        await heard(stream_id)
        for fragment in sending.fragments:
            begun = time.monotonic()
            await client.emit("fragment:data", fragment)
            await heard(fragment["fragment_id"])
            took_ms.append((time.monotonic() - begun) * 1000)
        # What still waits is of no interest: opened again, the stream begins anew.
        await client.emit("stream:init", sending.opening)
        await heard(stream_id)
    finally:
        await client.shutdown()
    return took_ms


def _go_first() -> None:
    # Client and workers share the machine's processors here, and the client's own wait for one is
    # no delay of the service's.
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, -_SOONER)
