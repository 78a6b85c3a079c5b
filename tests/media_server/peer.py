"""A TCP connection to the server that a test speaks a protocol on."""

import asyncio
from types import TracebackType
from typing import Self

from media_server.config import Address

DEADLINE_S = 5.0


class Peer:
    """One connection; ``async with`` closes it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            self.address.host, self.address.port
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()

    def send_raw(self, data: bytes) -> None:
        self._writer.write(data)

    def end_output(self) -> None:
        self._writer.write_eof()

    async def drain(self) -> None:
        async with asyncio.timeout(DEADLINE_S):
            await self._writer.drain()

    async def ended(self) -> bytes:
        """Wait for the server's end; return what it said before."""
        async with asyncio.timeout(DEADLINE_S):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""
