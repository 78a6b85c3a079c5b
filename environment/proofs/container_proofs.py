"""Proofs about containers: what they are, that they run and go on running, what they publish.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.proofs.endpoints import ask, published_ports

if TYPE_CHECKING:
    from pathlib import Path

    from environment.stack.containers import ServiceContainer
    from environment.stack.topology import Topology

State = Mapping[str, Any]
"""``State`` of a container, as the engine describes it."""

COMPOSE_LABELS: Final = "com.docker.compose"
"""Begins the labels of everything that docker compose makes."""

# FR-005: the container ports that must be published, by the container's plain name.
PUBLISHED: Final[Mapping[str, tuple[int, ...]]] = {
    "e2e-mediamtx": (1935, 8554),
    "e2e-media-service": (8080,),
    "sts-service": (3000,),
}


def prove_independent(stack: Topology) -> None:
    """Each service is a container of its own, and no orchestrator made any of them (FR-001)."""
    described = {name: container.inspect() for name, container in stack.containers.items()}
    labels = {name: seen["Config"]["Labels"] or {} for name, seen in described.items()}
    labels[stack.network.name] = stack.network.inspect()["Labels"] or {}
    composed = {
        name: [label for label in having if label.startswith(COMPOSE_LABELS)]
        for name, having in labels.items()
    }
    expect(
        len({seen["Id"] for seen in described.values()}) == len(stack.containers)
        and not any(composed.values()),
        expected=f"a container for each service, no label {COMPOSE_LABELS}.* (FR-001)",
        seen=f"{[(name, seen['Id'][:12]) for name, seen in described.items()]}, {composed}",
        hint="somebody else's containers under these names: `docker inspect` shows their labels.",
    )


def prove_published(stack: Topology) -> None:
    """Every port of FR-005 is published on the host."""
    for name, wanted in PUBLISHED.items():
        published = published_ports(stack.containers[name])
        expect(
            set(wanted) <= set(published),
            expected=f"{name} publishes {wanted} (FR-005)",
            seen=published,
            hint="environment/stack/blueprint.py lists the ports of each container.",
        )


def prove_same_process(before: State, states: list[State]) -> None:
    """A container was running, as the process it was before, whenever it was looked at."""
    seen = {(s["Status"], s["Pid"], s["StartedAt"]) for s in states}
    expect(
        seen == {("running", before["Pid"], before["StartedAt"])},
        expected=f"always running, as process {before['Pid']}, started at {before['StartedAt']}",
        seen=seen,
        hint="`docker ps -a`, and `docker logs` of the one that changed.",
    )


def prove_exit_code_zero(name: str, exit_code: int) -> None:
    """A container that was told to stop ended by itself, with exit code 0 (FR-023)."""
    expect(
        exit_code == 0,
        expected=f"{name} to end with exit code 0 when it gets SIGTERM",
        seen=f"exit code {exit_code}",
        hint="137: it did not end in time, and was killed; `docker logs` of it.",
    )


def prove_started_anew(before: State, after: State, exit_code: int) -> None:
    """A container ended in order, with that exit code, and runs again as another process."""
    expect(
        exit_code == 0
        and after["Status"] == "running"
        and after["StartedAt"] > before["StartedAt"],
        expected=f"ended with exit code 0, running again, started after {before['StartedAt']}",
        seen=(exit_code, after),
        hint="`docker ps -a`, and `docker logs` of it.",
    )


def prove_none_ended_by_itself(stack: Topology, folder: Path) -> None:
    """Every container runs still, or was stopped or killed on purpose by the scenario.

    Asked after every scenario, before the stack is healed: what is started again in silence would
    hide a service that died. ``folder`` is where the scenario's evidence will lie.
    """
    ended = {
        name: container.inspect()["State"]
        for name, container in stack.containers.items()
        if container.ended_by_itself
    }
    expect(
        not ended,
        expected="no container to end that the scenario did not stop or kill",
        seen={
            name: {key: state[key] for key in ("ExitCode", "OOMKilled", "Error", "FinishedAt")}
            for name, state in ended.items()
        },
        evidence=folder,
        hint="its log lies there; exit code 137 with OOMKilled is the memory limit's doing.",
    )


def prove_healthy(container: ServiceContainer) -> None:
    """Its health endpoint answers 200, and the engine never had to start it again."""
    answer = ask(container.url(container.health_path))
    restarts = container.inspect()["RestartCount"]
    expect(
        answer.status == 200 and restarts == 0,
        expected=f"200 from {answer.url}, and no restart",
        seen=f"{answer.status} {answer.body}, {restarts} restarts",
        hint=f"`docker logs {container.name}`",
    )
