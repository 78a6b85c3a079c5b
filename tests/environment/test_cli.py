from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from environment import __main__ as cli
from environment import commands
from environment.bench import __main__ as bench
from environment.errors import EngineUnavailable, NotHealthy
from environment.settings import Settings

COMMANDS = (
    *("setup", "images", "up", "down", "config", "fixtures"),
    *("models", "engines", "pull-models", "soak", "trace", "verbatim", "clean"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    assert command in capsys.readouterr().out


def test_what_cannot_be_done_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_progress: object) -> None:
        raise EngineUnavailable("No Docker engine answers.", remedy="start one.")

    monkeypatch.setattr(commands, "ensure_engine", fail)
    assert cli.main(["images"]) == 2
    assert capsys.readouterr().err == "No Docker engine answers. Remedy: start one.\n"


def test_an_engine_that_fails_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_progress: object) -> None:
        raise APIError("500", explanation="no space left on device")

    monkeypatch.setattr(commands, "ensure_engine", fail)
    assert cli.main(["images"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "no space left on device" in said


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room on that disk"),
        (errno.EACCES, "must be yours"),
        (errno.EROFS, "must be yours"),
        (errno.EMFILE, "put that right"),
    ],
)
def test_what_the_machine_refuses_is_one_line_and_status_2(
    number: int,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_anything: object) -> None:
        raise OSError(number, os.strerror(number), "/there/run.log")

    monkeypatch.setattr(commands, "ensure_engine", fail)
    monkeypatch.setattr(bench, "_measure_profile", fail)
    monkeypatch.setattr(sys, "argv", ["bench"])
    monkeypatch.setattr(signal, "signal", lambda *_anything: None)
    commands_that_fail: tuple[Callable[[], int], ...] = (lambda: cli.main(["images"]), bench.main)
    for main in commands_that_fail:
        assert main() == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert os.strerror(number) in said
        assert "/there/run.log" in said
        assert remedy in said


