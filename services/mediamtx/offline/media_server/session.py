"""What sessions of every protocol have in common: a name, a deadline, and a path to give up."""

import asyncio
from abc import ABC, abstractmethod
from typing import cast

from media_server.config import Config
from media_server.connection import Connection
from media_server.errors import Reason, Refused, SessionEnded
from media_server.paths import PathTable, Publication, Reader

ESTABLISH_S = 10.0
"""How long a peer may take from connecting to publishing or playing."""
EOF = "EOF"


class PathSession(ABC):
    """One peer that publishes to a path or plays it: ``publishing`` or ``source``, or neither yet.

    Its protocol takes in bytes (``_take``) and knows whether they broke off within a message.
    """

    def __init__(self, connection: Connection, config: Config, paths: PathTable) -> None:
        self._connection = connection
        self._config = config
        self._paths = paths
        self._publishing: Publication | None = None
        self._source: Publication | None = None

    @property
    def id(self) -> str:
        """The id under which the Control API names this session."""
        return self._connection.id

    async def run(self) -> None:
        """Serve the peer to its end.

        Raises:
            SessionEnded: always; its text is what the log says of the end.
            ConnectionError: the connection broke.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + min(ESTABLISH_S, self._config.read_timeout_s)
        try:
            received = await self._greet(deadline_s)
            while True:
                if self._take(received) and self._is_sending:
                    deadline_s = loop.time() + self._config.read_timeout_s
                # A player has nothing to say: it may be silent for ever.
                received = await self._connection.receive(None if self._is_playing else deadline_s)
                if not received:
                    raise self._end_of_input()
        finally:
            self.leave_path()

    def leave_path(self) -> None:
        """Give up the path that is published or played, if any."""
        if self._publishing is not None:
            self._paths.unpublish(self._publishing)
            self._publishing = None
        if self._source is not None:
            # Only what implements Reader ever has a source.
            self._source.detach(cast("Reader", self))
            self._source = None

    def end(self) -> None:
        """End the session because the server stops."""
        self._connection.end(SessionEnded("terminated"))

    def on_taken_over(self) -> None:
        """Give way to another publisher of the same path."""
        self._publishing = None
        self._connection.end(SessionEnded("terminated: another publisher took the path over"))

    def on_end(self) -> None:
        """End the session because the publisher of its path is gone."""
        self._source = None
        self._connection.end(SessionEnded("terminated: the publisher is gone"))

    async def _greet(self, deadline_s: float) -> bytes:  # noqa: ARG002 - not every protocol greets
        """Speak what comes before any message; return what was received behind it."""
        return b""

    @abstractmethod
    def _take(self, received: bytes) -> int:
        """Act on the messages that are complete with these bytes; return how many those were.

        Raises:
            SessionEnded: one ends the session, or cannot be accepted.
        """

    @property
    @abstractmethod
    def _mid_message(self) -> bool:
        """Whether the rest of a message is still to come."""

    @property
    def _is_sending(self) -> bool:
        """Whether media is to be expected of the peer."""
        return self._publishing is not None

    @property
    def _is_playing(self) -> bool:
        """Whether the peer is sent media."""
        return self._source is not None

    def _end_of_input(self) -> SessionEnded:
        if self._mid_message:
            return Refused(Reason.TRUNCATED, "EOF in the middle of a message")
        return SessionEnded(EOF)
