from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

from environment.console import Progress
from environment.errors import ContainerFailed, ImageUnavailable, NameTaken, WaitTimeout
from environment.provision import workbench
from environment.provision.errand import Errand, Outcome, packed, run_errand
from environment.provision.pip_config import CA_IN_CONTAINER as CA
from environment.provision.pip_config import CONFIG_IN_CONTAINER, PipConfig
from environment.settings import Settings
from environment.stack.ownership import RUN_LABEL, Owner

ERRAND = Errand("test", "dubspec/workbench:1", ("pytest", "-x"), timeout_s=5.0)


class Engine:
    """An engine whose containers say `said`, end with `status`, and hold `inside`."""

    def __init__(self, said: tuple[bytes, ...] = (b"1 passed\n",), status: int = 0) -> None:
        self.said = said
        self.status = status
        self.inside: dict[str, bytes] = {}
        self.created: list[dict[str, Any]] = []
        self.handed_in: dict[str, bytes] = {}
        self.removed = threading.Event()
        self.made_volumes: list[str] = []
        self.hangs = False
        self.at_work: list[SimpleNamespace] = []
        self.asked_for: dict[str, Any] = {}
        self.containers = SimpleNamespace(create=self._create, list=self._list)
        self.volumes = SimpleNamespace(create=self.made_volumes.append)

    def _list(self, *, filters: dict[str, Any], ignore_removed: bool) -> list[SimpleNamespace]:
        self.asked_for = filters
        return self.at_work

    def _create(self, image: str, command: list[str], **options: Any) -> Any:
        self.created.append({"image": image, "command": command, **options})
        return SimpleNamespace(
            put_archive=self._put,
            start=lambda: None,
            logs=lambda **_options: self._logs(),
            wait=lambda **_options: {"StatusCode": self.status},
            get_archive=lambda _path: (iter([packed(self.inside)]), {}),
            remove=lambda **_options: self.removed.set(),
        )

    def _logs(self) -> Iterator[bytes]:
        yield from self.said
        if self.hangs:
            assert self.removed.wait(5)

    def _put(self, _path: str, archive: bytes) -> None:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                content = tar.extractfile(member)
                assert content is not None
                self.handed_in[f"/{member.name}"] = content.read()


def run(engine: Engine, errand: Errand = ERRAND, heard: list[bytes] | None = None) -> Outcome:
    client: Any = engine
    told: list[bytes] = [] if heard is None else heard
    return run_errand(client, errand, Owner.current("test"), told.append)


def test_what_it_says_is_told_and_its_status_given() -> None:
    engine = Engine(said=(b"..F\n", b"1 failed\n"), status=1)
    heard: list[bytes] = []
    outcome = run(engine, heard=heard)
    assert outcome == Outcome(1, "..F\n1 failed\n")
    assert heard == [b"..F\n", b"1 failed\n"]
    assert engine.removed.is_set()


def test_the_container_bears_its_owner_and_has_no_network_unless_asked() -> None:
    engine = Engine()
    run(engine)
    run(engine, replace(ERRAND, on_host_network=True))
    assert engine.created[0]["labels"][RUN_LABEL] == "test"
    assert [made["network_mode"] for made in engine.created] == ["none", "host"]


def test_files_go_in_before_it_starts() -> None:
    engine = Engine()
    run(engine, replace(ERRAND, files={"/work/pyproject.toml": b"[project]"}))
    assert engine.handed_in == {"/work/pyproject.toml": b"[project]"}


def test_results_come_out_as_plain_files(tmp_path: Path) -> None:
    engine = Engine()
    engine.inside = {"models/a.tar.xz": b"a", "models/deeper/b": b"b", "models/../../c": b"c"}
    target = tmp_path / "models"
    run(engine, replace(ERRAND, brought_back={"/work/fixtures/models": target}))
    assert [(path.name, path.read_bytes()) for path in target.iterdir()] == [("a.tar.xz", b"a")]
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize("even_failed", [False, True])
def test_what_failed_brings_back_only_what_is_asked_for(tmp_path: Path, even_failed: bool) -> None:
    engine = Engine(status=1)
    engine.inside = {"models/a.tar.xz": b"a"}
    errand = replace(
        ERRAND,
        brought_back={"/work/fixtures/models": tmp_path / "models"},
        even_failed=even_failed,
    )
    run(engine, errand)
    assert (tmp_path / "models/a.tar.xz").exists() is even_failed


def test_it_is_ended_at_its_deadline() -> None:
    engine = Engine(said=(b"epoch 1\n",))
    engine.hangs = True
    with pytest.raises(WaitTimeout, match=r"0\.05 s for test to end; last seen: epoch 1"):
        run(engine, replace(ERRAND, timeout_s=0.05))