def test_an_interrupt_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_progress: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "ensure_engine", interrupt)
    assert cli.main(["images"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_bad_variable_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STS_PORT", "none")
    assert cli.main(["config"]) == 2
    assert "STS_PORT" in capsys.readouterr().err


def test_config_prints_lines_an_env_file_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STS_PORT", "3100")
    assert cli.main(["config"]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("STS_PORT"))
    assert line.startswith("STS_PORT=3100 ")
    assert "default '3000'" in line


class Unwell:
    """A stack whose media-service does not come up; notes what is done in which order."""

    def __init__(self, settings: Settings, *, present: bool = True) -> None:
        self.settings = settings
        status = "running" if present else "absent"
        container = SimpleNamespace(
            status=status, logs=self._logs, inspect=dict[str, Any], image="media-service"
        )
        self.containers = {"media-service": container}
        self.done: list[str] = []

    def start(self) -> None:
        raise NotHealthy("media-service is not healthy.")

    def _logs(self, since: float) -> str:
        self.done.append("logs")
        return "why it did not come up"


def fail_up(monkeypatch: pytest.MonkeyPatch, stack: Unwell) -> None:
    for name in ("ensure_engine", "ensure_host_tools", "ensure_images", "sweep_in_turn"):
        monkeypatch.setattr(commands, name, lambda *_anything: None)
    monkeypatch.setattr(commands, "remove_kept", lambda *_anything: [])
    monkeypatch.setattr(commands, "ProductionStack", lambda *_anything: stack)
    monkeypatch.setattr(commands, "reap", lambda *_anything: stack.done.append("reap"))
    assert cli.main(["up"]) == 2


def test_an_up_that_fails_keeps_the_logs_of_its_containers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stack = Unwell(Settings(e2e_artifacts=str(tmp_path)))
    fail_up(monkeypatch, stack)
    assert stack.done == ["logs", "reap"]
    kept = tmp_path / "latest" / "stack" / "media-service.log"
    assert kept.read_text() == "why it did not come up"
    assert "media-service is not healthy" in (tmp_path / "latest" / "run.log").read_text()
    assert f"the containers' logs: {kept.parent.resolve()}/" in capfd.readouterr().err


def test_an_up_whose_logs_cannot_be_kept_still_removes_what_it_made_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    stack = Unwell(Settings(e2e_artifacts=str(tmp_path / "file" / "artifacts")))
    fail_up(monkeypatch, stack)
    said = capfd.readouterr().err
    assert stack.done == ["reap"]
    assert "could not be kept: NotADirectoryError" in said
    assert said.endswith("media-service is not healthy.\n")


def test_an_up_that_made_no_container_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fail_up(monkeypatch, Unwell(Settings(e2e_artifacts=str(tmp_path)), present=False))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("run_id", "told"),
    [("", "`make down` removes it."), ("demo", "`E2E_RUN_ID=demo make down` removes it.")],
)
def test_up_names_the_command_that_removes_what_it_left(run_id: str, told: str) -> None:
    stack: Any = SimpleNamespace(
        settings=Settings(e2e_run_id=run_id),
        media_service=SimpleNamespace(url=str),
        rtmp_url=str,
        sts_url="http://sts",
        api_url="http://api",
    )
    system: Any = SimpleNamespace(is_stand_in=True, speech="pocket")
    assert told in commands._where_it_listens(stack, system)


def test_cleaning_up_never_starts_an_engine(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "find_engine", lambda: None)
    assert cli.main(["down"]) == 0


@pytest.mark.parametrize(("options", "wanted"), [([], "kept, swept"), (["--all"], "all")])
def test_down_removes_what_is_left_or_everything(
    options: list[str],
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "find_engine", object)
    monkeypatch.setattr(commands, "remove_kept", lambda _client, _run: ["kept"])
    monkeypatch.setattr(commands, "sweep_in_turn", lambda _client: ["swept"])
    monkeypatch.setattr(commands, "remove_all", lambda _client: ["all"])
    assert cli.main(["down", *options]) == 0
    assert capsys.readouterr().out == f"removed: {wanted}\n"


def test_clean_removes_what_was_made_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for made in (
        "artifacts/run",
        ".setup",
        ".mypy_cache",
        "services/mediamtx/offline",
        "services/sts-service/sts_service",
        ".venv",
    ):
        (tmp_path / made).mkdir(parents=True)
    removed: list[str] = []
    client = SimpleNamespace(
        containers=SimpleNamespace(list=lambda **_options: []),
        images=SimpleNamespace(
            list=lambda **_options: [SimpleNamespace(tags=["dubspec/base:1", "dubspec/base:2"])],
            remove=removed.append,
        ),
        volumes=SimpleNamespace(list=lambda filters: ["there"] if "models" in str(filters) else []),
    )
    monkeypatch.setattr(commands, "REPO_ROOT", tmp_path)
    monkeypatch.setattr(commands, "SETUP_FOLDER", tmp_path / ".setup")
    monkeypatch.setattr(commands, "find_engine", lambda: client)
    monkeypatch.setattr(commands, "down", lambda _progress: 0)
    assert cli.main(["clean"]) == 0
    assert removed == ["dubspec/base:1", "dubspec/base:2"]
    assert "kept    volume dubspec-models" in capfd.readouterr().err
    assert not (tmp_path / "artifacts").exists()
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".venv",
        "mediamtx",
        "offline",
        "services",
        "sts-service",
        "sts_service",
    ]


@pytest.mark.parametrize("command", ["fixtures", "models", "engines"])
def test_a_program_gets_its_own_options(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def program(*arguments: list[str]) -> int:
        given.append(arguments[-1])
        return 0

    monkeypatch.setattr(commands, command, program)
    assert cli.main([command, "--check"]) == 0
    assert given == [["--check"]]


@pytest.mark.parametrize(("options", "brought"), [([], None), (["--from", "/there"], "/there")])
def test_models_come_from_the_hubs_or_from_a_folder(
    options: list[str], brought: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str | None] = []

    def pull(_progress: object, folder: str | None) -> int:
        given.append(folder)
        return 0

    monkeypatch.setattr(commands, "pull", pull)
    assert cli.main(["pull-models", *options]) == 0
    assert given == [brought]


def test_other_commands_take_no_strange_options() -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["down", "--check"])
    assert ended.value.code == 2
