"""The two compose files as they lie there: what both generations of compose take, and FR-027 ff."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from environment.settings import REPO_ROOT

FILES = {
    "media": REPO_ROOT / "services" / "media-service" / "docker-compose.e2e.yml",
    "sts": REPO_ROOT / "services" / "sts-service" / "docker-compose.e2e.yml",
}
ENDPOINTS = {
    "MEDIAMTX_RTSP_URL",
    "MEDIAMTX_RTMP_URL",
    "MEDIAMTX_API_URL",
    "STS_SERVICE_URL",
}
# What docker-compose 1.29 understands: a variable with a default, none of it nested.
REFERENCE = re.compile(r"\$\{([A-Z][A-Z0-9_]*):-([^${}]*)\}")


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(FILES[name].read_text())
    return document


def services() -> list[Any]:
    return [
        pytest.param(service, id=name)
        for file in FILES
        for name, service in read(file)["services"].items()
    ]


def test_the_projects_hold_what_the_specification_asks_for() -> None:
    assert set(read("media")["services"]) == {"mediamtx", "media-service"}
    assert set(read("sts")["services"]) == {"sts-service"}


@pytest.mark.parametrize("name", FILES)
def test_the_file_keeps_to_what_both_generations_take(name: str) -> None:
    document = read(name)
    assert document["version"] == "3.8"
    assert "name" not in document
    lines = FILES[name].read_text().splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    assert REFERENCE.sub("", text).count("$") == 0


@pytest.mark.parametrize("service", services())
def test_each_service_has_a_health_check_and_no_restart_policy(service: dict[str, Any]) -> None:
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["restart"] == "no"


@pytest.mark.parametrize("service", services())
def test_each_host_port_is_a_variable_with_a_default(service: dict[str, Any]) -> None:
    assert service["ports"]
    for port in service["ports"]:
        assert REFERENCE.match(port), port


def test_sts_service_listens_where_it_is_published() -> None:
    service = read("sts")["services"]["sts-service"]
    assert service["ports"] == ["${STS_PORT:-3000}:${STS_PORT:-3000}"]
    assert service["environment"]["PORT"] == "${STS_PORT:-3000}"


def test_each_endpoint_is_a_variable_with_a_default() -> None:
    service = read("media")["services"]["media-service"]
    for name in ENDPOINTS:
        found = REFERENCE.fullmatch(service["environment"][name])
        assert found is not None
        assert found[1] == name
        assert found[2]


def test_the_projects_have_networks_of_their_own() -> None:
    networks = {name: read(name)["networks"] for name in FILES}
    assert all(set(each) == {"default"} for each in networks.values())
    names = [each["default"]["name"] for each in networks.values()]
    assert len(set(names)) == len(names)
    assert (
        "host.docker.internal:host-gateway"
        in (read("media")["services"]["media-service"]["extra_hosts"])
    )
