"""A way between client and STS that can break: cut with a bang, or silent like a pulled plug."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_CHUNK_BYTES = 16 << 10


class Link:
    """Listens on ``port`` and passes every connection on to ``target_port`` of this host."""

    def __init__(self, target_port: int) -> None:
        self.port = 0
        self.connections = 0
        self.cut_after_bytes: int | None = None
        self._target_port = target_port
        self._open = asyncio.Event()
        self._open.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=_CHUNK_BYTES
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Take no connection any more, and cut those there are."""
        if self._server is not None:
            self._server.close()
        self.cut()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def cut(self) -> None:
        """Break all connections, both sides at once; the next one is passed on again."""
        for writer in self._writers:
            writer.transport.abort()
        for pump in self._pumps:
            pump.cancel()

    def freeze(self) -> None:
        """Pass nothing on, and say nothing of it, on connections old and new."""
        self._open.clear()

    def thaw(self) -> None:
        self._open.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        await self._open.wait()
        try:
            far_reader, far_writer = await asyncio.open_connection(
                "127.0.0.1", self._target_port, limit=_CHUNK_BYTES
            )
        except OSError:
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(_CHUNK_BYTES):
                await self._open.wait()
                sink.write(data)
                await sink.drain()
                self._count(len(data))
        sink.close()
        self._writers.discard(sink)

    def _count(self, passed_bytes: int) -> None:
        if self.cut_after_bytes is None:
            return
        self.cut_after_bytes -= passed_bytes
        if self.cut_after_bytes <= 0:
            self.cut_after_bytes = None
            self.cut()
