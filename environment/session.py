"""What lives as long as a run of the suite: settings, stack, observer, shared run, evidence."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import requests

from environment.console import Progress
from environment.errors import HarnessError
from environment.evidence.artifacts import RunArtifacts, gather, save_container_logs, slug
from environment.runs.observer import Observer
from environment.runs.pipeline import run_pipeline
from environment.runs.program import end_all
from environment.runs.publisher import require_clip
from environment.runs.run import PipelineRun
from environment.runs.side_by_side import Outcome, SideBySide
from environment.scenario import ScenarioRun
from environment.settings import REPO_ROOT, Settings
from environment.shared import Shared
from environment.stack.production import ProductionStack
from environment.stack.system import System, describe
from fixtures.built import built_path, ensure_built
from fixtures.recipes import RECIPES, find_recipe

__all__ = ["ScenarioRun", "Session", "System"]

CLIPS: Final = REPO_ROOT / "fixtures" / "streams"
MAIN_CLIP: Final = "30s-english-counting.mp4"
_OBSERVER_TIMEOUT_S: Final = 10.0

BringUp = Callable[["Session"], ProductionStack]


class Session:
    """One run of the suite: its settings, its lazily started stack, its evidence.

    behave's context holds it as ``context.session``. ``bring_up`` makes the stack; by default it
    finds or installs the engine and tools, sweeps what dead runs left, builds or pulls the images
    and starts the containers.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        root: Path | None = None,
        progress: Progress | None = None,
        bring_up: BringUp | None = None,
    ) -> None:
        self.settings = settings
        self.run_id = _run_id(settings)
        self.progress = progress or Progress()
        self.store = RunArtifacts(root or settings.artifacts_root, self.run_id)
        self.scenario: ScenarioRun | None = None
        self.started_at = time.time()
        self.interrupted = False
        self.at_close = ExitStack()
        self._bring_up = bring_up or bring_up_production
        self._numbers = itertools.count(1)
        self._given_up = itertools.count(1)
        self._system: System | None = None
        self._stack = Shared("Starting the stack", self._start_stack, self._asker)
        self._observer = Shared("Connecting the observer", self._start_observer, self._asker)
        self._pipeline = Shared("The shared run of the 30 s clip", self._run_shared, self._asker)
        self._side_by_side = SideBySide(self)

    @property
    def artifacts(self) -> Path:
        """The folder of this run: ``artifacts/<run>/``."""
        return self.store.folder

    @property
    def running_stack(self) -> ProductionStack | None:
        """The stack if it was started; asking does not start it."""
        return self._stack.made

    @property
    def running_observer(self) -> Observer | None:
        """The watcher of the wire if it was ever connected; asking does not connect it."""
        return self._observer.made

    def stack(self) -> ProductionStack:
        """Return the session's containers, healthy; started by the first who asks.

        The observer is connected before this returns, so that nothing that is published later
        goes unseen.
        """
        stack = self._stack.get()
        self._observer.get()
        return stack

    def observer(self) -> Observer:
        """Return the watcher of the wire, connected; starts the stack if need be."""
        self._stack.get()
        return self._observer.get()

    def system(self) -> System:
        """Say which media server and speech engines run; starts the stack if need be."""
        self.stack()
        if self._system is None:
            raise HarnessError("The stack runs, but was never asked what it is.")
        return self._system

    @property
    def known_system(self) -> System | None:
        """What ``system`` said, if the stack ever ran."""
        return self._system

    def pipeline_run(self) -> PipelineRun:
        """Return the shared run of the 30 s clip, made by the first who asks.

        Its failure is shared as well: told in full once, named afterwards. Raises ``ClipMissing``,
        each time, where there is no clip.
        """
        self.clip(MAIN_CLIP)
        try:
            run = self._pipeline.get()
        except HarnessError as error:
            self._note_pipeline(getattr(error, "folder", None))
            raise
        self._note_pipeline(run.folder)
        return run

    @property
    def finished_pipeline_run(self) -> PipelineRun | None:
        """The shared run if it was made; asking does not make it."""
        return self._pipeline.made

    def clip(self, name: str) -> Path:
        """Return a clip by the name, or path, that the text uses; built if it is one of those.

        Raises ``ClipMissing``, a ``FileNotFoundError`` with the remedy, if it is not there.
        """
        recipe = Path(name).name.removesuffix(".mp4")
        if any(known.name == recipe for known in RECIPES):
            return self._built(recipe)
        return require_clip(CLIPS / Path(name).name)

    def clip_run(self, name: str) -> Outcome:
        """Return what became of a clip that is built on demand, published with its group.

        The first who asks for one of the group has it made; a failure is that clip's alone.
        """
        outcome = self._side_by_side.outcome(Path(name).name.removesuffix(".mp4"))
        self._note_pipeline(outcome.folder)
        return outcome

    def new_stream_name(self, hint: str) -> str:
        """Return a stream name that nobody had in this run: ``<slug of hint>-<n>`` (FR-029)."""
        return f"{slug(hint, 32)}-{next(self._numbers)}"

    def log_event(self, event: str, /, **fields: object) -> None:
        """Write a key event with its time to ``artifacts/<run>/run.log`` (FR-043)."""
        self.store.log(event, **fields)

    def begin(self, name: str) -> ScenarioRun:
        """Begin a scenario; the one before it must have been finished."""
        self.scenario = ScenarioRun(self, name, self.store.scenario_folder(name))
        self.log_event("scenario_started", scenario=name)
        return self.scenario

    def heal(self) -> None:
        """Undo what a scenario did to the stack, and check it; a hopeless stack is given up.

        Raises ``HarnessError`` if the stack could not be healed: its logs are in
        ``artifacts/<run>/given-up-<n>/``, and the next who asks gets a new one.
        """
        stack = self._stack.made
        if stack is None or self.interrupted:
            return
        try:
            stack.heal()
            observer = self._observer.made
            if observer is not None:
                observer.wait_connected(self.settings.timeout(_OBSERVER_TIMEOUT_S))
        except (HarnessError, requests.RequestException) as error:
            self._give_up(stack, error)
            raise

    def close(self) -> None:
        """Remove all that the session made, though parts of that fail. Safe to call twice."""
        with ExitStack() as last:
            last.callback(self.store.log.close)
            last.callback(self.store.point_latest)
            last.callback(self.at_close.close)
            last.callback(self._end_stack)
            last.callback(end_all)
            if self.scenario is not None:
                # Only a scenario that was cut off is still open here.
                self.scenario.finish(failed=True)

    def _give_up(self, stack: ProductionStack, error: Exception) -> None:
        folder = self.artifacts / f"given-up-{next(self._given_up)}"
        self.log_event("stack_given_up", error=str(error).splitlines()[0], logs=folder.name)
        gather("logs", partial(save_container_logs, stack, folder, since=0.0))
        error.add_note(f"the containers' logs of that moment lie in {folder}")
        # The first error is the cause, and stays the one that is raised.
        for trouble in gather("taking the stack down", self._end_stack):
            self.log_event("stack_not_removed", error=trouble)
            error.add_note(trouble)

    def _end_stack(self) -> None:
        observer, stack = self._observer.forget(), self._stack.forget()
        try:
            if observer is not None:
                observer.close()
        finally:
            if stack is not None:
                stack.down()

    def _start_stack(self) -> ProductionStack:
        stack = self._bring_up(self)
        try:
            stack.start()
            system = describe(stack)
        except BaseException as error:
            # What did not come up says why in its log, which goes with its container.
            gather("logs", partial(save_container_logs, stack, self.artifacts / "stack", since=0.0))
            for trouble in gather("taking the stack down", stack.down):
                error.add_note(trouble)
            raise
        self._system = system
        self.log_event("stack_started", media_server=system.media_server, speech=system.speech)
        return stack

    def _start_observer(self) -> Observer:
        observer = Observer(
            self._stack.get().sts_url,
            api_key=self.settings.sts_api_key,
            socketio_path=self.settings.sts_socketio_path,
        )
        try:
            observer.start(self.settings.timeout(_OBSERVER_TIMEOUT_S))
        except BaseException:
            observer.close()
            raise
        return observer

    def _run_shared(self) -> PipelineRun:
        return run_pipeline(self, self.clip(MAIN_CLIP), name="shared-run")

    def _built(self, recipe: str) -> Path:
        clip = built_path(find_recipe(recipe))
        if clip.is_file():
            return ensure_built(recipe)
        with self.progress.step(f"build the clip {clip.name}"):
            return ensure_built(recipe)

    def _note_pipeline(self, folder: Path | None) -> None:
        if self.scenario is not None and folder is not None:
            self.scenario.pipeline_folder = folder

    def _asker(self) -> str:
        return f"the scenario “{self.scenario.name}”" if self.scenario else "this session"


def bring_up_production(session: Session) -> ProductionStack:
    """Prepare everything the production stack needs, and return it, not yet started."""
    # Imported here: a run of which nothing needs the engine does not need its client either.
    from environment.provision.engine import ensure_engine  # noqa: PLC0415
    from environment.provision.images import ensure_images  # noqa: PLC0415
    from environment.provision.setup import ensure_host_tools  # noqa: PLC0415
    from environment.stack.reaper import Guard, Owner  # noqa: PLC0415

    client = ensure_engine(session.progress)
    owner = Owner.current(session.run_id)
    guard = Guard(client, owner)
    guard.arm()

    def stand_down() -> None:
        # After a signal the guard's own exit handler finishes the work and sets the exit code.
        if guard.signal_number is None:
            guard.disarm()

    session.at_close.callback(stand_down)
    ensure_host_tools(session.progress)
    images = ensure_images(client, session.settings, session.progress)
    return ProductionStack(client, images, session.settings, owner, on_event=session.log_event)


def _run_id(settings: Settings) -> str:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    return f"{stamp}-{settings.e2e_run_id}" if settings.e2e_run_id else stamp
