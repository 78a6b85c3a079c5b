"""A small stand-in for sts-service's own namespace, so that a client has somebody to talk to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import socketio
from aiohttp import web

Payload = dict[str, Any]
Answer = Callable[[Payload], list[tuple[str, Payload]]]


class SpeechService:
    """Answers each event with those that `answers` returns for it. A context manager."""

    def __init__(self, answers: dict[str, Answer]) -> None:
        self._sio = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=2**24)
        for event, answer in answers.items():
            self._sio.on(event, self._handler(answer))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._runner: web.AppRunner | None = None
        self.url = ""

    def __enter__(self) -> SpeechService:
        self._thread.start()
        self._run(self._serve())
        return self

    def __exit__(self, *_error: object) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _handler(self, answer: Answer) -> Callable[[str, Payload], Any]:
        async def handle(sid: str, payload: Payload) -> None:
            for event, said in answer(payload):
                await self._sio.emit(event, said, to=sid)

        return handle

    def _run(self, doing: Any) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(5)

    async def _serve(self) -> None:
        app = web.Application()
        self._sio.attach(app)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _end(self) -> None:
        await self._sio.shutdown()
        if self._runner is not None:
            await self._runner.cleanup()
