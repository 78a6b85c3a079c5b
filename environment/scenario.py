"""What lives as long as one scenario: its streams, its evidence, its clean-up, its notes."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from environment.errors import HarnessError, WaitTimeout
from environment.evidence.artifacts import (
    gather,
    remove_folder,
    save_container_logs,
    slug,
    write_events,
)
from environment.faults.ledger import Faults
from environment.proofs.container_proofs import prove_none_ended_by_itself
from environment.proofs.contract_proofs import prove_wire_kept
from environment.runs.media_urls import Protocol
from environment.runs.publisher import Publication, publish
from environment.runs.recorder import fetch_recording, is_recorded

if TYPE_CHECKING:
    from environment.session import Session

_SAID_PATH: Final = re.compile(r"live/(?P<name>[^/\s]+)/(?P<end>in|out)\b")
_DRAIN_TIMEOUT_S: Final = 10.0


class ScenarioRun:
    """One scenario: its streams, its evidence, its clean-up, and notes between its steps.

    behave's context holds it as ``context.run``. ``notes`` is for what one step leaves to the
    next; ``cleanup`` runs in reverse order after the scenario, whatever happened. ``faults`` are
    what the scenario has broken, undone with it.
    """

    def __init__(self, session: Session, name: str, folder: Path) -> None:
        self.session = session
        self.name = name
        self.artifacts = folder
        self.started_at = time.time()
        self.cleanup = ExitStack()
        self.notes: dict[str, Any] = {}
        self.warnings: list[str] = []
        self.faults = Faults(self.cleanup, on_event=session.log_event)
        self.pipeline_folder: Path | None = None
        self._streams: dict[str, str] = {}
        self._collectors: list[Callable[[], object]] = []
        self._open = True

    @property
    def streams(self) -> tuple[str, ...]:
        """The names of the streams that this scenario asked for."""
        return tuple(self._streams.values())

    def stream_name(self, said: str = "test") -> str:
        """Return this scenario's own name for the stream that the text calls ``said`` (FR-029)."""
        if said not in self._streams:
            self._streams[said] = self.session.new_stream_name(self.name)
        return self._streams[said]

    def path(self, said: str) -> str:
        """Turn the text's path (``live/test/in``) into this scenario's (``live/<name>/in``).

        Raises ``ValueError`` for what is no such path.
        """
        match = _SAID_PATH.fullmatch(said.strip("/"))
        if match is None:
            raise ValueError(f"{said!r} is not a path like live/<name>/in or live/<name>/out")
        return f"live/{self.stream_name(match['name'])}/{match['end']}"

    def url(self, said: str) -> str:
        """Turn a URL of the text into this run's: stream name and host port both resolved."""
        named = _SAID_PATH.sub(lambda match: self.path(match[0]), said)
        return self.session.stack().resolve(named)

    def publish(
        self,
        clip: Path,
        said: str,
        *,
        protocol: Protocol | None = None,
        realtime: bool = True,
    ) -> Publication:
        """Publish at the scenario's own path for ``said``; ended with the scenario (FR-028)."""
        path = self.path(said)
        publication = publish(
            self.session.stack(),
            clip,
            path,
            protocol=protocol,
            realtime=realtime,
            on_event=self.session.log_event,
        )
        self.cleanup.callback(publication.stop)
        self.on_failure(
            lambda: self.evidence(f"ffmpeg-{path.replace('/', '-')}.log", publication.log)
        )
        return publication

    def evidence(self, name: str, content: str | bytes) -> Path:
        """Keep something to look at when the scenario fails; return where it lies."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        path = self.artifacts / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def warn(self, what: str) -> None:
        """Say something that is no failure and must not go unseen: in run.log and the summary."""
        self.warnings.append(what)
        self.session.log_event("warning", scenario=self.name, what=what)

    def on_failure(self, collect: Callable[[], object]) -> None:
        """Have ``collect`` called when the scenario failed, before its clean-up."""
        self._collectors.append(collect)

    def finish(self, *, failed: bool) -> Path | None:
        """End the scenario: evidence, clean-up, heal; return where evidence was left, if it was.

        Evidence is kept of a failed scenario and, with E2E_KEEP, of every one (FR-022, FR-042).
        Each of the three is done whatever becomes of the ones before it. Raises what one of them
        raised, the last if several did. Safe to call twice.
        """
        if not self._open:
            return None
        self._open = False
        keep = failed or self.session.settings.e2e_keep
        missing: list[str] = []
        with ExitStack() as still_to_do:  # from the last to the first
            still_to_do.push(partial(self._leave_evidence, keep, missing))
            still_to_do.callback(self.session.heal)
            if not failed:
                still_to_do.callback(self._prove_wire_kept)
                still_to_do.callback(self._prove_none_ended)
            if keep:
                still_to_do.callback(self._collect_recordings, missing)
            still_to_do.callback(self.cleanup.close)
            if keep:
                self._collect(missing)
        return self.artifacts if keep and self.artifacts.exists() else None

    def _collect(self, missing: list[str]) -> None:
        for collect in self._collectors:
            missing += gather("a step's evidence", collect)
        stack = self.session.running_stack
        if stack is not None:
            missing += save_container_logs(stack, self.artifacts, since=self.started_at)
            missing += gather("events", self._write_events)

    def _write_events(self) -> None:
        observer = self.session.running_observer
        if observer is None:
            raise HarnessError("The observer was not connected.")
        write_events(self.artifacts / "events.jsonl", observer.events(since=self.started_at))

    def _prove_wire_kept(self) -> None:
        observer = self.session.running_observer
        if observer is not None:
            prove_wire_kept(observer.events(since=self.started_at), self.artifacts)

    def _prove_none_ended(self) -> None:
        stack = self.session.running_stack
        if stack is not None:
            prove_none_ended_by_itself(stack, self.artifacts)

    def _leave_evidence(self, keep: bool, missing: list[str], *error: object) -> None:
        if not keep and error[0] is None:
            remove_folder(self.artifacts)
            return
        if not keep:
            # It has failed only now: as much of the evidence as there still is.
            self._collect(missing)
        self._link_shared_run()
        if missing:
            self.evidence("missing.txt", "\n".join(missing) + "\n")

    def _collect_recordings(self, missing: list[str]) -> None:
        if self.session.running_stack is None:
            return
        for stream, end in itertools.product(self.streams, ("in", "out")):
            path = f"live/{stream}/{end}"
            missing += gather(f"recording of {path}", partial(self._recording, path))

    def _recording(self, path: str) -> Path | None:
        stack, target = self.session.stack(), self.artifacts / slug(path, 100)
        if not is_recorded(stack, path):
            return None
        if not self.session.interrupted:
            timeout_s = self.session.settings.timeout(_DRAIN_TIMEOUT_S)
            with contextlib.suppress(WaitTimeout):
                return fetch_recording(stack, path, target, timeout_s=timeout_s)
        # Half a recording is better evidence than none.
        return fetch_recording(stack, path, target, complete=False, timeout_s=1.0)

    def _link_shared_run(self) -> None:
        if self.pipeline_folder is None or not self.pipeline_folder.exists():
            return
        self.artifacts.mkdir(parents=True, exist_ok=True)
        link = self.artifacts / "shared-run"
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(self.pipeline_folder, self.artifacts))
