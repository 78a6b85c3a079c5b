"""An STS in this process: a real Socket.IO server whose answers the test decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
from aiohttp import web

from services.contracts import parse_event

Answer = Callable[["FakeSts", str, dict[str, Any]], Awaitable[None]]


async def succeed(sts: FakeSts, connection: str, fragment: dict[str, Any]) -> None:
    """Acknowledge, and answer with the fragment's own audio."""
    await sts.acknowledge(connection, fragment)
    await sts.process(connection, fragment)


class FakeSts:
    """``received`` holds every (event, payload) in order; all are held against the contract.

    As long as it is not ``loaded`` it does not say that a stream is ready; ``remembers`` says
    whether it has the session that it is asked for.
    """

    def __init__(self) -> None:
        self.received: list[tuple[str, dict[str, Any]]] = []
        self.changed = asyncio.Condition()
        self.answer: Answer = succeed
        self.max_inflight = 3
        self.refuse_init: dict[str, Any] | None = None
        self.token: str | None = None
        self.refused = 0
        self.completes = True
        self.loaded = asyncio.Event()
        self.loaded.set()
        self.remembers = True
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._socket: socketio.AsyncServer | None = None

    async def start(self) -> None:
        self._socket = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=16 << 20)
        self._socket.on("connect", self._connect)
        self._socket.on("*", self._take)
        application = web.Application()
        self._socket.attach(application)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._socket is not None and self._runner is not None:
            await self._socket.shutdown()
            await self._runner.cleanup()
            self._socket = self._runner = None

    async def emit(self, connection: str, event: str, **payload: Any) -> None:
        if self._socket is not None:
            await self._socket.emit(event, payload, to=connection)

    async def acknowledge(
        self, connection: str, fragment: dict[str, Any], *, status: str = "queued"
    ) -> None:
        await self.emit(
            connection,
            "fragment:ack",
            fragment_id=fragment["fragment_id"],
            status=status,
            timestamp=round(1000 * time.time()),
        )

    async def process(self, connection: str, fragment: dict[str, Any], **changes: Any) -> None:
        payload: dict[str, Any] = {
            "fragment_id": fragment["fragment_id"],
            "stream_id": fragment["stream_id"],
            "sequence_number": fragment["sequence_number"],
            "status": "success",
            "dubbed_audio": fragment["audio"],
            "transcript": "one",
            "translated_text": "uno",
            "processing_time_ms": 5,
            **changes,
        }
        await self.emit(connection, "fragment:processed", **payload)

    async def wait_for(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Return the payloads of an event once there are ``count`` of them."""
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(lambda: len(self.of(event)) >= count)
        return self.of(event)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [payload for name, payload in self.received if name == event]

    async def _connect(
        self, _: str, __: dict[str, Any], auth: dict[str, str] | None = None
    ) -> bool:
        welcome = self.token is None or (auth or {}).get("token") == self.token
        self.refused += not welcome
        return welcome

    async def _take(self, event: str, connection: str, payload: dict[str, Any]) -> None:
        parse_event("media", event, payload)
        async with self.changed:
            self.received.append((event, payload))
            self.changed.notify_all()
        if event == "stream:init":
            await self._init(connection, payload)
        elif event == "fragment:data":
            await self.answer(self, connection, payload)
        elif event == "stream:end" and self.completes:
            await self._end(connection, payload)

    async def _init(self, connection: str, payload: dict[str, Any]) -> None:
        await self.loaded.wait()
        if self.refuse_init is not None:
            await self.emit(connection, "error", stream_id=payload["stream_id"], **self.refuse_init)
            return
        await self.emit(
            connection,
            "stream:ready",
            stream_id=payload["stream_id"],
            session_id="session",
            resumed=self.remembers and "session_id" in payload,
            next_sequence=payload["next_sequence"],
            max_inflight=self.max_inflight,
            capabilities={
                "profile": "fake",
                "asr": "fake",
                "translation": "fake",
                "tts": "fake",
                "source_languages": ["en"],
                "target_languages": ["es"],
            },
        )

    async def _end(self, connection: str, payload: dict[str, Any]) -> None:
        await self.emit(
            connection,
            "stream:complete",
            stream_id=payload["stream_id"],
            total_fragments=1,
            total_duration_ms=1000,
            statistics={
                "success_count": 1,
                "partial_count": 0,
                "failed_count": 0,
                "avg_processing_time_ms": 5.0,
                "p95_processing_time_ms": 5.0,
            },
        )
