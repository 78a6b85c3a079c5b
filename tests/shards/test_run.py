"""The suite in several processes, against a made-up behave that leaves what the real one leaves."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from pathlib import Path

import pytest

from environment.console import Progress
from environment.errors import SettingsInvalid
from environment.settings import Settings
from environment.shards.plan import every_feature
from environment.shards.run import as_one, run_shards
from environment.soak.soak import soak
from environment.suite_runs.attempt import Attempt, Scenario
from tests.interrupting import interrupted

# Notes what it was given; says that each feature's scenario had the outcome that ``of`` tells.
FAKE = """
import json, os, signal, sys, time
from pathlib import Path
root = Path(os.environ["E2E_ARTIFACTS"])
number = int(root.name.removeprefix("process-"))
folder = root / "20260101-000000-000"
folder.mkdir(parents=True)
(root / "latest").symlink_to(folder.name)
names = "E2E_RUN_ID", "E2E_NETWORK_NAME", "E2E_DYNAMIC_PORTS"
told = {name: os.environ.get(name) for name in names}
(root / "given.json").write_text(json.dumps(dict(arguments=sys.argv[1:], **told)))
print("behave of process", number)
def end(of):
    results = [
        dict(name="s", feature=word, location=f"{word}:1", outcome=of(word),
             reason="seen: 2", evidence=None)
        for word in sys.argv[1:] if word.endswith(".feature")]
    (folder / "summary.json").write_text(json.dumps(dict(results=results)))
    sys.exit(any(result["outcome"] == "failed" for result in results))
