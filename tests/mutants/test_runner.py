"""The trials against a made-up suite: what is asked for, in which order, and what counts."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.mutants import runner
from tests.mutants.__main__ import needed
from tests.mutants.copies import copy_of, images_built
from tests.mutants.mutant import Edit, Mutant
from tests.mutants.runner import Trials
from tests.mutants.verdict import Verdict, unmet_and_broken

FAKE_BEHAVE = """
import json, os, sys, time
report = sys.argv[sys.argv.index("-o") + 1]
status = "failed" if "sabotaged" in open("product.py").read() else "passed"
said = "ASSERT FAILED: expected: sound" if status == "failed" else None
step = dict(result=dict(status=status, error_message=said))
scenario = dict(type="scenario", name="red", status=status, steps=[step])
json.dump([dict(elements=[scenario])], open(report, "w"))
print("...    build dubspec/sts-service:" + os.environ["E2E_RUN_ID"])
if "--hang" in sys.argv:
    time.sleep(60)
sys.exit(status == "failed")
"""
SABOTAGE = (Edit("product.py", "sound", "sabotaged"),)


def mutant(name: str, *behave: str, harmed: bool = True, alone: bool = False) -> Mutant:
    return Mutant(
        name=name,
        story="",
        edits=SABOTAGE if harmed else (),
        behave=behave,
        red=("red",) if harmed else (),
        alone=alone,
    )


@pytest.fixture
def cleared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tags: list[str] = []

    def note(built: list[str], _sound: Mapping[str, str]) -> None:
        tags.extend(built)

    monkeypatch.setattr(runner, "clear_away", note)
    return tags


@pytest.fixture
def trials(tmp_path: Path, cleared: list[str]) -> Trials:
    snapshot, logs = tmp_path / "snapshot", tmp_path / "logs"
    (snapshot / "behave").mkdir(parents=True)
    logs.mkdir()
    (snapshot / "behave" / "__init__.py").touch()  # without it the real one goes first
    (snapshot / "behave" / "__main__.py").write_text(FAKE_BEHAVE)
    (snapshot / "product.py").write_text("sound")
    return Trials(snapshot, logs, sound={})


def ignore(_verdict: Verdict) -> None:
    return


def test_each_mutant_has_a_copy_and_a_log_of_its_own(trials: Trials, cleared: list[str]) -> None:
    told: list[str] = []
    tried = [mutant("a"), mutant("b", harmed=False), mutant("c", alone=True)]
    verdicts = trials.run(tried, at_once=2, tell=lambda verdict: told.append(verdict.mutant.name))
    assert [verdict.mutant.name for verdict in verdicts] == ["a", "b", "c"]
    assert [verdict.objections for verdict in verdicts] == [(), (), ()]
    assert sorted(told) == ["a", "b", "c"]
    assert told[-1] == "c"
    assert (trials.snapshot / "product.py").read_text() == "sound"
    assert "mutant-a" in (trials.logs / "a.log").read_text()
    # What the unharmed product was built of is not taken away.
    assert sorted(cleared) == ["dubspec/sts-service:mutant-a", "dubspec/sts-service:mutant-c"]


def test_a_run_has_a_name_the_fastest_engines_and_the_mutant_s_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("E2E_RUN_ID", "somebody-s")
    monkeypatch.setenv("STS_PROFILE", "neural")
    hurried = Mutant("m", "", (), (), ("red",), variables=(("FRAGMENT_TIMEOUT_S", "10"),))
    told = runner._environment(hurried, Path("evidence"))
    assert told["E2E_RUN_ID"] == "mutant-m"
    assert told["STS_PROFILE"] == "embedded"
    assert told["FRAGMENT_TIMEOUT_S"] == "10"


def test_what_is_made_once_for_all_is_shared_by_the_copies(tmp_path: Path) -> None:
    snapshot, made = tmp_path / "snapshot", tmp_path / "made"
    snapshot.mkdir()
    made.mkdir()
    (snapshot / ".setup").symlink_to(made)
    with copy_of(snapshot) as folder:
        (folder / ".setup" / "clip.mp4").touch()
    assert (made / "clip.mp4").is_file()


def test_one_that_hangs_is_ended_and_is_not_caught(
    trials: Trials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "TIME_LIMIT_S", 1.0)
    (verdict,) = trials.run([mutant("slow", "--hang")], at_once=1, tell=ignore)
    assert "took too long, and was ended" in verdict.objections


def test_an_interruption_ends_what_is_under_way(trials: Trials) -> None:
    def interrupt(_verdict: Verdict) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        trials.run([mutant("quick"), mutant("slow", "--hang")], at_once=2, tell=interrupt)
    assert threading.active_count() == before


def test_a_mutant_that_does_not_fit_is_raised(trials: Trials) -> None:
    stale = Mutant("stale", "", (Edit("product.py", "gone", ""),), (), ("red",))
    with pytest.raises(Exception, match="0 times"):
        trials.run([stale], at_once=1, tell=ignore)


def test_only_what_the_mutants_need_is_run_unharmed() -> None:
    runs = (mutant("one", "a.feature", harmed=False), mutant("two", "b.feature", harmed=False))
    assert needed(runs, [mutant("m", "b.feature", "-n", "x")]) == [runs[1]]


def test_built_images_are_read_from_what_was_printed() -> None:
    printed = (
        "...    build dubspec/sts-service:abc\n       build x:y\n"
        "done   build dubspec/sts-service:abc (1.0 s)\n...    start the system\n"
        "failed build dubspec/media-service:def (1.0 s)\n"
    )
    assert images_built(printed) == ["dubspec/sts-service:abc", "dubspec/media-service:def"]


def ended(name: str, status: str, *said: object) -> dict[str, Any]:
    steps = [{"result": {"status": status, "error_message": text}} for text in said]
    return {"type": "scenario", "name": name, "status": status, "steps": [{}, *steps]}


def test_scenarios_are_read_from_the_report() -> None:
    elements = [
        {"type": "background", "name": "b", "status": "failed"},
        ended("red", "failed", ["ASSERT FAILED: expected: five", "seen: four"]),
        ended("red as well", "failed", "ASSERT FAILED: expected: five"),
        ended("nothing started", "failed", "ASSERT FAILED: Waited 60 s for e2e-mediamtx"),
        ended("not cleaned up", "hook_error"),
        ended("broken", "error", "KeyError: 'x'"),
        ended("failed in its background", "failed"),
        ended("green", "passed"),
    ]
    unmet, broken = unmet_and_broken([{"elements": elements}, {}])
    assert unmet == ("red", "red as well")
    assert broken == ("nothing started", "not cleaned up", "broken", "failed in its background")


@pytest.mark.parametrize(
    ("failed", "broken", "status", "objections"),
    [
        (("red",), (), 1, 0),
        ((), (), 0, 2),
        (("red", "green"), (), 1, 1),
        ((), ("red",), 1, 1),
        (("red",), (), 0, 1),
        ((), (), None, 2),
    ],
)
def test_only_the_right_red_counts(
    failed: tuple[str, ...], broken: tuple[str, ...], status: int | None, objections: int
) -> None:
    tried = Mutant("m", "", (), (), red=("red",))
    assert len(Verdict(tried, failed, broken, status, 1.0, Path()).objections) == objections


def test_a_scenario_may_have_to_end_in_an_error() -> None:
    tried = Mutant("m", "", (), (), red=("red", "waits"), errors=("waits",))
    right = Verdict(tried, ("red",), ("waits",), 1, 1.0, Path())
    assert right.objections == ()
    wrong = Verdict(tried, ("red", "waits"), (), 1, 1.0, Path())
    assert wrong.objections == ("failed, but not by an error: waits",)
