"""Proofs about containers and network: each is shown what to accept and what to refuse."""

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import container_proofs, network_proofs, reachability
from environment.proofs.inside import PingReport, TcpConnection
from environment.settings import Settings
from environment.stack.containers import ExecResult, ServiceContainer
from environment.stack.topology import Topology

STATE = {"Status": "running", "Pid": 7, "StartedAt": "2026-01-01T10:00:02Z"}
ANEW = STATE | {"Pid": 8, "StartedAt": "2026-01-01T10:00:09Z"}
URL = "http://sts-service:3000"
# 172.18.0.4:3000 connected to 172.18.0.3:40000, as sts-service's kernel shows it.
TCP_OF_STS = "h\n 0: 040012AC:0BB8 030012AC:9C40 01 x\n"


@dataclass
class Box:
    """A container as far as the proofs look at it; ``exec`` gives one answer."""

    name: str
    address: str
    aliases: tuple[str, ...] = ()
    described: dict[str, Any] = field(default_factory=dict)
    answer: str = ""
    connected: bool = True
    clients: float = 1

    @property
    def spec(self) -> Any:
        return SimpleNamespace(aliases=self.aliases)

    def inspect(self) -> dict[str, Any]:
        return self.described

    def exec(self, *_argv: str, timeout_s: float) -> ExecResult:
        assert timeout_s > 0
        return ExecResult(0, self.answer)

    def health(self) -> dict[str, Any]:
        return {"sts": {"connected": self.connected}}

    def metric(self, name: str) -> float:
        assert name == "sts_connections"
        return self.clients


@dataclass
class Network:
    """A network with the two containers on it."""

    boxes: dict[str, Box]
    labels: dict[str, str]
    name: str = "net"

    def members(self) -> dict[str, str]:
        return {box.name: box.address for box in self.boxes.values()}

    def aliases(self, container: str) -> tuple[str, ...]:
        box = next(box for box in self.boxes.values() if box.name == container)
        return (container, *box.aliases)

    def inspect(self) -> dict[str, Any]:
        return {
            "Driver": "bridge",
            "Name": "net",
            "Created": "2026-01-01T10:00:00.000000001Z",
            "Labels": self.labels,
            "IPAM": {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]},
        }


def described(number: str, started: str, labels: dict[str, str] | None) -> dict[str, Any]:
    ports = {"3000/tcp": [{"HostPort": "1"}], "8080/tcp": None}
    return {
        "Id": number * 12,
        "State": {"StartedAt": started},
        "Config": {"Labels": labels},
        "NetworkSettings": {"Ports": ports},
    }


def stack(
    *,
    started: str = "2026-01-01T10:00:01Z",
    labels: dict[str, str] | None = None,
    network_labels: dict[str, str] | None = None,
    same_id: bool = False,
    run_id: str = "",
    **of_sts: Any,
) -> Topology:
    """A sound system of two containers, but for what is asked for."""
    media = Box(
        "e2e-media-service",
        "172.18.0.3",
        ("e2e-media-service", "media-service"),
        described("b" if same_id else "a", started, {}),
        answer="172.18.0.4      sts-service",
        connected=of_sts.pop("connected", True),
    )
    sts_facts: dict[str, Any] = {
        "name": "sts-service",
        "address": "172.18.0.4",
        "aliases": ("sts-service",),
        "described": described("b", started, labels),
        "answer": TCP_OF_STS,
    }
    boxes = {"e2e-media-service": media, "sts-service": Box(**sts_facts | of_sts)}
    return cast(
        "Topology",
        SimpleNamespace(
            network=Network(boxes, network_labels or {}),
            settings=Settings(e2e_run_id=run_id),
            containers=boxes,
            media_service=media,
            sts_service=boxes["sts-service"],
        ),
    )


def media(of: Topology) -> ServiceContainer:
    return of.containers["e2e-media-service"]


def sts(of: Topology) -> ServiceContainer:
    return of.containers["sts-service"]


def link(remote: str = "172.18.0.4") -> TcpConnection:
    return TcpConnection("172.18.0.3", 40_000, remote, 3000)


def ping(address: str, sent: int, *times: float) -> None:
    network_proofs.prove_ping(PingReport(address, sent, times), "172.18.0.4", 5)


def resolved(of: Topology) -> None:
    network_proofs.prove_resolved(of, URL, media(of), sts(of))


def accepted(of: Topology, connection: TcpConnection) -> None:
    network_proofs.prove_accepted(of, connection, sts(of))


ANSWERS = {
    ("e2e-media-service", "sts-service"): "172.18.0.4",
    ("sts-service", "e2e-media-service"): "172.18.0.3",
    ("sts-service", "media-service"): "172.18.0.3",
}

