"""Several recorded runs at once: clips published side by side, each with an outcome of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from environment.errors import HarnessError
from environment.evidence.artifacts import without_audio
from environment.runs.observations import Observation
from environment.runs.pipeline import RUN_TIMEOUT_S, Attempt
from environment.runs.run import PipelineFailed, PipelineRun
from environment.shared import Shared
from fixtures.recipes import group_of
from fixtures.sidecar import read_sidecar

if TYPE_CHECKING:
    from environment.session import Session

Outcome = PipelineRun | PipelineFailed

AT_ONCE: Final = 4
"""More streams at once would measure the machine rather than the system."""
START_TIMEOUT_S: Final = 10.0
"""How long the one before it is waited for, which should be taken up by then."""


class SideBySide:
    """The runs of the clips that are built on demand, made group by group.

    The first who asks for a clip has all of its group published; what became of each is kept for
    the session.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._groups: dict[tuple[str, ...], Shared[dict[str, Outcome]]] = {}

    def outcome(self, name: str) -> Outcome:
        """Return what became of the clip of that recipe; KeyError where there is none.

        Raises what kept the whole group from being tried; what went wrong with this clip alone is
        returned.
        """
        names = tuple(recipe.name for recipe in group_of(name))
        if names not in self._groups:
            self._groups[names] = Shared(
                f"Publishing {', '.join(names)} side by side",
                lambda: self._make(names),
                self._asker,
            )
        return self._groups[names].get()[name]

    def _make(self, names: Sequence[str]) -> dict[str, Outcome]:
        clips = [self._session.clip(f"{name}.mp4") for name in names]
        return dict(zip(names, run_side_by_side(self._session, clips), strict=True))

    def _asker(self) -> str:
        scenario = self._session.scenario
        return f"the scenario “{scenario.name}”" if scenario else "this session"


def run_side_by_side(session: Session, clips: Sequence[Path]) -> list[Outcome]:
    """Publish up to ``AT_ONCE`` described clips, record each; return what became of them, in order.

    Each is published as soon as the one before it is taken up, and then they go on together. Their
    counters and bytes are the system's as a whole; nothing is probed while it is live. The events
    of a run are without their sound, which its fragments have.
    """
    if len(clips) > AT_ONCE:
        raise ValueError(f"{len(clips)} clips at once; {AT_ONCE} are the most")
    session.stack().media_service.wait_idle()
    called_off = threading.Event()
    attempts = [
        Attempt(
            session,
            clip,
            session.new_stream_name(clip.stem),
            timeout_s=RUN_TIMEOUT_S + read_sidecar(clip).duration_s,
            probe_live=False,
            called_off=called_off,
        )
        for clip in clips
    ]
    with ThreadPoolExecutor(len(attempts), thread_name_prefix="clip") as pool:
        tried = [
            pool.submit(_try, attempt, attempts[place - 1] if place else None)
            for place, attempt in enumerate(attempts)
        ]
        try:
            return [future.result() for future in tried]
        except BaseException:
            called_off.set()
            raise


def _try(attempt: Attempt, before: Attempt | None) -> Outcome:
    if before is not None:
        # Late or not: what became of it is its own matter.
        before.under_way.wait(attempt.settings.timeout(START_TIMEOUT_S))
    try:
        run = attempt.record()
    except PipelineFailed as failed:
        return failed
    attempt.observer.forget(run.stream_id)
    return replace(run, events=tuple(map(_without_sound, run.events)))


def _without_sound(seen: Observation) -> Observation:
    event = seen.event.model_copy(update={"payload": without_audio(seen.event.payload)})
    return replace(seen, event=event)


def expect_run(outcome: Outcome) -> PipelineRun:
    """Return the run; raises the failure if that is what it came to."""
    if isinstance(outcome, HarnessError):
        raise outcome
    return outcome
