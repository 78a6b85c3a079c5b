"""The soak against a made-up behave, which leaves what the real one leaves."""

import json
import sys
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from environment.console import Progress
from environment.errors import SettingsInvalid
from environment.provision.build_context import Source, take_snapshot
from environment.settings import Settings
from environment.soak import past
from environment.soak.rate import Rate
from environment.soak.report import SoakReport, render
from environment.soak.soak import soak
from environment.suite_runs.attempt import Attempt, Scenario
from environment.suite_runs.process import run_once
from tests.interrupting import interrupted

# Writes a summary as the hooks do; the run's number decides what becomes of it.
FAKE = """
import json, os, sys, time
from pathlib import Path
root = Path(os.environ["E2E_ARTIFACTS"])
number = int(root.name.removeprefix("run-"))
folder = root / "20260101-000000-000"
folder.mkdir(parents=True)
(root / "latest").symlink_to(folder.name)
(root.parent / f"arguments-{number}").write_text(" ".join(sys.argv[1:]))
(folder / "run.log").write_text("t scenario_ended scenario=one\\n")
print("this is what behave prints")
def hang():
    try:
        time.sleep(30)
    except KeyboardInterrupt:
        pass
def summary(outcomes, **more):
    results = [
        dict(name=f"scenario {n}", feature="F", location=f"f.feature:{n}", outcome=outcome,
             reason="expected: 1\\nseen: 2" if outcome == "failed" else None,
             evidence=str(folder / "scenario") if outcome == "failed" else None)
        for n, outcome in enumerate(outcomes)]
    (folder / "summary.json").write_text(json.dumps(dict(results=results, **more)))
"""
GREEN = FAKE + "summary(['passed', 'passed', 'skipped', 'not_selected'])"


def fake(tmp_path: Path, text: str) -> tuple[str, str]:
    path = tmp_path / "fake_behave.py"
    path.write_text(text)
    return sys.executable, str(path)


def settings_of(tmp_path: Path) -> Settings:
    return Settings(e2e_artifacts=str(tmp_path))


def quiet() -> tuple[Progress, StringIO]:
    said = StringIO()
    return Progress(said), said


def attempt_of(tmp_path: Path, text: str, *, limit_s: float = 20.0) -> Attempt:
    progress, _ = quiet()
    with progress.step("run") as step:
        return run_once(
            1,
            tmp_path / "run-01",
            ["features/"],
            step=step,
            program=fake(tmp_path, text),
            limit_s=limit_s,
        )


def test_runs_that_pass_give_a_rate_with_its_interval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress, said = quiet()
    arguments = ["--tags=@us1"]
    status = soak(
        progress, settings_of(tmp_path), runs=3, arguments=arguments, program=fake(tmp_path, GREEN)
    )
    printed = capsys.readouterr().out
    assert status == 0
    assert "runs       3 of 3 passed: 100.0 % (95 % interval: 29.2 to 100.0 %)" in printed
    assert "scenarios  6 of 6 passed" in printed
    assert "run 2 of 3" in said.getvalue()
    assert " left" in said.getvalue()
    (folder,) = tmp_path.glob("soak-*")
    assert (folder / "run-03" / "behave.log").read_text() == "this is what behave prints\n"
    assert (folder / "arguments-1").read_text() == "features/ --tags=@us1"
    assert json.loads((folder / "soak.json").read_text())["runs"]["passed"] == 3


def test_a_failed_run_is_told_with_its_evidence_and_fails_the_soak(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = FAKE + "summary(['passed', 'failed' if number == 2 else 'passed'])\n"
    text += "sys.exit(number == 2)"
    assert soak(quiet()[0], settings_of(tmp_path), runs=3, program=fake(tmp_path, text)) == 1
    printed = capsys.readouterr().out
    assert "runs       2 of 3 passed: 66.7 %" in printed
    assert "failed in 1 of 3 runs: F: scenario 1 (f.feature:1)" in printed
    assert "run 2: seen: 2" in printed
    assert "run-02/20260101-000000-000/scenario/" in printed


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (FAKE + "sys.exit(2)", "no summary"),
        (FAKE + "summary(['skipped'])", "ran no scenario"),
        (FAKE + "summary(['passed']); sys.exit(1)", "though no scenario failed"),
        (FAKE + "summary(['passed'], troubles=['clean-up: stuck'])", "clean-up: stuck"),
        (FAKE + "summary(['passed']); hang()", "did not end"),
    ],
)
def test_a_run_that_only_looks_green_has_failed(tmp_path: Path, text: str, trouble: str) -> None:
    attempt = attempt_of(tmp_path, text, limit_s=1.0 if "hang()" in text else 20.0)
    assert not attempt.passed
    assert trouble in str(attempt.trouble)


def test_an_interruption_ends_the_run_and_still_prints_the_table(tmp_path: Path) -> None:
    program = fake(
        tmp_path,
        FAKE.replace("import json,", "import signal, json,")
        + "summary(['passed'])\n"
        + "signal.signal(signal.SIGTERM, lambda *_: ((root / 'tidied').touch(), sys.exit(1)))\n"
        + "if number == 2: (root / 'there').touch(); hang()",
    )
    text = (
        "import sys\nfrom environment.settings import Settings\n"
        "from environment.console import Progress\nfrom environment.soak.soak import soak\n"
        f"settings = Settings(e2e_artifacts={str(tmp_path)!r})\n"
        f"sys.exit(soak(Progress(), settings, runs=5, program={program!r}))\n"
    )
    status, printed = interrupted(
        tmp_path, text, under_way=lambda: bool(list(tmp_path.glob("soak-*/run-02/there")))
    )
    assert status == 130
    assert "runs       1 of 1 passed" in printed
    assert "interrupted: 1 of 5 runs were made" in printed
    assert len(list(tmp_path.glob("soak-*/run-02/tidied"))) == 1


