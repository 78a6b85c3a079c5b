"""Two runs that have not been given names of their own, and two compose projects of one name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import NameTaken
from environment.provision.compose import Compose
from environment.settings import load_settings
from environment.stack import compose
from environment.stack.compose import ComposeStack
from environment.stack.compose_project import ComposeProject
from environment.stack.ownership import Owner
from tests.environment.engine_in_memory import EngineInMemory

PROJECT_LABEL = "com.docker.compose.project"
IMAGES: Any = SimpleNamespace(
    base="base",
    media_server="media-server",
    media_service="media-service",
    sts_service="sts-service",
)
OWNER = Owner.current("second")
LIVING = replace(OWNER, run="first")
DEAD = replace(LIVING, start="0")


class Projects:
    """What compose would be called for, by project, and what that does to the engine."""

    def __init__(self, engine: EngineInMemory) -> None:
        self.engine = engine
        self.calls: list[str] = []
        self.stack: ComposeStack | None = None

    def up(self, project: ComposeProject) -> None:
        self.calls.append(f"up {project.name}")
        key = "sts" if project.name.startswith("e2e-sts") else "media"
        labels = OWNER.labels() | {PROJECT_LABEL: project.name}
        if not self.engine.networks.list([project.network]):
            self.engine.networks.create(project.network, labels=labels)
        assert self.stack is not None
        for container in self.stack.of_project(key):
            if container.name in self.engine.names:
                self.engine.containers.get(container.name).remove()
            self.engine.containers.create(
                container.spec.image, name=container.name, labels=labels, network=project.network
            ).start()


@pytest.fixture
def engine() -> EngineInMemory:
    return EngineInMemory()


@pytest.fixture
def projects(engine: EngineInMemory, monkeypatch: pytest.MonkeyPatch) -> Projects:
    projects = Projects(engine)
    monkeypatch.setattr(compose, "sweep_in_turn", lambda _client: [])

    def up(project: ComposeProject) -> None:
        projects.up(project)

    def down(project: ComposeProject) -> None:
        projects.calls.append(f"down {project.name}")

    monkeypatch.setattr(ComposeProject, "up", up)
    monkeypatch.setattr(ComposeProject, "down", down)
    return projects


def make_stack(engine: Any, projects: Projects, folder: Path, **settings: Any) -> ComposeStack:
    stack = ComposeStack(
        engine,
        IMAGES,
        load_settings({"e2e_run_id": "", **settings}),
        OWNER,
        compose=Compose(("docker-compose",), "1.29.2"),
        folder=folder,
    )
    projects.stack = stack
    return stack


def put(engine: EngineInMemory, name: str, owner: Owner | None, project: str = "") -> None:
    labels = (owner.labels() if owner else {}) | ({PROJECT_LABEL: project} if project else {})
    engine.containers.create("sts-service", name=name, labels=labels).start()


def test_the_projects_of_a_living_run_are_neither_taken_over_nor_taken_down(
    engine: EngineInMemory, projects: Projects, tmp_path: Path
) -> None:
    put(engine, "e2e-sts-service", LIVING, "e2e-sts")
    stack = make_stack(engine, projects, tmp_path)
    with pytest.raises(NameTaken, match=r"e2e-sts-service is taken by the run 'first'") as taken:
        stack.start()
    assert "set E2E_RUN_ID to run beside it, or wait for its end" in str(taken.value)
    stack.down()
    assert projects.calls == ["down e2e-media"]
    assert engine.names == ["e2e-sts-service"]


def test_a_single_up_is_refused_as_well(
    engine: EngineInMemory, projects: Projects, tmp_path: Path
) -> None:
    put(engine, "e2e-media-service", LIVING, "e2e-media")
    with pytest.raises(NameTaken, match="e2e-media-service"):
        make_stack(engine, projects, tmp_path).up("media", healthy=False)
    assert projects.calls == []


def test_ids_that_differ_in_capitals_only_have_the_same_project(
    engine: EngineInMemory, projects: Projects, tmp_path: Path
) -> None:
    put(engine, "e2e-sts-service-mine", LIVING, "e2e-sts-mine")
    stack = make_stack(engine, projects, tmp_path, e2e_run_id="Mine")
    with pytest.raises(NameTaken, match="e2e-sts-service-mine"):
        stack.up("sts", healthy=False)


def test_a_network_of_a_living_run_is_in_the_way_too(
    engine: EngineInMemory, projects: Projects, tmp_path: Path
) -> None:
    engine.networks.create("e2e-sts-network", labels=LIVING.labels())
    with pytest.raises(NameTaken, match="network name e2e-sts-network is taken by the run 'first'"):
        make_stack(engine, projects, tmp_path).up("sts", healthy=False)


@pytest.mark.parametrize("project", ["", "e2e-sts"])
def test_a_name_of_anybody_s_is_in_the_way(
    engine: EngineInMemory, projects: Projects, tmp_path: Path, project: str
) -> None:
    put(engine, "e2e-sts-service", None, project)
    with pytest.raises(NameTaken, match=r"not the suite's.*docker rm -f e2e-sts-service"):
        make_stack(engine, projects, tmp_path).up("sts", healthy=False)


def test_what_a_dead_run_has_left_makes_room(
    engine: EngineInMemory, projects: Projects, tmp_path: Path
) -> None:
    put(engine, "e2e-sts-service", DEAD, "e2e-sts")
    engine.networks.create("e2e-sts-network", labels=DEAD.labels())
    stack = make_stack(engine, projects, tmp_path)
    stack.up("sts", healthy=False)
    assert Owner.from_labels(engine.containers.get("e2e-sts-service").labels) == OWNER


def test_what_is_this_run_s_own_is_brought_up_again_and_taken_down(
    engine: EngineInMemory, projects: Projects, tmp_path: Path
) -> None:
    stack = make_stack(engine, projects, tmp_path)
    stack.up("sts", healthy=False)
    stack.up("sts", healthy=False)
    stack.down()
    assert projects.calls == ["up e2e-sts", "up e2e-sts", "down e2e-sts", "down e2e-media"]
    assert engine.is_empty
