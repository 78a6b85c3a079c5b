"""What lives as long as a run of the suite: settings, stack, observer, shared run, evidence."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import requests

from environment.bring_up import DUAL_TAG, bring_up_dual, bring_up_production
from environment.console import Progress
from environment.errors import HarnessError
from environment.evidence.artifacts import (
    STACK_LOGS,
    RunArtifacts,
    gather,
    new_run_id,
    save_container_logs,
    slug,
)
from environment.ground import Ground, prepare_ground
from environment.runs.observer import Observer
from environment.runs.pipeline import run_pipeline
from environment.runs.program import end_all
from environment.runs.publisher import require_clip
from environment.runs.run import PipelineRun
from environment.runs.side_by_side import Outcome, SideBySide
from environment.scenario import ScenarioRun
from environment.settings import REPO_ROOT, Settings
from environment.shared import Shared
from environment.stack.compose import ComposeStack, require_compose_stack
from environment.stack.compose_variables import dual_settings
from environment.stack.production import ProductionStack
from environment.stack.system import System, describe
from environment.stack.topology import Topology
from fixtures.built import built_path, ensure_built
from fixtures.recipes import RECIPES, find_recipe

__all__ = ["MAIN_CLIP", "ScenarioRun", "Session", "System"]

CLIPS: Final = REPO_ROOT / "fixtures" / "streams"
MAIN_CLIP: Final = "30s-english-counting.mp4"
DUAL_CLIP: Final = "30s-english-speech.mp4"
_OBSERVER_TIMEOUT_S: Final = 10.0

BringUp = Callable[["Session"], Topology]


class Session:
    """One run of the suite: its settings, its lazily started stack, its evidence.

    behave's context holds it as ``context.session``. ``bring_up`` makes the stack; by default it
    finds or installs the engine and tools, sweeps what dead runs left, builds or pulls the images
    and starts the containers. ``main_clip`` is what the shared run is about.

    A run has one for each topology that it needs: the first, and one ``beside`` it, which shares
    its evidence, its names and its ground. Only one of them has its stack up at a time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        root: Path | None = None,
        progress: Progress | None = None,
        bring_up: BringUp | None = None,
        main_clip: str | None = None,
        beside: Session | None = None,
    ) -> None:
        self.settings = settings
        self.run_id: str = beside.run_id if beside else _run_id(settings)
        self.progress: Progress = progress or (beside.progress if beside else Progress())
        self.store: RunArtifacts = (
            beside.store if beside else RunArtifacts(root or settings.artifacts_root, self.run_id)
        )
        self.scenario: ScenarioRun | None = None
        self.started_at: float = beside.started_at if beside else time.time()
        self.at_close: ExitStack = beside.at_close if beside else ExitStack()
        self._main_clip = main_clip
        self._interrupted = False
        self._first = beside
        self._dual: Session | None = None
        self._ground: Ground | None = None
        self._bring_up = bring_up or bring_up_production
        self._numbers: Iterator[int] = beside._numbers if beside else itertools.count(1)
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
    def interrupted(self) -> bool:
        """Whether the run was told to stop; true for every session of it."""
        return self._first.interrupted if self._first else self._interrupted

    @interrupted.setter
    def interrupted(self, value: bool) -> None:
        if self._first:
            self._first.interrupted = value
        else:
            self._interrupted = value

    def ground(self) -> Ground:
        """Return the engine and the images that every stack of this run is made of."""
        if self._first:
            return self._first.ground()
        if self._ground is None:
            self._ground = prepare_ground(self)
        return self._ground

    def serving(self, tags: Iterable[str]) -> Session:
        """Return the session for a scenario with these tags; the other's stack is taken away.

        Both topologies want the same host ports and names, so one stands at a time.
        """
        if DUAL_TAG not in tags:
            if self._dual is not None:
                self._dual.stand_down()
            return self
        self.stand_down()
        if self._dual is None:
            self._dual = Session(
                dual_settings(self.settings),
                bring_up=bring_up_dual,
                main_clip=DUAL_CLIP,
                beside=self,
            )
        return self._dual

    def stand_down(self) -> None:
        """Take the stack away, with the shared run that its media server holds the recording of.

        The next who asks for them has them made anew.
        """
        if self._stack.made is not None:
            self.log_event("stack_stands_down")
        self._pipeline.forget()
        self._end_stack()

    @property
    def running_stack(self) -> Topology | None:
        """The stack if it was started; asking does not start it."""
        return self._stack.made

    @property
    def running_observer(self) -> Observer | None:
        """The watcher of the wire if it was ever connected; asking does not connect it."""
        return self._observer.made

    def production_stack(self) -> ProductionStack:
        """Return the containers of spec 021 for what only they can; ``HarnessError`` without."""
        stack = self.stack()
        if not isinstance(stack, ProductionStack):
            raise HarnessError(
                "This step is about the containers of spec 021, which this scenario does not have.",
                remedy=f"take the tag @{DUAL_TAG} off its feature.",
            )
        return stack

    def dual_stack(self) -> ComposeStack:
        """Return the two compose projects for what only they can; ``ContainerFailed`` without."""
        return require_compose_stack(self.stack())

    def stack(self) -> Topology:
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
        """What ``system`` said, if the stack ever ran; of the other topology, if only that did."""
        return self._system or (self._dual.known_system if self._dual else None)

    @property
    def main_clip(self) -> str:
        """The clip that the shared run is about."""
        return self._main_clip or MAIN_CLIP

    def pipeline_run(self) -> PipelineRun:
        """Return the shared run of the 30 s clip, made by the first who asks.

        Its failure is shared as well: told in full once, named afterwards. Raises ``ClipMissing``,
        each time, where there is no clip.
        """
        self.clip(self.main_clip)
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

    def announce_event(self, event: str, /, **fields: object) -> None:
        """Log a key event, and print it for whoever is watching: it says how to repeat a run."""
        self.log_event(event, **fields)
        said = ", ".join(f"{name} {value}" for name, value in fields.items())
        self.progress.line(f"       {event}: {said}")

    def begin(self, name: str) -> ScenarioRun:
        """Begin a scenario; the one before it must have been finished."""
        self.scenario = run = ScenarioRun(self, name, self.store.scenario_folder(name))
        run.on_failure(lambda: self._save_project_logs(run.artifacts))
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
            if self._dual is not None:
                last.callback(self._dual._end_stack)
            last.callback(end_all)
            for each in (self, self._dual):
                if each is not None and each.scenario is not None:
                    # Only a scenario that was cut off is still open here.
                    each.scenario.finish(failed=True)

    def _save_project_logs(self, folder: Path) -> None:
        if isinstance(self.running_stack, ComposeStack):
            self.running_stack.save_logs(folder)

    def _give_up(self, stack: Topology, error: Exception) -> None:
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

    def _start_stack(self) -> Topology:
        stack = self._bring_up(self)
        try:
            stack.start()
            system = describe(stack)
        except BaseException as error:
            # What did not come up says why in its log, which goes with its container.
            folder = self.artifacts / STACK_LOGS
            gather("logs", partial(save_container_logs, stack, folder, since=0.0))
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
        return run_pipeline(self, self.clip(self.main_clip), name="shared-run")

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


def _run_id(settings: Settings) -> str:
    return new_run_id(settings.e2e_run_id)