def test_an_interrupt_removes_the_container() -> None:
    engine = Engine()

    def interrupt(_said: bytes) -> None:
        raise KeyboardInterrupt

    client: Any = engine
    with pytest.raises(KeyboardInterrupt):
        run_errand(client, ERRAND, Owner.current("test"), interrupt)
    assert engine.removed.is_set()


def test_an_engine_that_refuses_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine()

    def refuse(*_arguments: object, **_options: object) -> None:
        raise APIError("404", explanation="no such image")

    engine.containers.create = refuse
    with pytest.raises(ContainerFailed, match=r"test: no such image\. Remedy: `make images`"):
        run(engine)


def test_the_workbench_runs_the_code_as_it_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workbench, "REPO_ROOT", tmp_path)
    engine: Any = Engine(status=1)
    engine.inside = {"engines/pocket.xml": b"<testsuite/>"}
    outcome = workbench.run_engine_tests(engine, "image", ["-k", "silence"], tell=len)
    assert outcome.status == 1
    assert engine.created[0]["command"][-2:] == ["-k", "silence"]
    assert engine.created[0]["environment"]["PROFILES"] == "pocket embedded"
    assert (tmp_path / "artifacts/results/engines/pocket.xml").exists()
    for path in ("pyproject.toml", "services/contracts/__init__.py", "fixtures/world.py"):
        assert f"/work/{path}" in engine.handed_in
    assert not [path for path in engine.handed_in if "wheelhouse/" in path or "pycache" in path]


def test_two_do_not_train_in_the_same_volume() -> None:
    engine: Any = Engine()
    engine.at_work = [SimpleNamespace(name="dubspec-training-1")]
    with pytest.raises(NameTaken, match=r"dubspec-training-1 is training .*docker stop dubspec-tr"):
        workbench.train_models(engine, "image", [], tell=len)
    assert engine.created == []
    assert engine.asked_for["volume"] == workbench.TRAINING_VOLUME
    assert "running" in engine.asked_for["status"]


def test_training_keeps_its_work_in_a_volume_and_its_results_in_the_repository(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workbench, "REPO_ROOT", tmp_path)
    engine: Any = Engine()
    engine.inside = {"models/manifest.json": b"{}"}
    workbench.train_models(engine, "image", [], tell=len)
    assert engine.created[0]["command"][-1] == "all"
    assert engine.created[0]["shm_size"] == "1g"
    (mount,) = engine.created[0]["mounts"]
    assert (mount["Source"], mount["Target"]) == ("dubspec-training", "/work/.training")
    assert (tmp_path / "fixtures/models/manifest.json").read_bytes() == b"{}"


def test_models_are_pulled_into_the_named_volume_with_the_hosts_way_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    way_out = PipConfig(
        {"PIP_INDEX_URL": "x", "https_proxy": "proxy:1"},
        {CA: b"certificates", CONFIG_IN_CONTAINER: b"index-url = https://me:secret@index"},
    )
    monkeypatch.setenv("HF_TOKEN", "mine")
    monkeypatch.setattr(workbench, "ensure_base", lambda *_arguments: None)
    monkeypatch.setattr(workbench, "ensure_built", lambda *_arguments: "dubspec/sts-service:1")
    monkeypatch.setattr(workbench, "read_pip_config", lambda: way_out)
    engine: Any = Engine()
    settings = Settings(_env_file=None, e2e_models_volume="mine", asr_model="tiny")
    workbench.pull_models(engine, settings, Progress(io.StringIO()), brought=tmp_path, tell=len)
    (made,) = engine.created
    assert made["command"][-3:] == ["pull", "--from", "/bring"]
    assert made["network_mode"] == "host"
    assert made["environment"]["https_proxy"] == "proxy:1"
    assert made["environment"]["ASR_MODEL"] == "tiny"
    assert made["environment"]["HF_TOKEN"] == "mine"
    assert "HF_HUB_OFFLINE" not in made["environment"], "its program decides that"
    assert "PIP_INDEX_URL" not in made["environment"]
    assert engine.handed_in == {CA: b"certificates"}
    volume, folder = made["mounts"]
    assert (volume["Source"], volume["Target"]) == ("mine", "/models")
    assert (folder["Source"], folder["ReadOnly"]) == (str(tmp_path), True)


def test_a_folder_that_is_not_there_is_told_before_anything_is_built(tmp_path: Path) -> None:
    engine: Any = Engine()
    with pytest.raises(ImageUnavailable, match=r"no folder .* Remedy: make pull-models FROM="):
        workbench.pull_models(
            engine, Settings(_env_file=None), Progress(), brought=tmp_path / "nowhere"
        )


def test_a_network_is_joined_by_name_and_the_processor_shared_by_weight() -> None:
    engine = Engine()
    run(engine, replace(ERRAND, network="e2e-dubbing-network", cpu_weight=8192))
    (made,) = engine.created
    assert (made["network_mode"], made["cpu_shares"]) == ("e2e-dubbing-network", 8192)
