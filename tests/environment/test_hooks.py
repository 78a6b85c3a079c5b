"""The hooks in a real behave run of a tiny feature, in a process of its own."""

import json
import os
import signal
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.environment.forked_behave import run_behave

REPO = Path(__file__).parents[2]

ENVIRONMENT = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(REPO)!r})
from environment import hooks
from environment.runs.publisher import require_clip
from environment.session import Session
from tests.environment.fake_system import FakeStack, bring_up

STACKS = []
HERE = Path(__file__).parent

def make_session(settings):
    return Session(settings, root=HERE / "artifacts", bring_up=bring_up(STACKS))

def broken(context):
    print("SET UP", flush=True)
    raise RuntimeError("no stream")
    yield

def noted(context):
    yield
    print("TORN DOWN", flush=True)

def missing(context):
    require_clip(HERE / "gone.mp4")
    yield

hooks.make_session = make_session
hooks.FIXTURES = dict([(f"fixture.{{f.__name__}}", f) for f in (broken, noted, missing)])
from environment.hooks import before_all, before_scenario, after_step, after_scenario

def after_all(context):
    try:
        hooks.after_all(context)
    finally:
        (HERE / "calls").write_text(" ".join(STACKS[0].calls) if STACKS else "")
after_all.capture = False
"""

STEPS = """
import os, signal, time
from environment.vocabulary import given
from environment.errors import HarnessError
from environment.expectations import expect

@given("a stack")
def stack(context):
    context.session.stack()

@given("{count:d} fragments")
def fragments(context, count):
    context.run.evidence("note.txt", "seen")
    expect(count == 5, expected="5 fragments (US2-5)", seen=count, hint="read run.log")

@given("a broken tool")
def broken(context):
    raise HarnessError("No ffmpeg.", remedy="install it.")

@given("the signal {name}")
def interrupt(context, name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(5)

@given("a clean-up that is noted")
def noted(context):
    context.run.cleanup.callback(lambda: print("CLEANED", flush=True))
    context.run.cleanup.callback(lambda: open("cleaned", "w").close())

@given("a clean-up that fails")
def failing(context):
    context.run.cleanup.callback(lambda: 1 / 0)

@given("a stack that cannot be healed")
def hopeless(context):
    from tests.environment.fake_system import FakeStack
    context.session.stack().heal_error = HarnessError("It stays down.")

@given("an observer that cannot connect")
def blind(context):
    from environment.errors import HarnessError
    def refuse():
        raise HarnessError("The observer is blind.")
    context.session._observer._make = refuse

@given("a warning")
def warned(context):
    context.run.warn("the output is complete, not all of it dubbed")

@given("skipped")
def skipped(context):
    context.scenario.skip("no RTSP here")

@given("a disk that is full from now on")
def full(context):
    import errno
    from environment import hooks
    def refuse(path, document):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))
    hooks.write_json = refuse

@given("the clip {name}")
def clip(context, name):
    context.session.clip(name)

@given("the shared run, without its clip")
def shared(context):
    from environment import session
    session.MAIN_CLIP = "gone.mp4"
    context.session.pipeline_run()

@given("another file that is missing")
def other_file(context):
    open("/nobody/made/this")

@given("the scenario's names")
def names(context):
    run = context.run
    assert run.path("live/test/in") == run.path("live/test/in") != run.path("live/other/in")
    assert run.path("live/test/out") == run.path("live/test/in")[:-2] + "out"
    url = run.url("rtmp://localhost:1935/live/test/in")
    assert url == "rtmp://127.0.0.1:21935/" + run.path("live/test/in"), url
    print("NAME", run.stream_name())
