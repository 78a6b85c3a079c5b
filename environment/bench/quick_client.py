"""A client in a process of its own, so that nothing of the harness delays what it measures.

`python -m environment.bench.quick_client <plan.json> <sounds.npy>` prints its `Report` as JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import socketio
from pydantic import BaseModel
from socketio.exceptions import ConnectionError as CannotConnect

from environment.measuring.sound import Samples
from environment.runs.exchange import fragment_of, opening_of

EXIT_CANNOT: Final = 1
_MOST_NEWS: Final = 100
_FAILED: Final = "failed: "
_SOONER: Final = 10


class NotAcknowledged(Exception):  # noqa: N818 - it says what happened
    """sts-service refused, hung up, or did not answer in time."""


class Plan(BaseModel):
    """What to send where: streams one after the other, and of each its fragments one by one."""

    url: str
    token: str | None
    streams: list[str]
    fragments_each: int
    timeout_s: float


class Report(BaseModel):
    """Milliseconds until each fragment was queued, and whether this process went first."""

    took_ms: list[float]
    went_first: bool


def measure(plan: Plan, sounds: Sequence[Samples]) -> list[float]:
    """Milliseconds from sending each fragment to hearing that it is queued.

    Raises:
        NotAcknowledged: one was refused, or not answered in time.
    """
    took_ms: list[float] = []
    for stream_id in plan.streams:
        fragments = [
            fragment_of(stream_id, number, sounds[number % len(sounds)]).wire()
            for number in range(plan.fragments_each)
        ]
        try:
            opening = opening_of(stream_id).wire()
            took_ms += asyncio.run(_acknowledged_in_ms(plan, opening, fragments))
        except CannotConnect as error:
            raise NotAcknowledged(f"sts-service at {plan.url} lets nobody in: {error}") from error
    return took_ms


async def _acknowledged_in_ms(
    plan: Plan, opening: dict[str, Any], fragments: Sequence[dict[str, Any]]
) -> list[float]:
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    news: asyncio.Queue[str] = asyncio.Queue(_MOST_NEWS)
    stream_id = str(opening["stream_id"])
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
            async with asyncio.timeout(plan.timeout_s):
                while (said := await news.get()) != wanted:
                    if said.startswith(_FAILED):
                        raise NotAcknowledged(f"sts-service does not acknowledge: {said}")
        except TimeoutError as error:
            before = ", ".join(f"{ms:.0f}" for ms in took_ms)
            raise NotAcknowledged(
                f"sts-service did not answer within {plan.timeout_s:g} s; "
                f"acknowledgements before it, in ms: {before or 'none'}"
            ) from error

    client.on("stream:ready", ready)
    client.on("fragment:ack", acknowledged)
    client.on("error", failed)
    client.on("disconnect", failed)
    try:
        await client.connect(
            plan.url,
            auth={"token": plan.token} if plan.token else None,
            transports=["websocket"],
            wait_timeout=plan.timeout_s,
        )
        await client.emit("stream:init", opening)
        await heard(stream_id)
        for fragment in fragments:
            begun = time.monotonic()
            await client.emit("fragment:data", fragment)
            await heard(fragment["fragment_id"])
            took_ms.append((time.monotonic() - begun) * 1000)
        # What still waits is of no interest: opened again, the stream begins anew.
        await client.emit("stream:init", opening)
        await heard(stream_id)
    finally:
        await client.shutdown()
    return took_ms


def _go_first() -> bool:
    """Go before other processes, where that is allowed.

    Client and workers share the machine's processors here, and the client's own wait for one is
    no delay of the service's.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, -_SOONER)
    except PermissionError:
        return False
    return True


def main(plan_file: str, sounds_file: str) -> int:
    """Measure, print; the exit status."""
    plan = Plan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"))
    went_first = _go_first()
    try:
        took_ms = measure(plan, list(np.load(sounds_file)))
    except NotAcknowledged as error:
        print(error, file=sys.stderr)
        return EXIT_CANNOT
    print(Report(took_ms=took_ms, went_first=went_first).model_dump_json())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