"""
GREEN = FAKE + "end(lambda word: 'passed')"


def settings_of(tmp_path: Path, run_id: str = "") -> Settings:
    return Settings(e2e_artifacts=str(tmp_path), e2e_run_id=run_id)


def fake(tmp_path: Path, text: str) -> tuple[str, str]:
    path = tmp_path / "fake_behave.py"
    path.write_text(text)
    return sys.executable, str(path)


def run(tmp_path: Path, text: str, *arguments: str, run_id: str = "") -> int:
    return run_shards(
        Progress(StringIO()),
        settings_of(tmp_path, run_id),
        jobs=2,
        arguments=arguments,
        program=fake(tmp_path, text),
        limit_s=20,
    )


def given(tmp_path: Path) -> list[dict[str, object]]:
    return [
        json.loads(path.read_text())
        for path in sorted(tmp_path.glob("processes-*/process-*/given.json"))
    ]


def test_two_processes_run_every_feature_once(tmp_path: Path) -> None:
    assert run(tmp_path, GREEN, "--no-color") == 0
    words = [told["arguments"] for told in given(tmp_path)]
    assert len(words) == 2
    features = [word for each in words for word in each if word.endswith(".feature")]  # type: ignore[attr-defined]
    assert sorted(features) == [f"features/{name}" for name in every_feature()]
    assert all("--no-color" in each for each in words)  # type: ignore[operator]


def test_only_the_first_has_the_system_that_the_settings_describe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("E2E_RUN_ID", raising=False)
    monkeypatch.delenv("E2E_DYNAMIC_PORTS", raising=False)
    run(tmp_path, GREEN)
    first, second = given(tmp_path)
    assert (first["E2E_RUN_ID"], first["E2E_DYNAMIC_PORTS"]) == (None, None)
    assert (second["E2E_RUN_ID"], second["E2E_DYNAMIC_PORTS"]) == ("process-2", "1")


@pytest.mark.parametrize(("run_id", "second"), [("mine", "mine-2"), ("x" * 40, "x" * 38 + "-2")])
def test_a_run_id_of_the_users_is_kept_in_the_others(
    tmp_path: Path, run_id: str, second: str
) -> None:
    run(tmp_path, GREEN, run_id=run_id)
    assert given(tmp_path)[1]["E2E_RUN_ID"] == second
    assert Settings(e2e_run_id=second)


def test_a_network_that_has_a_name_is_the_firsts_alone(tmp_path: Path) -> None:
    settings = Settings(e2e_artifacts=str(tmp_path), e2e_network_name="ci-4711")
    run_shards(Progress(StringIO()), settings, jobs=2, program=fake(tmp_path, GREEN))
    first, second = given(tmp_path)
    assert first["E2E_NETWORK_NAME"] is None
    assert second["E2E_NETWORK_NAME"] == "ci-4711-2"


def test_one_failure_fails_the_whole_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    red = FAKE + "end(lambda word: 'failed' if 'us5_container' in word else 'passed')"
    assert run(tmp_path, red) == 1
    printed = capsys.readouterr().out
    assert "failed: features/production/us5_container_lifecycle.feature: s" in printed
    assert f"{len(every_feature()) - 1} passed, 1 failed, 0 skipped; took" in printed
    assert "behave of process 1" in printed
    assert "behave of process 2" in printed


def test_a_process_whose_scenarios_were_all_skipped_is_no_failure(tmp_path: Path) -> None:
    text = FAKE + "end(lambda word: 'passed' if number == 1 else 'skipped')"
    assert run(tmp_path, text) == 0


def test_features_without_a_selected_scenario_are_left_out(tmp_path: Path) -> None:
    assert run(tmp_path, GREEN, "--tags=@us1 and @spec-021") == 0
    (only,) = given(tmp_path)
    assert only["arguments"] == [
        "--tags=@us1 and @spec-021",
        "features/production/us1_independent_containers.feature",
    ]


def test_what_selects_nothing_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="No scenario is selected by --tags=@nobody"):
        run(tmp_path, GREEN, "--tags=@nobody")
    assert given(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (FAKE + "end(lambda word: 'skipped')", "every scenario was skipped"),
        (FAKE + "end(lambda word: 'passed') if number == 1 else sys.exit(0)", "2: ended with exit"),
        (FAKE + "end(lambda word: 'passed') if number == 2 else time.sleep(60)", "1: did not end"),
    ],
)
def test_a_run_that_only_looks_green_has_failed(
    tmp_path: Path, text: str, trouble: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = run_shards(
        Progress(StringIO()),
        settings_of(tmp_path),
        jobs=2,
        program=fake(tmp_path, text),
        limit_s=3 if "sleep" in text else 20,
    )
    assert status == 1
    printed = capsys.readouterr().out
    assert trouble in printed
    assert len(re.findall(r"^process \d: ", printed, re.MULTILINE)) <= 1


def test_a_feature_that_is_named_is_run_by_one_process(tmp_path: Path) -> None:
    assert run(tmp_path, GREEN, "features/production/clips.feature") == 0
    (only,) = given(tmp_path)
    assert only["arguments"] == ["features/production/clips.feature"]


@pytest.mark.parametrize("jobs", [0, 9])
def test_a_number_of_processes_that_makes_no_sense_is_refused(tmp_path: Path, jobs: int) -> None:
    with pytest.raises(SettingsInvalid, match=f"{jobs} processes"):
        run_shards(Progress(StringIO()), settings_of(tmp_path), jobs=jobs)


def test_each_run_of_a_soak_may_have_several_processes(tmp_path: Path) -> None:
    settings, program = settings_of(tmp_path), fake(tmp_path, GREEN)
    assert soak(Progress(StringIO()), settings, runs=2, jobs=2, program=program) == 0
    (total,) = tmp_path.glob("soak-*/soak.json")
    attempts = json.loads(total.read_text())["attempts"]
    assert [len(attempt["scenarios"]) for attempt in attempts] == [len(every_feature())] * 2


@pytest.mark.parametrize(
    ("statuses", "outcomes", "passed"),
    [
        ((0, 0), ("passed", "passed"), True),
        ((0, 1), ("passed", "failed"), False),
        ((0, None), ("passed", "passed"), False),
        ((0, 0), ("passed", "skipped"), True),
    ],
)
def test_processes_are_put_together_as_one_run(
    tmp_path: Path, statuses: tuple[int | None, ...], outcomes: tuple[str, ...], passed: bool
) -> None:
    parts = [
        Attempt(
            n, status, 60.0 * n, tmp_path, tmp_path, (Scenario("s", "F", "f", told, None, None),)
        )
        for n, (status, told) in enumerate(zip(statuses, outcomes, strict=True), start=1)
    ]
    whole = as_one(7, tmp_path, parts)
    assert (whole.number, whole.duration_s, len(whole.scenarios)) == (7, 120.0, 2)
    assert whole.passed is passed


def test_an_interruption_lets_each_process_clean_up_in_its_own_time(tmp_path: Path) -> None:
    # The real one takes a second signal, seconds after the first, for an order to leave at once.
    program = fake(
        tmp_path,
        FAKE
        + "def tidy(*_):\n"
        + "    with (root / 'asked').open('a') as asked: asked.write('once ')\n"
        + "    time.sleep(4 if number == 1 else 0)\n"
        + "    (root / 'tidied').touch(); sys.exit(1)\n"
        + "signal.signal(signal.SIGTERM, tidy)\n"
        + "(root / 'there').touch()\n"
        + "while True: time.sleep(1)",
    )
    text = (
        "import sys\nfrom environment.console import Progress\n"
        "from environment.settings import Settings\n"
        "from environment.shards.run import run_shards\n"
        f"settings = Settings(e2e_artifacts={str(tmp_path)!r})\n"
        f"sys.exit(run_shards(Progress(), settings, jobs=2, program={program!r}))\n"
    )
    status, printed = interrupted(
        tmp_path, text, under_way=lambda: len(list(tmp_path.glob("*/*/there"))) == 2
    )
    assert status == 130
    assert "all processes clean up" in printed
    assert "interrupted: what was cut short" in printed
    assert len(list(tmp_path.glob("*/*/tidied"))) == 2
    assert [path.read_text() for path in tmp_path.glob("*/*/asked")] == ["once ", "once "]
