"""Nested runs: their own settings, and what of theirs is found."""

import os
from pathlib import Path

import pytest

from environment.runs.nested import (
    belongs_to,
    nested_environment,
    processes_of,
    published_ports,
)
from environment.runs.program import Program
from environment.settings import Settings


def test_a_nested_run_has_its_own_names_whatever_the_outer_one_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = "E2E_NETWORK_NAME=mine\nE2E_RUN_ID=outer\nE2E_ARTIFACTS=there\nE2E_KEEP=1\n"
    (tmp_path / ".env").write_text(outer)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    for name, value in nested_environment("nested-7-fails", tmp_path / "nested").items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.network_name == "e2e-dubbing-network-nested-7-fails"
    assert settings.named("sts-service") == "sts-service-nested-7-fails"
    assert settings.artifacts_root == tmp_path / "nested"
    assert settings.e2e_dynamic_ports
    assert settings.e2e_keep


@pytest.mark.parametrize(
    ("name", "labels", "ours"),
    [
        ("container sts-service-nested-7 running", None, True),
        ("volume anonymous", {"e2e.run": "20260101-000000-000-nested-7"}, True),
        ("network other", {"e2e.run": "20260101-000000-000"}, False),
        ("network other", {}, False),
        ("container in the way of nested-7", {"e2e.run": "20260101-000000-000-outer"}, False),
    ],
)
def test_a_run_s_things_are_known_by_name_and_by_label(
    name: str, labels: dict[str, str] | None, ours: bool
) -> None:
    assert belongs_to("nested-7", name, labels) is ours


def test_the_ports_of_a_run_are_those_of_its_containers() -> None:
    ours = {
        "Names": ["/sts-service-nested-7"],
        "Labels": {},
        "Ports": [{"PublicPort": 4000, "PrivatePort": 3000}, {"PrivatePort": 9}],
    }
    others = {**ours, "Names": ["/sts-service"], "Ports": [{"PublicPort": 3000}]}
    assert published_ports("nested-7", [ours, others]) == {4000}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")
def test_a_run_s_processes_are_found_while_they_live() -> None:
    environment = {**os.environ, "E2E_RUN_ID": "nested-test-processes"}
    with Program(["sleep", "30"], environment=environment) as program:
        found = processes_of("nested-test-processes")
        assert found == [f"process {program.pid} sleep 30"]
    assert processes_of("nested-test-processes") == []
