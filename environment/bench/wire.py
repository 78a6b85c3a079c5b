"""Measures sts-service as a stranger's client finds it: acknowledgements, memory, what is left."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import uuid4

import numpy as np
import socketio

from environment.bench.rows import Row
from environment.bench.speech import memory_mib
from environment.errors import HarnessError, WaitTimeout
from environment.measuring.sound import Samples
from environment.runs import bad_data
from environment.runs.exchange import CHANNELS, FRAGMENT_S, RATE_HZ, cut_speech
from environment.runs.wire_client import WireClient
from environment.session import Session
from environment.stack.containers import StsServiceContainer
from environment.waiting import wait_for
from services.contracts import AudioPayload, FragmentData, StreamConfig, StreamInit

ACK_LIMIT_MS: Final = 50.0
FRAGMENTS_IN_A_ROW: Final = 500
GROWTH_MIB: Final = 64.0
VANISHING: Final = 50

_CLIP: Final = "30s-english-counting.mp4"
_STREAMS: Final = 10
_EACH: Final = 20
"""Fragments of each stream, which is as many as may wait: all workers are busy meanwhile."""
_SOONER: Final = 10
_SETTLED_AFTER: Final = 100
_AT_ONCE: Final = 3
_MOST_NEWS: Final = 100
_FAILED: Final = "failed: "
_WAIT_S: Final = 60.0
_SESSION_S: Final = 60.0
_GAUGES: Final = (
    "sts_streams_active",
    "sts_sessions_detached",
    "sts_queue_depth",
    "sts_inflight",
    "sts_held_bytes",
)


def measure(session: Session) -> tuple[Row, ...]:
    """Measure the session's sts-service, which must have nothing else to do."""
    session.stack().media_service.wait_idle()
    return (_acknowledgement_row(session), _growth_row(session), *_left_rows(session))


