"""The proofs about the two compose projects, on made systems: right ones and wrong ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import WaitTimeout
from environment.expectations import ExpectationFailed
from environment.proofs import (
    availability_proofs,
    dual_proofs,
    echo_proofs,
    health_check_proofs,
    inside,
    nested_dual_proofs,
)
from environment.proofs.inside import TcpConnection
from environment.stack.compose import ProjectContainer
from environment.waiting import NotYet

GATEWAY = "172.17.0.1"
URL = "http://host.docker.internal:4000"


def container(name: str, project: str = "media", **changes: Any) -> Any:
    labels = {dual_proofs.PROJECT_LABEL: project, dual_proofs.FILES_LABEL: f"/{project}.yml,/o"}
    bound = {"3000/tcp": [{"HostIp": changes.pop("host_ip", "0.0.0.0"), "HostPort": "4000"}]}  # noqa: S104
    facts = {
        "Config": {"Labels": labels},
        "NetworkSettings": {"Ports": bound},
        "HostConfig": {"NetworkMode": changes.pop("mode", "net")},
    }
    usual: dict[str, Any] = {
        "name": name,
        "status": "running",
        "address": "10.0.0.2",
        "environment": {"STS_SERVICE_URL": URL},
        "inspect": lambda: facts,
        "spec": SimpleNamespace(http_port=3000),
        "check_passes": lambda: True,
        "evidence": str,
    }
    return SimpleNamespace(**(usual | changes))


def stack(*, up_s: float = 20.0, **changes: Any) -> Any:
    members = {
        "media": changes.pop("media_members", ("ms",)),
        "sts": changes.pop("sts_members", ("sts",)),
    }
    owned = {
        "media": (changes.pop("media", container("ms")),),
        "sts": (changes.pop("sts", container("sts", "sts")),),
    }

    def network(key: str) -> Any:
        named = {name: f"10.0.{len(key)}.{n}" for n, name in enumerate(members[key])}
        return SimpleNamespace(name=f"net-{key}", members=lambda: named)

    return SimpleNamespace(
        projects={
            key: SimpleNamespace(name=key, file=Path(f"/{key}.yml")) for key in ("media", "sts")
        },
        of_project=owned.__getitem__,
        containers={each.name: each for (each,) in owned.values()},
        network=network("media"),
        sts_network=network("sts"),
        settings=SimpleNamespace(timeout=float),
        up_at=lambda _key: time.monotonic() - up_s,
        started_in_s=up_s,
    )


def started(key: str = "media", **changes: Any) -> None:
    """Prove it of a project the other of which has no container."""
    away = container("sts", "sts", status="absent")
    dual_proofs.prove_project_started(stack(sts=away, **changes), key)


def answered(*names: str, after_s: float = 1.0, up_s: float = 20.0) -> None:
    """Prove all healthy of a pair of which these answered."""
    said: Any = {name: SimpleNamespace(after_s=after_s) for name in names}
    health_check_proofs.prove_all_healthy(stack(up_s=up_s), said, within_s=5)


def connected(address: str = GATEWAY, port: int = 4000, url: str = URL) -> None:
    dual_proofs.prove_over_host_port(
        stack(), TcpConnection("10.0.5.0", 5, address, port), url, container("ms")
    )


def meeting(port: int = 4000, told: str = URL, listens: int = 4000, to: int = 4000) -> None:
    """Prove it of a pair of which the processes have these variables, and this connection."""

    def process(name: str, variables: str) -> Any:
        said = SimpleNamespace(output=f"{variables}\0")
        return container(name, exec=lambda *_argv: said)

    pair = stack()
    pair.media_service = process("ms", f"STS_SERVICE_URL={told}")
    pair.sts_service = process("sts", f"PORT={listens}")
    connection = TcpConnection("10.0.5.0", 5, GATEWAY, to)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(inside, "wait_for_connection", lambda *_args: connection)
        dual_proofs.prove_meet_at(pair, port)


def ingested(told: str = "rtsp", read: str = "rtspSession", said: Any = "rtsp") -> None:
    state = {"source": {"type": "rtspSession"}, "readers": [{"type": read}]}
    service = container("ms", environment={"INGEST_PROTOCOL": told})
    pair: Any = SimpleNamespace(media_service=service)
    dual_proofs.prove_ingested_over(pair, run(input_state=state), said)


def found(**changes: Any) -> dict[str, Any]:
    media = ProjectContainer("a", {"STS_SERVICE_URL": URL}, {})
    sts = ProjectContainer("b", {"PORT": "4000"}, {4000: 4000})
    return {"media-service": media, "sts-service": sts} | changes


def run(**changes: Any) -> Any:
    usual: dict[str, Any] = {
        "fragments": [
            SimpleNamespace(
                sequence_number=0,
                processed_seen_at=100.0,
                transcript="[echo]",
                translated_text="[echo]",
            )
        ],
        "output_bytes": ((100.2, 0), (100.4, 311)),
        "report": {"output": {"connected_at": 100.1}},
        "segments": [{"outcome": "dubbed"}],
        "published_at": 90.0,
        "path_out": "live/a/out",
        "folder": Path("/evidence"),
        "events": [
            seen("stream:ready", capabilities={"profile": "echo"}),
            seen("fragment:processed", metadata={"asr_model": "echo:none"}),
        ],
    }
    return SimpleNamespace(**(usual | changes))


def seen(event: str, **payload: Any) -> Any:
    return SimpleNamespace(event=SimpleNamespace(event=event), payload=payload)


ECHO = {"profile": "echo", "asr": "echo", "translation": "echo", "tts": "echo"}

RIGHT: dict[str, Callable[[], object]] = {
    "two projects": lambda: dual_proofs.prove_two_projects(stack()),
    "started": started,
    "all healthy": lambda: answered("ms", "sts"),
    "running": lambda: dual_proofs.prove_running(stack()),
    "apart": lambda: dual_proofs.prove_networks_apart(stack()),
    "told": lambda: dual_proofs.prove_told(container("ms"), {"STS_SERVICE_URL": URL}),
    "exposed": lambda: dual_proofs.prove_exposed(container("sts"), {3000: 4000}),
    "over the host": connected,
    "ingested over RTSP": ingested,
    "meet at the host's port": meeting,
    "own network": lambda: dual_proofs.prove_no_host_network(container("ms")),
    "coordinated": lambda: nested_dual_proofs.prove_coordinated(found()),
    "available": lambda: availability_proofs.prove_available_within(run(), 1),
    "first segment": lambda: availability_proofs.prove_first_segment_ready(run()),
    "echo": lambda: echo_proofs.prove_marked_as_echo(run(), ECHO),
}
WRONG: dict[str, Callable[[], object]] = {
    "one project": lambda: dual_proofs.prove_two_projects(stack(sts=container("sts", "media"))),
    "no project": lambda: dual_proofs.prove_two_projects(stack(sts=container("sts", ""))),
    "one stopped": lambda: dual_proofs.prove_running(stack(sts=container("sts", status="exited"))),
    "not made by compose": lambda: started(media=container("ms", "")),
    "one that runs not": lambda: started(media=container("ms", status="created")),
    "one that did not answer": lambda: answered("ms"),
    "answered too late": lambda: answered("ms", "sts", after_s=5.5),
    "both healthy too late after `up`": lambda: answered("ms", "sts", up_s=30.5),
    "healthy too late after `up`": lambda: started(up_s=30.5),
    "one network for both": lambda: dual_proofs.prove_networks_apart(
        stack(media_members=("ms", "sts"))
    ),
    "a stranger": lambda: dual_proofs.prove_networks_apart(stack(sts_members=("sts", "other"))),
    "told otherwise": lambda: dual_proofs.prove_told(container("ms"), {"STS_SERVICE_URL": "x"}),
    "another port": lambda: dual_proofs.prove_exposed(container("sts"), {3000: 3000}),
    "loopback alone": lambda: dual_proofs.prove_exposed(
        container("sts", host_ip="127.0.0.1"), {3000: 4000}
    ),
    "straight to a container": lambda: connected(address="10.0.3.0", port=4000),
    "another port of the host": lambda: connected(port=4001),
    "by a container's name": lambda: connected(url="http://sts-service:4000"),
    "read over another protocol": lambda: ingested(read="rtmpConn"),
    "told another protocol": lambda: ingested(told="rtmp"),
    "told and read otherwise than said": lambda: ingested("rtmp", "rtmpConn"),
    "sts listens elsewhere": lambda: meeting(listens=3000),
    "media-service was told of another port": lambda: meeting(told=URL.replace("4000", "3000")),
    "connected at another port": lambda: meeting(to=3000),
    "another port than the file's": lambda: meeting(4001),
    "host network": lambda: dual_proofs.prove_no_host_network(container("ms", mode="host")),
    "told another port": lambda: nested_dual_proofs.prove_coordinated(
        found(**{"sts-service": ProjectContainer("b", {"PORT": "4001"}, {4001: 4001})})
    ),
    "of one project": lambda: nested_dual_proofs.prove_coordinated(
        found(**{"sts-service": ProjectContainer("a", {"PORT": "4000"}, {4000: 4000})})
    ),
    "too late": lambda: availability_proofs.prove_available_within(
        run(output_bytes=((101.4, 311),)), 1
    ),
    "never": lambda: availability_proofs.prove_available_within(run(output_bytes=()), 1),
    "first one original": lambda: availability_proofs.prove_first_segment_ready(
        run(segments=[{"outcome": "original"}])
    ),
    "an echo that calls itself pocket": lambda: echo_proofs.prove_marked_as_echo(
        run(), ECHO | {"profile": "pocket"}
    ),
    "a result that names no echo": lambda: echo_proofs.prove_marked_as_echo(
        run(events=[seen("stream:ready", capabilities={"profile": "echo"})]), ECHO
    ),
}


@pytest.fixture(autouse=True)
def gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "resolve", lambda *_args, **_named: GATEWAY)


@pytest.mark.parametrize("proof", RIGHT.values(), ids=RIGHT)
def test_what_is_right_is_accepted(proof: Callable[[], object]) -> None:
    proof()


@pytest.mark.parametrize("proof", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_refused_and_explained(proof: Callable[[], object]) -> None:
    with pytest.raises(ExpectationFailed) as failed:
        proof()
    assert failed.value.expected
    assert failed.value.hint


def test_a_health_check_that_never_passes_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> bool:
        raise NotYet("ms is unhealthy; a check ended with -1: no such program")

    monkeypatch.setattr(health_check_proofs, "HEALTHY_WITHIN_S", 0.1)
    with pytest.raises(WaitTimeout, match=r"ended with -1: no such program"):
        started(media=container("ms", check_passes=refuses), up_s=0.0)
