"""A TCP listener of one protocol: takes connections in, bounds them, logs and counts their ends."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from media_server.config import Address
from media_server.connection import Connection
from media_server.errors import Reason, Refused, SessionEnded
from media_server.log import LOGGER

MAX_CONNECTIONS = 256


class Session(Protocol):
    """One peer, served in the peer's protocol."""

    async def run(self) -> None:
        """Serve the peer to its end; raises ``SessionEnded``."""
        ...

    def end(self) -> None:
        """End the session because the server stops."""
        ...


class Listener:
    """Serves every connection to one address with a session of its own."""

    def __init__(
        self,
        protocol: str,
        session: Callable[[Connection], Session],
        refusals: Counter[Reason],
    ) -> None:
        self._protocol = protocol
        self._session = session
        self._refusals = refusals
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._server: asyncio.Server | None = None

    async def start(self, address: Address) -> Address:
        """Listen on ``address`` and return it with the port that was really taken.

        Raises:
            OSError: the port is taken or the address is none of this host's.
        """
        self._server = await asyncio.start_server(
            self._on_connection, address.host or None, address.port, reuse_address=True
        )
        bound = Address(address.host, self._server.sockets[0].getsockname()[1])
        LOGGER.info("[%s] listener opened on %s", self._protocol, bound)
        return bound

    async def stop(self) -> None:
        """Take in no more, end every session, wait until each has flushed and closed."""
        if self._server is None:
            return
        self._server.close()
        for session in self._sessions.values():
            session.end()
        await asyncio.gather(*self._sessions, return_exceptions=True)

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = Connection(self._protocol, reader, writer)
        connection.log("opened")
        try:
            connection.tune()
            await self._serve(self._session(connection))
        except Refused as refusal:
            self._refusals[refusal.reason] += 1
            connection.log(f"closed: {refusal}")
        except (SessionEnded, OSError) as end:
            connection.log(f"closed: {end}")
        except Exception:  # noqa: BLE001
            # The outermost edge of a session: a defect ends this one and no other.
            self._refusals[Reason.INTERNAL] += 1
            connection.log("closed: internal error", logging.ERROR)
            LOGGER.exception("session failed")
        finally:
            connection.close()

    async def _serve(self, session: Session) -> None:
        if len(self._sessions) >= MAX_CONNECTIONS:
            raise Refused(Reason.TOO_MANY_CONNECTIONS, "too many connections")
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine always runs in one
        self._sessions[task] = session
        try:
            await session.run()
        finally:
            del self._sessions[task]
