"""A stream's session with STS: asked for, open with so much room, taken up again, or refused."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from media_service.report import StsReport, StsState
from services.contracts import ErrorEvent, StreamConfig, StreamInit, StreamReady, WireModel

READY_TIMEOUT_S = 5.0
REOPEN_S = 0.5
"""An STS that forgets the stream each time is not asked without a pause."""


class Emitter(Protocol):
    """What carries the request."""

    async def emit(self, event: str, payload: WireModel) -> bool: ...  # noqa: D102


class StsSession:
    """``room`` is how many fragments may be in flight, None while the session is not open.

    ``refusal`` is why it never will be. ``report`` is kept up to date.
    """

    def __init__(
        self,
        stream_id: str,
        config: StreamConfig,
        emitter: Emitter,
        report: StsReport,
        *,
        next_sequence: int,
    ) -> None:
        self.room: int | None = None
        self.refusal: ErrorEvent | None = None
        self._stream_id = stream_id
        self._config = config
        self._emitter = emitter
        self._report = report
        self._session_id: str | None = None
        self._asked_at = 0.0
        self._asked_number = next_sequence
        self._opening_since: float | None = None
        self._was_open = False
        self._ending = False
        self._under_way: set[int] = set()
        self._next_number = next_sequence

    def enter(self, number: int) -> None:
        """Take note that a fragment is under way: a session that is opened has to expect it."""
        self._under_way.add(number)

    def leave(self, number: int) -> None:
        """Take note that a fragment is done with."""
        self._under_way.discard(number)
        self._next_number = max(self._next_number, number + 1)

    def is_overdue(self, patience_s: float) -> bool:
        """Whether it was open before, and is not again ``patience_s`` after it was asked for."""
        since = self._opening_since
        return self._was_open and since is not None and time.monotonic() >= since + patience_s

    async def open(self) -> None:
        """Ask for the session, or to take it up again, unless it is ending."""
        if self._ending:
            return
        self.room = None
        self._asked_at = time.monotonic()
        self._asked_number = self._expected_number
        if self._opening_since is None:
            self._opening_since = self._asked_at
        self.tell("opening")
        await self._emitter.emit(
            "stream:init",
            StreamInit(
                stream_id=self._stream_id,
                worker_id=f"media-service/{self._stream_id}",
                config=self._config,
                session_id=self._session_id,
                next_sequence=self._asked_number,
            ),
        )

    async def open_if_unanswered(self) -> None:
        """Ask once more, where the last asking got no answer in its time."""
        if self.room is None and time.monotonic() >= self._asked_at + READY_TIMEOUT_S:
            await self.open()

    async def open_if_outdated(self, ready: StreamReady) -> bool:
        """Open it once more where it would wait for fragments that went out without it."""
        if ready.resumed or self._expected_number <= self._asked_number:
            return False
        self._session_id = None
        await self.open()
        return True

    async def open_anew(self) -> None:
        """Open it once more, as another one: STS has forgotten it."""
        if self.room is None:
            # It is being opened already.
            return
        self._session_id = None
        self.room = None
        asked_at = self._asked_at
        await asyncio.sleep(max(0.0, asked_at + REOPEN_S - time.monotonic()))
        if self._asked_at == asked_at:
            await self.open()

    def end(self) -> None:
        """Ask for it no more."""
        self._ending = True

    def suspend(self) -> None:
        """Take note that the connection is lost, and may be back in a moment."""
        self.room = None
        self._opening_since = None
        self.tell("opening")

    def take_ready(self, ready: StreamReady) -> None:
        """Take note of which session it is; there is no room before ``admit``."""
        self._session_id = self._report.session_id = ready.session_id
        self.refusal = None
        if ready.resumed:
            self._report.resumed += 1

    def admit(self, room: int) -> None:
        """Let fragments go: what STS was owed has been sent again."""
        self.room = room
        self._opening_since = None
        self._was_open = True
        self.tell("ready")

    def take_error(self, error: ErrorEvent) -> None:
        """Take note that it is over, or was not opened: asked again where that may help."""
        self.room = None
        self.refusal = None if error.retryable else error
        self.tell("opening" if error.retryable else "refused")

    @property
    def _expected_number(self) -> int:
        return min(self._under_way, default=self._next_number)

    def tell(self, state: StsState) -> None:
        """Have the report say so."""
        self._report.state = state