"""


@dataclass(frozen=True)
class Ran:
    exit_code: int
    output: str
    summary: dict[str, Any]
    calls: list[str]
    folder: Path

    def result(self, name: str) -> Any:
        return next(r for r in self.summary["results"] if r["name"] == name)

    def outcome(self, name: str) -> str:
        return str(self.result(name)["outcome"])

    def reason(self, name: str) -> str:
        return str(self.result(name)["reason"])


@pytest.fixture
def behave(tmp_path: Path) -> Any:
    def run(feature: str, *arguments: str, **environment: str) -> Ran:
        (tmp_path / "steps").mkdir()
        (tmp_path / "features").mkdir()
        (tmp_path / "environment.py").write_text(ENVIRONMENT)
        (tmp_path / "steps/steps.py").write_text(STEPS)
        (tmp_path / "features/a.feature").write_text("Feature: F\n" + textwrap.dedent(feature))
        printed = tmp_path / "printed"
        status = run_behave(
            ["--no-color", "features", *arguments],
            folder=tmp_path,
            variables={**os.environ, **environment},
            log=printed,
        )
        summaries = list(tmp_path.glob("artifacts/latest/summary.json"))
        calls = tmp_path / "calls"
        return Ran(
            status,
            printed.read_text(),
            json.loads(summaries[0].read_text()) if summaries else {},
            calls.read_text().split() if calls.exists() else [],
            tmp_path,
        )

    return run


def test_a_good_run(behave: Any) -> None:
    ran = behave(
        """
        Scenario: good
          Given a stack
          Given 5 fragments
        Scenario: names
          Given the scenario's names
        Scenario: warned
          Given a warning
        Scenario: off
          Given skipped
        @other
        Scenario: left out
          Given 4 fragments
        """,
        "--tags=not @other",
    )
    assert ran.exit_code == 0, ran.output
    assert "3 passed, 0 failed, 1 skipped, 1 not selected" in ran.output
    assert "off: no RTSP here" in ran.output
    assert "warning       warned: the output is complete, not all of it dubbed" in ran.output
    assert ran.outcome("warned") == "passed"
    assert ran.result("warned")["warnings"] == ["the output is complete, not all of it dubbed"]
    assert ran.result("good")["warnings"] == []
    assert "a stand-in for MediaMTX" in ran.output
    engines = "asr pocketsphinx (en-us), translation apertium (eng-spa), tts espeak (es)"
    assert f"profile embedded: {engines}" in ran.output
    assert ran.calls == ["start", "heal", "heal", "heal", "heal", "down"]
    # Nothing failed, so nothing but the run's own files is kept.
    kept = {entry.name for entry in (ran.folder / "artifacts/latest").iterdir()}
    assert kept == {"run.log", "summary.json"}
    log = (ran.folder / "artifacts/latest/run.log").read_text()
    assert " stack_started media_server=" in log
    assert " scenario_ended scenario=good status=passed" in log


def test_a_full_disk_keeps_nobody_from_the_summary(behave: Any) -> None:
    ran = behave(
        """
        Scenario: good
          Given a disk that is full from now on
        """
    )
    assert "1 passed, 0 failed" in ran.output
    assert "No space left on device" in ran.output
    assert ran.exit_code == 1
    assert ran.summary == {}


def test_a_failure_is_told_and_its_evidence_kept(behave: Any) -> None:
    ran = behave(
        """
        Scenario: too few
          Given a stack
          And 4 fragments
        Scenario: no tool
          Given a broken tool
        Scenario: unknown
          Given something that has no definition
        Scenario: after all that
          Given 5 fragments
        """
    )
    assert ran.exit_code == 1
    for line in (
        "--- FAILED: too few",
        "step          And 4 fragments",
        "expected      5 fragments (US2-5)",
        "seen          4",
        "try           read run.log",
        "try           install it.",
        "no step definition for: something that has no definition",
        "1 passed, 3 failed, 0 skipped",
    ):
        assert line in ran.output, (line, ran.output)
    folder = ran.folder / "artifacts/latest/too-few"
    assert {"note.txt", "e2e-mediamtx.log", "events.jsonl", "containers.json"} <= {
        entry.name for entry in folder.iterdir()
    }
    assert not (ran.folder / "artifacts/latest/after-all-that").exists()
    assert ran.calls[-1] == "down"


def test_an_error_of_the_harness_is_told_without_a_traceback_and_another_with_it(
    behave: Any,
) -> None:
    ran = behave("Scenario: no tool\n  Given a broken tool")
    assert ran.exit_code == 1
    assert "No ffmpeg. Remedy: install it." in ran.output
    assert "Traceback" not in ran.output
    assert ran.outcome("no tool") == "failed"
    kept = ran.folder / "artifacts/latest/no-tool/traceback.txt"
    assert "HarnessError: No ffmpeg." in kept.read_text()


def test_a_stack_that_stays_down_is_told_without_a_traceback(behave: Any) -> None:
    ran = behave("Scenario: broken\n  Given a stack\n  Given a stack that cannot be healed")
    assert ran.exit_code != 0
    assert "It stays down." in ran.output
    assert "Traceback" not in ran.output


def test_an_unforeseen_error_is_told_with_its_traceback(behave: Any) -> None:
    ran = behave("Scenario: nobody knows\n  Given another file that is missing")
    assert ran.exit_code == 1
    assert "Traceback (most recent call last)" in ran.output


def test_evidence_of_passed_scenarios_is_kept_on_request(behave: Any) -> None:
    ran = behave("Scenario: good\n  Given a stack\n  Given 5 fragments", E2E_KEEP="1")
    assert ran.exit_code == 0
    assert (ran.folder / "artifacts/latest/good/e2e-media-service.log").exists()


def test_an_interrupt_in_a_step_cleans_up_and_fails_the_run(behave: Any) -> None:
    ran = behave(
        """
        Scenario: cut short
          Given a stack
          Given a clean-up that is noted
          Given the signal SIGINT
        Scenario: never begun
          Given 5 fragments
        """
    )
    assert ran.exit_code == 1
    assert (ran.folder / "cleaned").exists()
    assert ran.calls == ["start", "down"]
    assert "The run was interrupted" in ran.output
    assert ran.outcome("cut short") == "failed"
    assert ran.outcome("never begun") == "not_run"
    assert (ran.folder / "artifacts/latest/cut-short/e2e-mediamtx.log").exists()


def test_a_failing_clean_up_fails_its_scenario_and_no_other(behave: Any) -> None:
    ran = behave(
        """
        Scenario: dirty
          Given a stack
          Given a clean-up that is noted
          Given a clean-up that fails
        Scenario: clean
          Given 5 fragments
        """
    )
    assert ran.exit_code == 1
    assert (ran.folder / "cleaned").exists()
    assert ran.outcome("dirty") == "failed"
    assert ran.outcome("clean") == "passed"
    assert "afterwards    clean-up or heal failed: ZeroDivisionError" in ran.output
    assert "ZeroDivisionError: division by zero" in ran.reason("dirty")
    assert (ran.folder / "artifacts/latest/dirty/e2e-mediamtx.log").exists()
    assert ran.calls == ["start", "heal", "heal", "down"]
    log = (ran.folder / "artifacts/latest/run.log").read_text()
    assert " scenario_ended scenario=dirty status=failed" in log


def test_a_stack_that_cannot_be_healed_is_given_up(behave: Any) -> None:
    ran = behave(
        """
        Scenario: breaks
          Given a stack
          Given a stack that cannot be healed
        Scenario: next
          Given a stack
        """
    )
    assert ran.exit_code == 1
    assert ran.outcome("breaks") == "failed"
    assert ran.outcome("next") == "passed"
    assert ran.calls == ["start", "heal", "down"]
    assert "It stays down." in ran.output
    assert "It stays down." in ran.reason("breaks")
    logs = ran.folder / "artifacts/latest/given-up-1"
    assert (logs / "e2e-media-service.log").exists()
    assert (
        f"note          the containers' logs of that moment lie in {logs.resolve()}" in ran.output
    )


def test_a_blind_observer_keeps_nothing_from_being_cleaned_up(behave: Any) -> None:
    ran = behave(
        """
        Scenario: blind
          Given an observer that cannot connect
          Given a clean-up that is noted
          Given a stack
        """
    )
    assert ran.outcome("blind") == "failed"
    assert "The observer is blind." in ran.reason("blind")
    assert (ran.folder / "cleaned").exists()
    folder = ran.folder / "artifacts/latest/blind"
    assert (folder / "e2e-mediamtx.log").exists()
    assert "events: HarnessError: The observer was not connected." in (
        (folder / "missing.txt").read_text()
    )


def test_bad_settings_are_one_line_and_nothing_runs(behave: Any) -> None:
    ran = behave("Scenario: good\n  Given 5 fragments", MEDIAMTX_RTMP_PORT="banana")
    assert ran.exit_code == 1
    assert "MEDIAMTX_RTMP_PORT='banana' is not valid" in ran.output
    assert ran.summary == {}
    assert "Traceback" not in ran.output


def test_a_dry_run_starts_nothing(behave: Any) -> None:
    ran = behave("Scenario: good\n  Given a stack", "--dry-run")
    assert ran.exit_code == 0
    assert ran.calls == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_missing_clip_skips_whoever_needs_it_and_says_so(behave: Any) -> None:
    ran = behave(
        """
        Scenario: asks for it
          Given a clean-up that is noted
          And the clip gone.mp4
          And 4 fragments
        Scenario: needs the shared run
          Given the shared run, without its clip
        Scenario: needs it too
          Given the shared run, without its clip
        @fixture.missing
        Scenario: has it by a tag
          Given 4 fragments
        """
    )
    assert ran.exit_code == 0, ran.output
    assert "0 passed, 0 failed, 4 skipped" in ran.output
    said = ("FileNotFoundError: The test fixture ", "gone.mp4 is missing. Remedy: ")
    for result in ran.summary["results"]:
        assert all(part in result["reason"] for part in said), result
    assert (ran.folder / "cleaned").exists()
    assert ran.calls == []


def test_another_missing_file_is_no_excuse(behave: Any) -> None:
    ran = behave("Scenario: excused\n  Given another file that is missing")
    assert ran.exit_code == 1
    assert "FileNotFoundError" in ran.reason("excused")


def test_a_fixture_is_torn_down_though_its_scenario_fails(behave: Any) -> None:
    ran = behave("@fixture.noted\nScenario: too few\n  Given 4 fragments")
    assert ran.exit_code == 1
    assert "TORN DOWN" in ran.output


@pytest.mark.parametrize(
    ("tag", "reason"),
    [("broken", "RuntimeError: no stream"), ("unknown", "Unknown fixture-tag: fixture.unknown")],
)
def test_a_fixture_that_cannot_be_set_up_fails_its_scenario(
    behave: Any, tag: str, reason: str
) -> None:
    ran = behave(
        f"""
        @fixture.{tag}
        Scenario: without
          Given 5 fragments
        Scenario: unconcerned
          Given 5 fragments
        """
    )
    assert ran.exit_code == 1
    assert "1 passed, 1 failed, 0 skipped" in ran.output, ran.output
    assert reason in ran.reason("without")
    log = (ran.folder / "artifacts/latest/run.log").read_text()
    assert " scenario_ended scenario=without status=failed" in log
