"""The proxy in the middle of a link: TCP with latency, jitter, loss, a rate, or without a word.

It runs by itself in a container, so it takes nothing but the standard library:
``python3 link_program.py <port> <target host> <target port> <control port>``. On the control port
``GET /health`` tells the shape and what was carried, ``PUT /shape`` changes it at once.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
import threading
from dataclasses import asdict, dataclass, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHUNK_BYTES = 16_384
CHUNKS_ON_THE_WAY = 256
"""The reach of the link: what is more than this waits at the sender, as in a full TCP window."""
PACKET_BYTES = 1400
RESENT_AFTER_S = 0.2
"""What the loss of a packet costs at least: Linux sends again after 200 ms."""
CONNECT_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Shape:
    """What the link does to all it carries, in each direction.

    ``jitter_ms`` is added to or taken from ``latency_ms``, evenly; order is kept, as TCP keeps it.
    ``loss_percent`` of the packets of 1400 bytes are lost and sent again: what follows waits for
    them. ``rate_bytes_s``: 0 for no bound. ``silent``: nothing gets through, nobody is told.
    """

    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    rate_bytes_s: float = 0.0
    silent: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "silent" and not value >= 0:
                raise ValueError(f"{field.name} is {value}, and cannot be below zero")
        if self.loss_percent >= 100:
            raise ValueError("a link that loses everything is silent")

    def delay_s(self, size_bytes: int, dice: random.Random) -> float:
        """How long a piece of that size is on its way, this time."""
        jitter_ms = dice.uniform(-self.jitter_ms, self.jitter_ms)
        delay_s = max(0.0, self.latency_ms + jitter_ms) / 1000
        kept = (1 - self.loss_percent / 100) ** (1 + size_bytes // PACKET_BYTES)
        again_s = max(RESENT_AFTER_S, 2 * self.latency_ms / 1000)
        while dice.random() >= kept:
            delay_s += again_s
            again_s *= 2
            kept = 1 - self.loss_percent / 100
        return delay_s


class Link:
    """Carries every connection to the target, in the present shape; lives in one event loop."""

    def __init__(self, host: str, port: int, *, dice: random.Random | None = None) -> None:
        self.shape = Shape()
        self.connections = 0
        self.carried_bytes = 0
        self._target = (host, port)
        self._dice = dice or random.Random()  # noqa: S311 - weather, no secret
        self._speaking = asyncio.Event()
        self._speaking.set()

    def reshape(self, shape: Shape) -> None:
        """Take on another shape, for what is on its way as well where it is about silence."""
        self.shape = shape
        if shape.silent:
            self._speaking.clear()
        else:
            self._speaking.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until either side has ended it."""
        self.connections += 1
        ends = [writer]
        try:
            await self._speaking.wait()
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                far_reader, far_writer = await asyncio.open_connection(*self._target)
            ends.append(far_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, far_writer))
                both.create_task(self._pump(far_reader, writer))
        except* (OSError, TimeoutError):
            # One side has broken off, or is not there: so the other hears it, too.
            for end in ends:
                end.transport.abort()
        finally:
            self.connections -= 1
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(CHUNKS_ON_THE_WAY)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._depart(reader, way))
            ends.create_task(self._arrive(way, writer))

    async def _depart(
        self, reader: asyncio.StreamReader, way: asyncio.Queue[tuple[float, bytes]]
    ) -> None:
        now, due_at = asyncio.get_running_loop().time, 0.0
        while True:
            chunk = await reader.read(CHUNK_BYTES)
            due_at = max(due_at, now() + self.shape.delay_s(len(chunk), self._dice))
            await way.put((due_at, chunk))
            if not chunk:
                return

    async def _arrive(
        self, way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
    ) -> None:
        now = asyncio.get_running_loop().time
        while True:
            due_at, chunk = await way.get()
            await asyncio.sleep(max(0.0, due_at - now()))
            await self._speaking.wait()
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()
            self.carried_bytes += len(chunk)
            if self.shape.rate_bytes_s:
                await asyncio.sleep(len(chunk) / self.shape.rate_bytes_s)


class Control:
    """The link's HTTP API, in a thread of its own; a context manager."""

    def __init__(self, link: Link, loop: asyncio.AbstractEventLoop, port: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            timeout = 5.0

            def do_GET(self) -> None:
                self._say(200, {"status": "healthy"})

            def do_PUT(self) -> None:
                try:
                    length = int(self.headers.get("Content-Length") or 0)
                    shape = Shape(**json.loads(self.rfile.read(length)))
                except (TypeError, ValueError) as error:
                    self._say(400, {"error": str(error)})
                    return
                loop.call_soon_threadsafe(link.reshape, shape)
                self._say(200, asdict(shape))

            def log_message(self, *_: object) -> None:
                return

            def _say(self, status: int, document: dict[str, Any]) -> None:
                told = {
                    "shape": asdict(link.shape),
                    "connections": link.connections,
                    "carried_bytes": link.carried_bytes,
                }
                body = json.dumps(told | document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.port = self._server.server_address[1]

    def __enter__(self) -> Control:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


async def main(port: int, host: str, target_port: int, control_port: int) -> None:
    """Carry connections until SIGTERM."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    link = Link(host, target_port)
    server = await asyncio.start_server(link.carry, "", port)
    with Control(link, loop, control_port):
        await ended.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
