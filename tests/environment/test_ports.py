from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import SamePortTwice
from environment.settings import load_settings
from environment.stack import ports
from environment.stack.ports import engine_host, free_ports, holder_of, is_port_conflict, port_taken
from tests.environment.engine_in_memory import EngineInMemory, refusal


def test_free_ports_are_different_and_can_be_had() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", port))


def test_names_the_process_that_listens() -> None:
    engine: Any = EngineInMemory()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        holder = holder_of(engine, listening.getsockname()[1])
    assert holder is not None
    assert holder.startswith("the process ")
    assert holder.endswith(f"(pid {os.getpid()})")


def test_a_container_that_is_about_to_start_is_named_and_not_the_engine_s_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine: Any = EngineInMemory()
    late = engine.containers.create("sts-service", name="late", ports={"3000/tcp": 23000})
    monkeypatch.setattr(ports, "_listening_sockets", lambda _port: {"socket:[1]"})

    def starts_meanwhile(_sockets: set[str]) -> Iterator[tuple[int, str]]:
        late.start()
        yield 7, "docker-proxy"

    monkeypatch.setattr(ports, "_processes_with", starts_meanwhile)
    assert holder_of(engine, 23000) == "the container late"
    monkeypatch.setattr(ports, "_ENGINE_BUSY_S", 0.1)
    late.stop()
    monkeypatch.setattr(ports, "_processes_with", lambda _sockets: iter([(7, "docker-proxy")]))
    assert holder_of(engine, 23000) == "the process docker-proxy (pid 7)"


def test_names_the_container_that_publishes() -> None:
    engine: Any = EngineInMemory()
    engine.containers.create("sts-service", name="other", ports={"3000/tcp": 23000}).start()
    assert holder_of(engine, 23000) == "the container other"


def test_nobody_holds_a_free_port() -> None:
    engine: Any = EngineInMemory()
    assert holder_of(engine, free_ports(1)[0]) is None


@pytest.mark.parametrize(
    "words",
    [
        "Bind for 0.0.0.0:9997 failed: port is already allocated",
        "Error starting userland proxy: listen tcp4 0.0.0.0:9997: bind: address already in use",
        "failed to bind host port for 0.0.0.0:9997:172.17.0.2:9997/tcp: address already in use",
    ],
)
def test_every_engine_s_words_for_a_taken_port_are_understood(words: str) -> None:
    engine: Any = EngineInMemory()
    engine.containers.create("sts-service", name="other", ports={"1/tcp": 9997}).start()
    error = refusal(words)
    assert is_port_conflict(error)
    taken = port_taken(engine, "e2e-mediamtx", [1935, 8554, 9997], error, load_settings())
    assert (taken.port, taken.holder) == (9997, "the container other")
    assert str(taken) == (
        "Port 9997 of the host, which e2e-mediamtx needs, is taken by the container other. "
        "Remedy: free it, set MEDIAMTX_API_PORT to another, or have free ones chosen with "
        "E2E_DYNAMIC_PORTS=1."
    )


def test_a_port_that_one_run_wants_twice_is_told_apart() -> None:
    engine: Any = EngineInMemory()
    engine.containers.create("sts-service", name="first", ports={"1/tcp": 8080}).start()
    settings = load_settings({"sts_port": 8080})
    error = refusal("Bind for 0.0.0.0:8080 failed: port is already allocated")
    twice = port_taken(engine, "second", [8080], error, settings)
    assert isinstance(twice, SamePortTwice)
    assert str(twice) == (
        "MEDIA_SERVICE_PORT and STS_PORT have the same value, 8080: the engine gives a port of the "
        "host to one container only, and second could not start beside the container first. "
        "Remedy: give STS_PORT another value, or have free ports chosen with E2E_DYNAMIC_PORTS=1."
    )
    chosen = load_settings({"sts_port": 8080, "e2e_dynamic_ports": True})
    assert not isinstance(port_taken(engine, "x", [8080], error, chosen), SamePortTwice)


@pytest.mark.parametrize(
    "words",
    [
        "no space left on device",
        'Conflict. The container name "/e2e-sts-service" is already in use by container "4f1c".',
    ],
)
def test_other_refusals_are_no_conflict(words: str) -> None:
    assert not is_port_conflict(refusal(words))


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("http+docker://localhost", "127.0.0.1"),
        ("http://10.1.2.3:2375", "10.1.2.3"),
        ("https://engine.example:2376", "engine.example"),
    ],
)
def test_published_ports_are_where_the_engine_is(base_url: str, host: str) -> None:
    client: Any = SimpleNamespace(api=SimpleNamespace(base_url=base_url))
    assert engine_host(client) == host
