"""A stream in a storm: faults carried out in order, while its publisher comes back each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import requests

from environment.errors import HarnessError
from environment.faults.chaos import Strike
from environment.runs.bad_data import cut_clip
from environment.runs.live_stream import LiveStream
from environment.runs.publisher import Publication
from environment.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from environment.scenario import ScenarioRun

_TICK_S: Final = 0.2
_ASIDE_S: Final = 2.0
"""A publication that comes back skips that much of the clip: no picture is sent twice."""
_OVERDUE_S: Final = 240.0
_WELL_WITHIN_S: Final = 60.0


@dataclass
class Blow:
    """One strike as it was carried out, in Unix seconds: from when, and until all was well.

    ``exit_code`` is what a container ended with that was told to stop; None for other strikes.
    """

    strike: Strike
    began_at: float
    undone_at: float = 0.0
    well_at: float = 0.0
    exit_code: int | None = None


@dataclass
class Storm:
    """The clip on the air until every strike is over; ``blows`` are what was done.

    ``published_at`` is when each publication of the path was started. All faults are the
    scenario's: what is not undone here is undone with it.
    """

    run: ScenarioRun
    clip: Path
    said: str
    folder: Path
    blows: list[Blow] = field(default_factory=list)
    published_at: list[float] = field(default_factory=list)

    def begin(self) -> LiveStream:
        """Publish the clip's beginning, and follow it."""
        first = self._publish(0.0)
        self.stream = self.run.cleanup.enter_context(LiveStream(self.run.session, first))
        return self.stream

    @property
    def publication(self) -> Publication:
        """The publication that is on the air, or was the last to be."""
        return self.stream.publication

    def rage(
        self,
        strikes: Sequence[Strike],
        faults: Mapping[str, Callable[[], AbstractContextManager[object]]],
    ) -> None:
        """Carry the strikes out, each at its time; return when all is well after the last.

        Raises ``WaitTimeout`` where something does not come back.
        """
        began_at = time.monotonic()
        for strike in strikes:
            self._carry_out(strike, faults[strike.kind.name](), due_at=began_at + strike.at_s)

    def calm(self, until: Callable[[], bool], what: str) -> None:
        """Keep the clip on the air until that is so."""
        self._until(until, what)

    def _carry_out(
        self, strike: Strike, fault: AbstractContextManager[object], *, due_at: float
    ) -> None:
        self._until(lambda: time.monotonic() >= due_at, f"the time of {strike}")
        blow = Blow(strike, time.time())
        self.blows.append(blow)
        gave = self.run.faults.inflict(strike.kind.name, fault)
        blow.exit_code = gave if isinstance(gave, int) else None
        over_at = time.monotonic() + strike.lasts_s
        self._until(
            lambda: time.monotonic() >= over_at,
            f"the end of {strike}",
            # Nobody publishes while the publisher is what is struck.
            publishing=strike.kind.victim != "source",
        )
        self.run.faults.undo(strike.kind.name)
        blow.undone_at = time.time()
        self._until(self._well, f"all to be well after {strike}", within_s=_WELL_WITHIN_S)
        blow.well_at = time.time()

    def _until(
        self,
        condition: Callable[[], bool],
        what: str,
        *,
        within_s: float = _OVERDUE_S,
        publishing: bool = True,
    ) -> None:
        def probe() -> bool:
            if publishing:
                self._tend()
            return condition()

        timeout_s = self.run.session.settings.timeout(within_s)
        wait_for(what, probe, timeout_s=timeout_s, interval_s=_TICK_S)

    def _well(self) -> bool:
        stack = self.run.session.stack()
        return (
            all(container.is_answering() for container in stack.containers.values())
            and stack.media_service.is_answering("/ready")
            and self.publication.running
        )

    def _tend(self) -> None:
        """Put the clip on the air again, where it stood, if its publisher has gone."""
        server = self.run.session.stack().media_server
        if self.publication.running or not server.is_answering():
            return
        try:
            self.stream.publication = self._publish(time.time() - self.published_at[0] + _ASIDE_S)
        except (HarnessError, requests.RequestException) as error:
            self.run.session.log_event("publish_failed", error=str(error).splitlines()[0])

    def _publish(self, start_s: float) -> Publication:
        part = self.folder / f"from-{len(self.published_at)}.mp4"
        cut_clip(self.clip, 300.0, part, start_s=start_s)
        publication = self.run.publish(part, self.said)
        self.published_at.append(publication.started_at)
        return publication
