"""What lives as long as the behave run, and what lives as long as one scenario."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from environment.observer import Observer
from environment.production import ProductionStack
from environment.publisher import Publication
from environment.run import PipelineRun
from environment.settings import Settings


class Session:
    """One run of the suite: its settings, its lazily started stack, its evidence.

    behave's context holds it as ``context.session``.
    """

    settings: Settings
    run_id: str
    artifacts: Path

    def stack(self) -> ProductionStack:
        """Return the session's containers, healthy; started by the first who asks."""
        raise NotImplementedError

    def observer(self) -> Observer:
        """Return the watcher of the wire, connected; starts the stack if need be."""
        raise NotImplementedError

    def pipeline_run(self) -> PipelineRun:
        """Return the shared run of the 30 s clip, made by the first who asks.

        Its failure is shared as well: told in full once, named afterwards.
        """
        raise NotImplementedError

    def clip(self, name: str) -> Path:
        """Return a committed clip by the name the text uses. ``FileNotFoundError`` if missing."""
        raise NotImplementedError

    def new_stream_name(self, hint: str) -> str:
        """Return a stream name that nobody had in this run: ``<slug of hint>-<n>`` (FR-029)."""
        raise NotImplementedError

    def log_event(self, event: str, **fields: object) -> None:
        """Write a key event with its time to ``artifacts/<run>/run.log`` (FR-043)."""
        raise NotImplementedError

    def close(self) -> None:
        """Remove all that the session made. Safe to call twice."""
        raise NotImplementedError


class ScenarioRun:
    """One scenario: its streams, its evidence, its clean-up, and notes between its steps.

    behave's context holds it as ``context.run``. ``notes`` is for what one step leaves to the
    next; ``cleanup`` runs in reverse order after the scenario, whatever happened.
    """

    session: Session
    name: str
    artifacts: Path
    started_at: float
    cleanup: ExitStack
    notes: dict[str, Any]

    def stream_name(self, said: str = "test") -> str:
        """Return this scenario's own name for the stream that the text calls ``said``."""
        raise NotImplementedError

    def path(self, said: str) -> str:
        """Turn the text's path (``live/test/in``) into this scenario's (``live/<name>/in``)."""
        raise NotImplementedError

    def url(self, said: str) -> str:
        """Turn a URL of the text into this run's: stream name and host port both resolved."""
        raise NotImplementedError

    def publish(self, clip: Path, said: str, *, realtime: bool = True) -> Publication:
        """Publish at the scenario's own path for ``said``; ended with the scenario."""
        raise NotImplementedError

    def evidence(self, name: str, content: str | bytes) -> Path:
        """Keep something to look at when the scenario fails; return where it lies."""
        raise NotImplementedError

    def on_failure(self, collect: Callable[[], None]) -> None:
        """Have ``collect`` called when the scenario failed, before its clean-up."""
        raise NotImplementedError
