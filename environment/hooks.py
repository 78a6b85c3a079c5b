"""behave's hooks: they begin and end the session and each scenario, and tell what failed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from behave.fixture import use_fixture_by_tag
from behave.model import Scenario, Step
from behave.runner import Context

from environment.evidence.artifacts import write_json
from environment.evidence.report import (
    Outcome,
    ScenarioResult,
    Summary,
    render,
    render_failure,
    shown,
)
from environment.expectations import explain
from environment.publishing import FIXTURES
from environment.session import Session
from environment.settings import REPO_ROOT, Settings, load_settings
from environment.vocabulary import skipped_without_clip

_HINT: Final = "look at run.log beside the evidence, then at the containers' logs."


@dataclass
class _Told:
    """What the hooks keep between each other; behave's own context holds session and run only."""

    failures: dict[int, str] = field(default_factory=dict)
    evidence: dict[int, Path | None] = field(default_factory=dict)
    warnings: dict[int, tuple[str, ...]] = field(default_factory=dict)
    ran: set[int] = field(default_factory=set)
    first: Session | None = None
    failed_step: tuple[Step, BaseException | None] | None = None
    failed_setup: BaseException | None = None
    troubles: list[str] = field(default_factory=list)


_told = _Told()
make_session: Callable[[Settings], Session] = Session


def before_all(context: Context) -> None:
    """Read the settings and open the session; nothing is started yet."""
    context.config.setup_logging()
    global _told  # noqa: PLW0603 - one behave run in a process; nested runs are processes
    _told = _Told()
    context.session = _told.first = make_session(load_settings())
    context.session.log_event("run_started", run=context.session.run_id)


def before_scenario(context: Context, scenario: Scenario) -> None:
    """Give the scenario its own streams, evidence and clean-up, and the fixtures of its tags."""
    _told.failed_step = _told.failed_setup = None
    _told.ran.add(id(scenario))
    if _told.first is not None:
        context.session = _told.first.serving(scenario.effective_tags)
    context.run = context.session.begin(scenario.name)
    try:
        with skipped_without_clip(scenario):
            for tag in scenario.effective_tags:
                if tag.startswith("fixture."):
                    use_fixture_by_tag(tag, context, FIXTURES)
    except BaseException as error:
        _told.failed_setup = error
        raise


def after_step(context: Context, step: Step) -> None:
    """Remember the step that failed, for the scenario's report."""
    if step.status.has_failed():
        _told.failed_step = (step, step.exception)
        context.session.log_event("step_failed", step=f"{step.keyword} {step.name}")


def after_scenario(context: Context, scenario: Scenario) -> None:
    """Collect evidence of a failure, clean up, heal the stack, and tell what was wrong."""
    session: Session = context.session
    session.interrupted = session.interrupted or bool(context.aborted)
    run, session.scenario = session.scenario, None
    if run is None:
        return
    failed = scenario.status.has_failed() or _told.failed_setup is not None or session.interrupted
    folder: Path | None = None
    trouble: BaseException | None = None
    try:
        folder = run.finish(failed=failed)
    except BaseException as error:
        trouble = error
        raise
    finally:
        folder = folder or (run.artifacts if run.artifacts.exists() else None)
        _told.evidence[id(scenario)] = folder
        _told.warnings[id(scenario)] = tuple(run.warnings)
        if failed or trouble is not None:
            _tell_failure(scenario, folder, trouble)
        session.log_event(
            "scenario_ended",
            scenario=scenario.name,
            status=_last_word(scenario, session, trouble),
            took_s=round(time.time() - run.started_at, 2),
        )


def after_all(context: Context) -> None:
    """Remove everything that was made; print the summary and write it to summary.json."""
    session: Session | None = getattr(context, "session", None)
    if session is None:
        return
    session.interrupted = session.interrupted or bool(context.aborted)
    try:
        session.close()
    except Exception as error:
        _told.troubles.append(f"clean-up: {type(error).__name__}: {error}")
        raise
    finally:
        summary = _summarise(session, list(_scenarios(context)))
        # First what a full disk cannot refuse.
        print(render(summary, relative_to=REPO_ROOT), flush=True)
        write_json(session.artifacts / "summary.json", summary.document())


def _say_aloud(*hooks: Any) -> None:
    # What these print is for the reader at the terminal, whatever becomes of the scenario.
    for hook in hooks:
        hook.capture = False


_say_aloud(before_all, before_scenario, after_scenario, after_all)


def _last_word(scenario: Scenario, session: Session, trouble: BaseException | None) -> str:
    if session.interrupted:
        return "interrupted"
    failed = trouble is not None or _told.failed_setup is not None
    return "failed" if failed else str(scenario.status.name)


def _tell_failure(scenario: Scenario, folder: Path | None, trouble: BaseException | None) -> None:
    step, error = _told.failed_step or (None, _told.failed_setup)
    lines = list(explain(error).lines) if error is not None else []
    undefined = [step.name for step in scenario.all_steps if step.status.name == "undefined"]
    if undefined:
        lines.append(("seen", f"no step definition for: {'; '.join(undefined)}"))
    elif not lines and trouble is None:
        lines.append(("seen", scenario.error_message or "the scenario was cut short"))
    if trouble is not None:
        lines.append(("afterwards", f"clean-up or heal failed: {type(trouble).__name__}"))
        lines += explain(trouble).lines
    interrupted = isinstance(error or trouble, KeyboardInterrupt)
    if not interrupted and not any(label == "try" for label, _ in lines):
        lines.append(("try", _HINT))
    _told.failures[id(scenario)] = "\n".join(f"{label}: {text}" for label, text in lines)
    print(
        render_failure(
            scenario.name,
            f"{step.keyword} {step.name}" if step is not None else None,
            str(step.location) if step is not None else None,
            lines,
            f"{shown(folder, REPO_ROOT)}/" if folder else None,
        ),
        flush=True,
    )


def _scenarios(context: Context) -> list[Scenario]:
    # The context offers no public way to the features of the run.
    features: list[Any] = context._runner.features
    return [scenario for feature in features for scenario in feature.walk_scenarios()]


def _summarise(session: Session, scenarios: list[Scenario]) -> Summary:
    system = session.known_system
    return Summary(
        run_id=session.run_id,
        folder=session.artifacts,
        duration_s=time.time() - session.started_at,
        results=tuple(_result(scenario) for scenario in scenarios),
        media_server=system.media_server if system else None,
        is_stand_in=system.is_stand_in if system else None,
        speech=system.speech if system else None,
        sts=system.sts if system else {},
        interrupted=session.interrupted,
        troubles=tuple(_told.troubles),
    )


def _result(scenario: Scenario) -> ScenarioResult:
    key = id(scenario)
    return ScenarioResult(
        name=scenario.name,
        feature=scenario.feature.name,
        location=str(scenario.location),
        outcome=_outcome(scenario),
        duration_s=float(scenario.duration),
        reason=_told.failures.get(key) or scenario.skip_reason,
        evidence=_told.evidence.get(key),
        warnings=_told.warnings.get(key, ()),
    )


def _outcome(scenario: Scenario) -> Outcome:
    status = scenario.status
    if status.has_failed():
        return "failed"
    if status.name == "passed":
        return "passed"
    if id(scenario) in _told.ran:
        return "skipped" if status.name == "skipped" else "failed"
    return "not_selected" if status.name == "skipped" else "not_run"
