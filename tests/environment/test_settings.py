from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from environment.errors import SettingsInvalid
from environment.settings import REPO_ROOT, Settings, load_settings
from sts_service.engines.registry import PROFILES


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")


def test_defaults_are_the_design_s() -> None:
    settings = load_settings()
    ports = (
        settings.mediamtx_rtmp_port,
        settings.mediamtx_rtsp_port,
        settings.mediamtx_api_port,
        settings.media_service_port,
        settings.sts_port,
    )
    assert ports == (1935, 8554, 9997, 8080, 3000)
    assert settings.network_name == "e2e-dubbing-network"
    assert settings.sts_service_url == "http://sts-service:3000"
    assert not settings.sts_is_foreign
    assert settings.named("e2e-mediamtx") == "e2e-mediamtx"


def test_the_environment_wins_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("STS_PORT=3001\nMEDIA_SERVICE_PORT=8081\nUNRELATED=1\n")
    monkeypatch.setenv("STS_PORT", "3002")
    settings = load_settings()
    assert (settings.sts_port, settings.media_service_port) == (3002, 8081)


def test_another_file_is_read_in_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STS_PORT=3001\n")
    (tmp_path / "ci.env").write_text("MEDIA_SERVICE_PORT=8082\n")
    monkeypatch.setenv("E2E_ENV_FILE", str(tmp_path / "ci.env"))
    settings = load_settings()
    assert (settings.sts_port, settings.media_service_port) == (3000, 8082)


def test_a_file_that_is_named_and_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_ENV_FILE", "nobody.env")
    with pytest.raises(SettingsInvalid, match=r"E2E_ENV_FILE='nobody\.env'.*Remedy: "):
        load_settings()


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAMTX_RTMP_PORT", "")
    assert load_settings().mediamtx_rtmp_port == 1935


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MEDIAMTX_RTMP_PORT", "70000"),
        ("STS_PORT", "http"),
        ("STS_SERVICE_URL", "sts-service:3000"),
        ("STS_SERVICE_URL", "http://sts-service:port"),
        ("E2E_TIMEOUT_MULTIPLIER", "0"),
        ("E2E_RUN_ID", "a run"),
        ("E2E_NETWORK_NAME", "-net"),
        ("STS_PROFILE", "whisper"),
        ("STS_WORKERS", "0"),
        ("LOAD_TIMEOUT", "soon"),
        ("E2E_DYNAMIC_PORTS", "perhaps"),
        ("STS_UNAVAILABLE_POLICY", "panic"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings()
    message = str(caught.value)
    assert f"{variable}={value!r}" in message
    assert "\n" not in message
    assert "Remedy: " in message


def test_every_bad_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STS_PORT", "0")
    monkeypatch.setenv("MAX_INFLIGHT", "many")
    with pytest.raises(SettingsInvalid, match=r"STS_PORT=.*MAX_INFLIGHT="):
        load_settings()


def test_the_run_s_id_goes_behind_names_and_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_RUN_ID", "ci-7")
    settings = load_settings()
    assert settings.named("sts-service") == "sts-service-ci-7"
    assert settings.network_name == "e2e-dubbing-network-ci-7"


def test_a_given_network_name_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2E_RUN_ID", "ci-7")
    monkeypatch.setenv("E2E_NETWORK_NAME", "ci-dubbing-net")
    assert load_settings().network_name == "ci-dubbing-net"


@pytest.mark.parametrize(
    ("url", "foreign"),
    [
        ("http://sts-service:3000", False),
        ("http://sts-service-ci-7:3000/", False),
        ("http://sts-prod:8000", True),
        ("http://localhost:3000", True),
    ],
)
def test_a_foreign_endpoint_is_told_by_its_host(url: str, foreign: bool) -> None:
    assert load_settings({"sts_service_url": url, "e2e_run_id": "ci-7"}).sts_is_foreign is foreign


@pytest.mark.parametrize(
    ("given", "root"), [("artifacts", REPO_ROOT / "artifacts"), ("/srv/else", Path("/srv/else"))]
)
def test_evidence_lies_below_the_repository_or_elsewhere(given: str, root: Path) -> None:
    assert load_settings({"e2e_artifacts": given}).artifacts_root == root


def test_deadlines_stretch() -> None:
    assert load_settings({"e2e_timeout_multiplier": 2.5}).timeout(30) == 75


def test_every_variable_is_explained_and_secrets_are_not_printed() -> None:
    variables = {v.name: v for v in load_settings({"sts_api_key": "s3cret"}).variables()}
    assert all(variable.meaning for variable in variables.values())
    assert variables["STS_API_KEY"].value == "***"
    assert variables["E2E_DYNAMIC_PORTS"].value == "0"
    assert variables["SEGMENT_DURATION_S"].value == "6"


def test_the_profiles_offered_are_those_of_the_service() -> None:
    offered = Settings.model_fields["sts_profile"].annotation
    assert set(get_args(offered)) == set(PROFILES)


def test_knows_which_variable_sets_a_port() -> None:
    settings = load_settings()
    assert settings.port_variables(1935) == ("MEDIAMTX_RTMP_PORT",)
    assert settings.port_variables(4711) == ()
    twice = load_settings({"media_service_port": 3000})
    assert twice.port_variables(3000) == ("MEDIA_SERVICE_PORT", "STS_PORT")
    foreign = load_settings({"media_service_port": 3000, "sts_service_url": "http://prod:1"})
    assert foreign.port_variables(3000) == ("MEDIA_SERVICE_PORT",)