def test_only_the_newest_soaks_are_kept(tmp_path: Path) -> None:
    for day in range(1, 6):
        (tmp_path / f"soak-2026010{day}-000000").mkdir()
    soak(quiet()[0], settings_of(tmp_path), runs=1, program=fake(tmp_path, GREEN))
    left = sorted(folder.name for folder in tmp_path.glob("soak-*"))
    assert len(left) == 3
    assert left[0] == "soak-20260104-000000"


def test_no_run_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="0 runs"):
        soak(quiet()[0], settings_of(tmp_path), runs=0)


@pytest.mark.parametrize(
    ("passed", "tried", "low", "high"),
    # The exact interval; tables of Clopper and Pearson have these.
    [(10, 10, 0.6915, 1.0), (9, 10, 0.5550, 0.9975), (0, 10, 0.0, 0.3085), (0, 0, 0.0, 1.0)],
)
def test_intervals_are_those_of_the_tables(
    passed: int, tried: int, low: float, high: float
) -> None:
    assert Rate(passed, tried).interval == pytest.approx((low, high), abs=1e-4)


def test_a_scenario_that_fails_twice_is_told_once_with_both_runs(tmp_path: Path) -> None:
    red = Scenario("s", "F", "f:1", "failed", "seen: x", None)
    attempts = tuple(
        Attempt(number, 1, 60.0, tmp_path / str(number), tmp_path / "log", (red,))
        for number in (1, 2)
    )
    said = render(SoakReport(2, attempts), relative_to=tmp_path)
    assert said.count("failed in 2 of 2 runs") == 1
    assert "evidence: 1/" in said
    assert "evidence: 2/" in said


def test_many_passed_runs_do_not_excuse_a_failed_one(tmp_path: Path) -> None:
    green = Scenario("s", "F", "f:1", "passed", None, None)
    red = Scenario("s", "F", "f:1", "failed", "seen: x", None)

    def attempt(number: int, scenario: Scenario) -> Attempt:
        status = int(scenario.outcome == "failed")
        return Attempt(number, status, 1.0, tmp_path, tmp_path, (scenario,))

    greens = tuple(attempt(number, green) for number in range(99))
    assert SoakReport(99, greens).reliable
    assert not SoakReport(100, (*greens, attempt(100, red))).reliable


def test_a_soak_that_was_cut_short_can_be_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, program = settings_of(tmp_path), fake(tmp_path, GREEN)
    soak(quiet()[0], settings, runs=2, program=program)
    progress, said = quiet()
    assert soak(progress, settings, runs=4, go_on=True, program=program) == 0
    assert "going on after 2 runs" in said.getvalue()
    assert "runs       4 of 4 passed" in capsys.readouterr().out
    (folder,) = tmp_path.glob("soak-*")
    assert sorted(path.name for path in folder.glob("run-*")) == [f"run-0{n}" for n in (1, 2, 3, 4)]


def test_a_run_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    settings, program = settings_of(tmp_path), fake(tmp_path, GREEN)
    soak(quiet()[0], settings, runs=2, program=program)
    (total,) = tmp_path.glob("soak-*/soak.json")
    document = json.loads(total.read_text())
    document["attempts"][1]["interrupted"] = True
    total.write_text(json.dumps(document))
    progress, said = quiet()
    assert soak(progress, settings, runs=2, go_on=True, program=program) == 0
    assert "going on after 1 runs" in said.getvalue()


@pytest.mark.parametrize(
    ("changed", "told"), [({"arguments": ["--tags=@us1"]}, "arguments"), ({"jobs": 2}, "jobs")]
)
def test_runs_of_another_suite_are_not_counted(
    tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    settings, program = settings_of(tmp_path), fake(tmp_path, GREEN)
    soak(quiet()[0], settings, runs=1, program=program)
    with pytest.raises(SettingsInvalid, match=f"something else: {told}"):
        soak(quiet()[0], settings, runs=2, go_on=True, program=program, **changed)


def test_runs_of_another_system_are_not_counted(tmp_path: Path) -> None:
    settings, program = settings_of(tmp_path), fake(tmp_path, GREEN)
    soak(quiet()[0], settings, runs=1, program=program)
    harness = settings.model_copy(update={"e2e_keep": True})
    assert soak(quiet()[0], harness, runs=1, go_on=True, program=program) == 0
    other = settings.model_copy(update={"sts_profile": "embedded"})
    with pytest.raises(SettingsInvalid, match="something else: STS_PROFILE changed"):
        soak(quiet()[0], other, runs=2, go_on=True, program=program)
    soak(quiet()[0], other, runs=1, program=program)
    with pytest.raises(SettingsInvalid, match="something else: STS_PROFILE changed"):
        soak(quiet()[0], settings, runs=2, go_on=True, program=program)


@pytest.mark.parametrize(
    "name",
    [
        "environment/hooks.py",
        "fixtures/world.py",
        "fixtures/streams/30s-english-counting.mp4",
        "behave.ini",
        "environment.py",
        "services/media-service/docker-compose.e2e.yml",
        "services/sts-service/docker-compose.e2e.yml",
    ],
)
def test_a_suite_is_known_by_all_that_its_runs_are_made_of(name: str) -> None:
    suite = Source("suite", PurePosixPath(), past._SUITE)
    assert name in [path for path, _mode, _content in take_snapshot(suite).files]


def test_without_a_soak_there_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="no soak to go on with"):
        soak(quiet()[0], settings_of(tmp_path), runs=2, go_on=True)
