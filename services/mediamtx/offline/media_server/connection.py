"""One TCP connection of any protocol: bounded output, deadlines, and how it ends."""

import asyncio
import logging
import socket
import uuid

from media_server.errors import Reason, Refused, SessionEnded
from media_server.log import LOGGER

MAX_BACKLOG_BYTES = 8 << 20
"""Unsent output at which a peer counts as too slow: some 20 s of a 3 Mbit/s stream."""

_READ_BYTES = 65536
_FLUSH_GRACE_S = 0.4


class Connection:
    """A peer's byte stream; writing never waits, reading has a deadline."""

    def __init__(
        self, protocol: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.id = str(uuid.uuid4())
        self.received_bytes = 0
        self._reader = reader
        self._transport = writer.transport
        self._ending: SessionEnded | None = None
        self._flush_deadline: asyncio.TimerHandle | None = None
        peer = writer.get_extra_info("peername") or ("unknown", 0)
        host = f"[{peer[0]}]" if ":" in peer[0] else peer[0]
        self._label = f"[{protocol}] [conn {host}:{peer[1]}]"
        self._socket: socket.socket = writer.get_extra_info("socket")

    def tune(self) -> None:
        """Set the socket's options; ``OSError`` when the peer has gone already."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Finds out about a peer that vanished without a word, as a silent reader may.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def log(self, message: str, level: int = logging.INFO) -> None:
        """Log a line that names the peer."""
        LOGGER.log(level, "%s %s", self._label, message)

    async def receive(self, deadline_s: float | None) -> bytes:
        """Return what has arrived, empty at the peer's end.

        Waits until the loop's time is ``deadline_s``; None waits for ever.

        Raises:
            Refused: nothing came in time.
            SessionEnded: this side has ended the connection.
            ConnectionError: the connection broke.
        """
        try:
            async with asyncio.timeout_at(deadline_s):
                received = await self._reader.read(_READ_BYTES)
        except TimeoutError:
            raise self._ending or Refused(Reason.TIMEOUT, "i/o timeout") from None
        if self._ending is not None:
            raise self._ending
        self.received_bytes += len(received)
        return received

    def send(self, data: bytes) -> None:
        """Queue ``data``; a peer that takes too little is cut off."""
        if self._transport.is_closing():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_BACKLOG_BYTES:
            self._ending = Refused(Reason.SLOW_READER, "reader is too slow")
            self._transport.abort()

    def end(self, why: SessionEnded) -> None:
        """Flush what is queued, then close; ``receive`` raises ``why`` from now on."""
        if self._ending is None:
            self._ending = why
        self.close()

    def close(self) -> None:
        """Close once what is queued has gone out, which a dead peer gets a moment for."""
        if self._flush_deadline is None:
            self._transport.close()
            loop = asyncio.get_running_loop()
            self._flush_deadline = loop.call_later(_FLUSH_GRACE_S, self._transport.abort)
