"""Watching the wire: every Socket.IO event that sts-service received or sent, kept in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from services.contracts import ObservedEvent

Sender = Literal["media", "sts"]


@dataclass(frozen=True)
class Observation:
    """One event of the wire; ``violation`` says how its payload breaks the contract, if it does.

    ``received_at``: Unix seconds at which the harness got it (``event.timestamp``, Unix
    milliseconds, is when sts-service had it).
    """

    received_at: float
    event: ObservedEvent
    violation: str | None = None


class Observer:
    """A background client of sts-service's ``/observe``; thread-safe, bounded, reconnecting."""

    def __init__(self, url: str) -> None:
        self.url = url

    def start(self, timeout_s: float = 10.0) -> None:
        """Connect; returns once events will be seen. Raises ``WaitTimeout``."""
        raise NotImplementedError

    def close(self) -> None:
        """Disconnect and end the background thread."""
        raise NotImplementedError

    @property
    def connected(self) -> bool:
        """Whether events are being seen right now."""
        raise NotImplementedError

    @property
    def dropped(self) -> int:
        """How many of the oldest events were let go because the bound was reached."""
        raise NotImplementedError

    def events(
        self,
        stream_id: str | None = None,
        event: str | None = None,
        sender: Sender | None = None,
        *,
        since: float = 0.0,
    ) -> list[Observation]:
        """Return the events seen so far that match, oldest first."""
        raise NotImplementedError

    def wait_for_event(
        self,
        stream_id: str | None,
        event: str,
        *,
        sender: Sender | None = None,
        count: int = 1,
        timeout_s: float,
        alive: Callable[[], None] | None = None,
    ) -> list[Observation]:
        """Wait until ``count`` such events have been seen; return them all. ``WaitTimeout``."""
        raise NotImplementedError

    def violations(self, stream_id: str | None = None) -> list[str]:
        """Say of each event that breaks the contract which it is, and how it breaks it."""
        raise NotImplementedError