SOUND: dict[str, Callable[[], object]] = {
    "named": lambda: network_proofs.prove_named(stack(), URL, sts(stack())),
    "resolved": lambda: resolved(stack()),
    "connected": lambda: network_proofs.prove_connected(
        stack(), link(), media(stack()), sts(stack())
    ),
    "accepted": lambda: accepted(stack(), link()),
    "session": lambda: network_proofs.prove_session(stack()),
    "names": lambda: network_proofs.prove_names(stack()),
    "mutual": lambda: network_proofs.prove_mutual_resolution(stack(), ANSWERS),
    "reached": lambda: network_proofs.prove_reached(stack(), "172.18.0.4", sts(stack())),
    "bridge": lambda: network_proofs.prove_bridge(stack(), {"net"}),
    "network first": lambda: network_proofs.prove_network_came_first(stack()),
    "ping": lambda: ping("172.18.0.4", 2, 0.1, 0.2),
    "outside": lambda: network_proofs.prove_outside(stack(), {"m": "192.0.2.201"}),
    "host, accepted": lambda: network_proofs.prove_outside(
        stack(), {"m": "198.51.100.7"}, host_accepted=True
    ),
    "independent": lambda: container_proofs.prove_independent(stack(labels={"e2e.run": "x"})),
    "same process": lambda: container_proofs.prove_same_process(STATE, [STATE, STATE]),
    "ended in order": lambda: container_proofs.prove_exit_code_zero("sts-service", 0),
    "anew": lambda: container_proofs.prove_started_anew(STATE, ANEW, 0),
}
COMPOSED = {"com.docker.compose.project": "x"}
FAULTY: dict[str, Callable[[], object]] = {
    "another name": lambda: network_proofs.prove_named(stack(), "http://other:3000", sts(stack())),
    "an address": lambda: network_proofs.prove_named(
        stack(aliases=("172.18.0.4",)), "http://172.18.0.4:3000", sts(stack())
    ),
    "name leads elsewhere": lambda: resolved(stack(address="172.18.0.9")),
    "another peer": lambda: network_proofs.prove_connected(
        stack(), link("172.18.0.9"), media(stack()), sts(stack())
    ),
    "one end only": lambda: accepted(stack(), TcpConnection("172.18.0.3", 9, "172.18.0.4", 3000)),
    "not connected": lambda: network_proofs.prove_session(stack(connected=False)),
    "nobody counted": lambda: network_proofs.prove_session(stack(clients=0)),
    "not named for the run": lambda: network_proofs.prove_names(stack(run_id="x")),
    "no plain name": lambda: network_proofs.prove_names(stack(name="sts-service-1", run_id="1")),
    "one name lost": lambda: network_proofs.prove_mutual_resolution(
        stack(), dict(list(ANSWERS.items())[:2])
    ),
    "one name astray": lambda: network_proofs.prove_mutual_resolution(
        stack(), ANSWERS | {("sts-service", "media-service"): "172.18.0.4"}
    ),
    "another reached": lambda: network_proofs.prove_reached(stack(), "172.18.0.9", sts(stack())),
    "another network": lambda: network_proofs.prove_bridge(stack(), {"other"}),
    "network came late": lambda: network_proofs.prove_network_came_first(
        stack(started="2026-01-01T09:59:59Z")
    ),
    "ping went elsewhere": lambda: ping("172.18.0.9", 1, 0.1),
    "ping slow": lambda: ping("172.18.0.4", 1, 5.1),
    "ping lost": lambda: ping("172.18.0.4", 2, 0.1),
    "a container": lambda: network_proofs.prove_outside(stack(), {"m": "172.18.0.4"}),
    "the gateway": lambda: network_proofs.prove_outside(
        stack(), {"m": "172.18.0.1"}, host_accepted=True
    ),
    "itself": lambda: network_proofs.prove_outside(stack(), {"m": "127.0.0.1"}, host_accepted=True),
    "the host": lambda: network_proofs.prove_outside(stack(), {"m": "198.51.100.7"}),
    "nobody outside": lambda: network_proofs.prove_outside(stack(), {}),
    "composed": lambda: container_proofs.prove_independent(stack(labels=COMPOSED)),
    "composed network": lambda: container_proofs.prove_independent(stack(network_labels=COMPOSED)),
    "one for two": lambda: container_proofs.prove_independent(stack(same_id=True)),
    "restarted": lambda: container_proofs.prove_same_process(STATE, [STATE, ANEW]),
    "exited": lambda: container_proofs.prove_same_process(STATE, [STATE | {"Status": "exited"}]),
    "never looked": lambda: container_proofs.prove_same_process(STATE, []),
    "ended with an error": lambda: container_proofs.prove_exit_code_zero("sts-service", 1),
    "ended too late": lambda: container_proofs.prove_exit_code_zero("sts-service", 137),
    "killed": lambda: container_proofs.prove_started_anew(STATE, ANEW, 137),
    "never stopped": lambda: container_proofs.prove_started_anew(STATE, STATE, 0),
}


@pytest.fixture(autouse=True)
def _host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "is_of_this_host", lambda address: address == "198.51.100.7")


@pytest.mark.parametrize("proof", SOUND)
def test_what_is_right_is_accepted(proof: str) -> None:
    SOUND[proof]()


@pytest.mark.parametrize("fault", FAULTY)
def test_what_is_wrong_is_refused(fault: str) -> None:
    with pytest.raises(ExpectationFailed):
        FAULTY[fault]()


def test_a_peer_on_the_host_is_told_of() -> None:
    peers = {"m": "198.51.100.7", "s": "192.0.2.201"}
    assert network_proofs.prove_outside(stack(), peers, host_accepted=True) == ("198.51.100.7",)


@pytest.mark.parametrize(("wanted", "sound"), [((3000,), True), ((3000, 8080), False)])
def test_unpublished_ports_are_refused(
    monkeypatch: pytest.MonkeyPatch, wanted: tuple[int, ...], sound: bool
) -> None:
    monkeypatch.setattr(container_proofs, "PUBLISHED", {"sts-service": wanted})
    if sound:
        container_proofs.prove_published(stack())
    else:
        with pytest.raises(ExpectationFailed):
            container_proofs.prove_published(stack())
