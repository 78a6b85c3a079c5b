"""The compose command, a project of it, and a session that goes from one topology to the other."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment import session as session_module
from environment.errors import NotHealthy, ToolUnavailable
from environment.provision import debian
from environment.provision.compose import Compose, ensure_compose, find_compose
from environment.session import DUAL_CLIP, MAIN_CLIP, Session
from environment.settings import Settings, load_settings
from environment.stack import blueprint, compose_project
from environment.stack import compose as compose_stack
from environment.stack import compose_variables as told
from environment.stack.compose_project import ComposeFailed, ComposeProject, Volume
from environment.stack.ownership import Owner
from environment.stack.ports import is_port_conflict
from tests.environment.fake_system import FakeStack, bring_up

IMAGES: Any = SimpleNamespace(
    base="base",
    media_server="media-server",
    media_service="media-service",
    sts_service="sts-service",
)
OWNER = Owner.current("test")
RECORDING = """#!/bin/sh
[ "$1" = compose ] && exit 1
[ "$1" = version ] && { echo 1.29.2; exit 0; }
printf '%s\\n' "$*" >> "$SAID"
echo "STS_PORT=$STS_PORT" >> "$SAID"
case "$*" in *config) echo "a warning" >&2; echo "networks: ${E2E_STS_NETWORK:-none}"; exit;; esac
[ -z "$HANGS" ] || { echo "$HANGS"; exec sleep 30; }
[ -z "$REFUSES" ] || { echo "$REFUSES"; exit 1; }
echo done
"""


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("docker", "docker-compose"):
        (programs / name).write_text(RECORDING)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("SAID", str(tmp_path / "said"))
    return tmp_path / "said"


def make_project(tmp_path: Path, **volumes: Volume) -> ComposeProject:
    return ComposeProject(
        Compose(("docker-compose",), "1.29.2"),
        "e2e-sts",
        tmp_path / "docker-compose.e2e.yml",
        services=("sts-service",),
        volumes=volumes,
        network_variable="E2E_STS_NETWORK",
        labels={"e2e.run": "mine"},
        variables={"STS_PORT": "4000", "E2E_STS_NETWORK": "net-mine"},
        folder=tmp_path / "overrides",
    )


def make_settings(**changes: Any) -> Settings:
    return told.dual_settings(load_settings({"e2e_run_id": "", **changes}))


def test_a_docker_without_the_plugin_is_passed_over(said: Path) -> None:
    assert find_compose() == Compose(("docker-compose",), "1.29.2")
    assert find_compose("docker compose") is None


def test_none_and_no_way_to_install_one_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(debian, "can_install", lambda: False)
    with pytest.raises(ToolUnavailable, match="docker compose"):
        ensure_compose(SimpleNamespace(), "")  # type: ignore[arg-type]


def test_up_hands_over_the_variables_and_puts_labels_on_all_that_is_ours(
    said: Path, tmp_path: Path
) -> None:
    project = make_project(tmp_path, models=Volume("models-mine"))
    project.variables["STS_PORT"] = "4001"
    project.up()
    assert said.read_text().splitlines()[-1] == "STS_PORT=4001"
    assert "-p e2e-sts -f" in said.read_text()
    override = json.loads((tmp_path / "overrides" / "e2e-sts.override.json").read_text())
    mine = {"e2e.run": "mine"}
    assert override["services"] == {"sts-service": {"labels": mine}}
    assert override["networks"]["default"]["name"] == "net-mine"
    assert override["networks"]["default"]["labels"] == mine
    assert override["volumes"] == {"models": {"labels": mine, "name": "models-mine"}}


def test_a_file_is_read_for_somebody_who_has_set_nothing(
    said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    project.file.write_text("${STS_PORT:-3000} ${E2E_STS_NETWORK:-none}")
    monkeypatch.setenv("STS_PORT", "4002")
    assert project.resolved() == {"networks": "none"}
    assert said.read_text().splitlines() == [f"-p e2e-sts -f {project.file} config", "STS_PORT="]
    assert project.resolved({"E2E_STS_NETWORK": "told"}) == {"networks": "told"}


@pytest.mark.parametrize(("owned", "removed"), [(True, True), (False, False)])
def test_a_volume_that_is_nobodys_run_s_is_never_removed(
    said: Path, tmp_path: Path, owned: bool, removed: bool
) -> None:
    make_project(tmp_path, models=Volume("full-models", owned=owned)).down()
    assert ("--volumes" in said.read_text()) is removed
    override = json.loads((tmp_path / "overrides" / "e2e-sts.override.json").read_text())
    assert ("volumes" in override) is owned


def test_a_refusal_is_told_with_what_compose_said(
    said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUSES", "Bind for 0.0.0.0:4000 failed: port is already allocated")
    with pytest.raises(ComposeFailed, match="already allocated") as refused:
        make_project(tmp_path).up()
    assert is_port_conflict(refused.value.refusal)


def test_what_compose_said_before_its_time_was_over_is_told(
    said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGS", "Container e2e-sts-service  Waiting")
    monkeypatch.setattr(compose_project, "UP_TIMEOUT_S", 3.0)
    with pytest.raises(ComposeFailed, match="not done within 3 s") as late:
        make_project(tmp_path).up()
    assert late.value.said == "Container e2e-sts-service  Waiting\n"
    assert "e2e-sts-service  Waiting" in str(late.value)


@pytest.mark.parametrize("interrupted", [False, True])
def test_nobody_waits_for_a_project_s_health_once_the_start_has_failed(
    interrupted: bool, said: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = compose_stack.ComposeStack(
        SimpleNamespace(),  # type: ignore[arg-type]
        IMAGES,
        make_settings(),
        OWNER,
        compose=Compose(("docker-compose",), "1.29.2"),
        folder=tmp_path,
    )
    waiting, ended = threading.Event(), threading.Event()

    def wait_healthy(*, cancelled: threading.Event | None = None) -> None:
        waiting.set()
        if cancelled is not None and cancelled.wait(10):
            ended.set()
        raise NotHealthy("Stopped waiting.")

    def up_media() -> None:
        assert waiting.wait(10)
        if not interrupted:
            raise ComposeFailed("media failed", said="")

    def interrupt(*_anything: object, **_options: object) -> None:
        assert waiting.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(compose_stack, "sweep_in_turn", lambda _client: None)
    monkeypatch.setattr(compose_stack, "free_project", lambda *_names: None)
    monkeypatch.setattr(stack.projects["media"], "up", up_media)
    for container in stack.containers.values():
        monkeypatch.setattr(container, "adopt", lambda _spec: None)
        monkeypatch.setattr(container, "wait_healthy", wait_healthy)
    if interrupted:
        monkeypatch.setattr(compose_stack, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt if interrupted else ComposeFailed):
        stack.start()
    assert ended.is_set()


def test_019_has_its_own_numbers_unless_they_are_said() -> None:
    usual = make_settings()
    assert (usual.sts_reconnect_attempts, usual.sts_unavailable_policy) == (3, "fail")
    assert make_settings(sts_reconnect_attempts=7).sts_reconnect_attempts == 7


def test_sts_service_listens_where_it_is_published_and_media_service_is_told() -> None:
    settings = make_settings(e2e_run_id="x")
    ports = {**told.host_ports(settings), "STS_PORT": 4000}
    specs = told.describe(settings, IMAGES, OWNER, ports)
    sts, media = specs[blueprint.STS_SERVICE], specs[blueprint.MEDIA_SERVICE]
    assert (sts.name, sts.ports, sts.http_port) == ("e2e-sts-service-x", {4000: 4000}, 4000)
    assert sts.environment["PORT"] == "4000"
    assert media.environment["STS_SERVICE_URL"] == "http://host.docker.internal:4000"


def test_every_variable_of_a_file_is_given() -> None:
    settings = make_settings()
    ports = told.host_ports(settings)
    specs = told.describe(settings, IMAGES, OWNER, ports)
    given = {
        told.MEDIA_FILE: {*told.media_variables(settings, IMAGES, specs), "STS_SERVICE_URL"},
        told.STS_FILE: {*told.sts_variables(settings, IMAGES, specs)},
    }
    for file, names in given.items():
        asked = {part.split(":-")[0] for part in file.read_text().split("${")[1:]}
        left = asked - names - set(ports) - {"DEBUG_DELAY_S"}
        assert not left, file


def test_one_topology_stands_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first: list[FakeStack] = []
    second: list[FakeStack] = []
    monkeypatch.setattr(session_module, "bring_up_dual", bring_up(second))
    session = Session(Settings(), root=tmp_path / "artifacts", bring_up=bring_up(first))
    try:
        assert session.serving(["p1"]) is session
        session.stack()
        dual = session.serving(["dual-compose", "p1"])
        assert first[0].calls == ["start", "down"]
        assert (dual.artifacts, dual.main_clip) == (session.artifacts, DUAL_CLIP)
        dual.stack()
        assert session.serving(["dual-compose"]) is dual
        assert second[0].calls == ["start"]
        dual.interrupted = True
        assert session.interrupted
        session.interrupted = False
        assert session.serving([]) is session
        assert second[0].calls == ["start", "down"]
        assert session.main_clip == MAIN_CLIP
        session.serving(["dual-compose"]).stack()
    finally:
        session.close()
    assert second[1].calls == ["start", "down"]
