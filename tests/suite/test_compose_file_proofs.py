"""The proofs about the compose files, on what compose prints of right files and of wrong ones."""

from __future__ import annotations

from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.compose_file_proofs import (
    prove_networks_named,
    prove_ports_published,
    prove_variables_given,
)

PORTS = {8554: "mediamtx", 8080: "media-service", 3000: "sts-service"}
URL = {"STS_SERVICE_URL": "http://host.docker.internal:3000"}


def document(network: str = "net", **services: Any) -> dict[str, Any]:
    return {"services": services, "networks": {"default": {"name": network}}}


def files(server: Any = 8554, told: Any = None) -> list[dict[str, Any]]:
    port = server if isinstance(server, str) else {"published": server, "target": 8554}
    media = {"ports": [{"published": "8080", "target": 8080}], "environment": told or URL}
    server_and_media: Any = {"mediamtx": {"ports": [port]}, "media-service": media}
    sts: Any = {"ports": ["3000:3000"], "environment": ["PORT=3000", "HOST=0.0.0.0"]}
    return [document(**server_and_media), document(**{"sts-service": sts})]


@pytest.mark.parametrize("server", [8554, "8554:8554/tcp", "0.0.0.0:8554:8554"])
def test_ports_as_either_generation_of_compose_prints_them(server: int | str) -> None:
    prove_ports_published(files(server), PORTS)


@pytest.mark.parametrize("server", [1935, "8554:1935/tcp", "8555:8554"])
def test_another_port_by_default(server: int | str) -> None:
    with pytest.raises(ExpectationFailed, match="FR-028"):
        prove_ports_published(files(server), PORTS)


def test_a_port_more_and_one_less_than_asked_for() -> None:
    with pytest.raises(ExpectationFailed, match="FR-028"):
        prove_ports_published(files(), {**PORTS, 9997: "mediamtx"})
    with pytest.raises(ExpectationFailed, match="FR-028"):
        prove_ports_published(files(), {8554: "mediamtx"})


def test_variables_by_default() -> None:
    prove_variables_given(files(), URL)
    prove_variables_given(files(told=["STS_SERVICE_URL=http://host.docker.internal:3000"]), URL)
    for told in ({"STS_SERVICE_URL": "http://localhost:3000"}, {"STS_URL": "x"}):
        with pytest.raises(ExpectationFailed, match="FR-027"):
            prove_variables_given(files(told=told), URL)


def test_networks_that_are_named_as_was_said() -> None:
    both = [document("one"), document("two", sts={"networks": {"default": None}})]
    prove_networks_named(both, ("one", "two"))
    with pytest.raises(ExpectationFailed, match="networks"):
        prove_networks_named(both, ("one", "one"))


@pytest.mark.parametrize(
    "service", [{"networks": {"host": None}}, {"networks": ["a"]}, {"network_mode": "host"}]
)
def test_a_service_that_is_elsewhere(service: dict[str, Any]) -> None:
    with pytest.raises(ExpectationFailed, match="networks"):
        prove_networks_named([document("one", sts=service)], ("one",))