def _acknowledgement_row(session: Session) -> Row:
    """From sending a fragment to hearing that it is queued, while the workers are busy."""
    sounds = cut_speech(session.clip(_CLIP)).sounds
    took_ms: list[float] = []
    with _first_in_line() as first:
        for _ in range(_STREAMS):
            stream_id = session.new_stream_name("bench")
            fragments = [
                _fragment(stream_id, sequence, sounds[sequence % len(sounds)])
                for sequence in range(_EACH)
            ]
            took_ms += asyncio.run(_acknowledged_in_ms(session, stream_id, fragments))
    # The first of all find workers that are free.
    ranked = sorted(took_ms[session.settings.sts_workers :])
    p99 = ranked[-(-len(ranked) * 99 // 100) - 1]
    middle, worst = ranked[len(ranked) // 2], ranked[-1]
    what = "acknowledgement while all workers are busy, 99th percentile"
    remark = f"middle {middle:.0f} ms, worst {worst:.0f} ms"
    if not first:
        remark += ", the client's own waits for the processor included"
    return Row(what, "ms", ACK_LIMIT_MS, ACK_LIMIT_MS, p99, remark)


@contextmanager
def _first_in_line() -> Iterator[bool]:
    """Let this process, the client, go before the workers; False where only root may.

    Client and workers share the machine's processors here, and the client's own wait for one is
    no delay of the service's.
    """
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, usual - _SOONER)
    except PermissionError:
        yield False
        return
    try:
        yield True
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, usual)


async def _acknowledged_in_ms(
    session: Session, stream_id: str, fragments: Sequence[dict[str, Any]]
) -> list[float]:
    """Send them one after the other, without the harness's checks, which take their own time."""
    client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
    news: asyncio.Queue[str] = asyncio.Queue(_MOST_NEWS)
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
            async with asyncio.timeout(session.settings.timeout(_WAIT_S)):
                while (said := await news.get()) != wanted:
                    if said.startswith(_FAILED):
                        raise HarnessError(f"sts-service does not acknowledge: {said}")
        except TimeoutError as error:
            before = ", ".join(f"{ms:.0f}" for ms in took_ms)
            raise HarnessError(
                f"sts-service did not answer within {_WAIT_S:g} s; "
                f"acknowledgements before it, in ms: {before or 'none'}"
            ) from error

    client.on("stream:ready", ready)
    client.on("fragment:ack", acknowledged)
    client.on("error", failed)
    client.on("disconnect", failed)
    key = session.settings.sts_api_key
    try:
        await client.connect(
            session.stack().sts_url,
            auth={"token": key} if key else None,
            transports=["websocket"],
            wait_timeout=_WAIT_S,
        )
        await client.emit("stream:init", _opening(stream_id))
        await heard(stream_id)
        for fragment in fragments:
            begun = time.monotonic()
            await client.emit("fragment:data", fragment)
            await heard(fragment["fragment_id"])
            took_ms.append((time.monotonic() - begun) * 1000)
        # What still waits is of no interest: opened again, the stream begins anew.
        await client.emit("stream:init", _opening(stream_id))
        await heard(stream_id)
    finally:
        await client.shutdown()
    return took_ms


def _growth_row(session: Session) -> Row:
    """Memory of all its processes, once settled and at the end of many fragments in a row."""
    stack, sounds = session.stack(), cut_speech(session.clip(_CLIP)).sounds
    stream_id = session.new_stream_name("bench")
    waiting: list[str] = []
    settled_mib = 0.0
    with _client(session) as client:
        _open(client, stream_id, session)
        for sequence in range(FRAGMENTS_IN_A_ROW):
            data = _fragment(stream_id, sequence, sounds[sequence % len(sounds)])
            client.send("fragment:data", data)
            waiting.append(data["fragment_id"])
            if len(waiting) == _AT_ONCE:
                _received(client, waiting.pop(0), session)
            if sequence == _SETTLED_AFTER:
                settled_mib = memory_mib(stack)
        for fragment_id in waiting:
            _received(client, fragment_id, session)
        growth_mib = memory_mib(stack) - settled_mib
        client.send("stream:end", {"stream_id": stream_id})
        client.wait_for("stream:complete", timeout_s=session.settings.timeout(_WAIT_S))
    what = f"growth of sts-service over {FRAGMENTS_IN_A_ROW} fragments of 6 s stereo"
    return Row(what, "MiB", None, GROWTH_MIB, max(0.0, growth_mib), f"from {settled_mib:.0f} MiB")


def _left_rows(session: Session) -> Iterable[Row]:
    """Open, flood and vanish, over and over; then wait until what was left had its time."""
    service = session.stack().sts_service
    connections = service.metric("sts_connections")
    for number in range(VANISHING):
        with _client(session) as client:
            stream_id = f"{session.new_stream_name('bench')}-{number}"
            client.send("stream:init", bad_data.opening(stream_id))
            client.wait_for("stream:ready", timeout_s=session.settings.timeout(_WAIT_S))
            for sequence in range(2 * _EACH):
                data = bad_data.fragment(stream_id) | {"sequence_number": sequence}
                client.send("fragment:data", data)
            client.vanish()
    left = _wait_until_nothing_is_left(service, connections, session)
    what = f"{VANISHING} connections that opened, flooded and vanished: left a minute later"
    yield Row(what, "", None, 0, sum(left.values()), str(left))


def _wait_until_nothing_is_left(
    service: StsServiceContainer, connections: float, session: Session
) -> dict[str, float]:
    def left() -> dict[str, float]:
        gauges = {name: service.metric(name) for name in _GAUGES}
        gauges["sts_connections"] = service.metric("sts_connections") - connections
        return {name: value for name, value in gauges.items() if value}

    try:
        wait_for(
            "nothing left of them",
            lambda: not left(),
            timeout_s=_SESSION_S + session.settings.timeout(15),
            interval_s=0.5,
        )
    except WaitTimeout:
        return left()
    return {}


def _client(session: Session) -> WireClient:
    return WireClient(session.stack().sts_url, api_key=session.settings.sts_api_key)


def _open(client: WireClient, stream_id: str, session: Session) -> None:
    client.send("stream:init", _opening(stream_id))
    client.wait_for("stream:ready", timeout_s=session.settings.timeout(_WAIT_S))


def _opening(stream_id: str) -> dict[str, Any]:
    config = StreamConfig(
        source_language="en",
        target_language="es",
        chunk_duration_ms=round(FRAGMENT_S * 1000),
        sample_rate_hz=RATE_HZ,
        channels=CHANNELS,
    )
    return StreamInit(stream_id=stream_id, worker_id="bench", config=config).wire()


def _fragment(stream_id: str, sequence: int, sound: Samples) -> dict[str, Any]:
    scaled = np.clip(np.rint(sound * 32768.0), -32768, 32767).astype("<i2")
    pcm = np.repeat(scaled, CHANNELS).tobytes()
    return FragmentData(
        fragment_id=uuid4(),
        stream_id=stream_id,
        sequence_number=sequence,
        timestamp=round(time.time() * 1000),
        audio=AudioPayload.from_pcm(pcm, sample_rate_hz=RATE_HZ, channels=CHANNELS),
    ).wire()


def _received(client: WireClient, fragment_id: str, session: Session) -> None:
    """Wait for a result, and say that it is there, as media-service does."""
    timeout_s = session.settings.timeout(_WAIT_S)
    client.wait_for("fragment:processed", timeout_s=timeout_s, fragment_id=fragment_id)
    ack = {"fragment_id": fragment_id, "status": "received", "timestamp": 0}
    client.send("fragment:ack", ack)
