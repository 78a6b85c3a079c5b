"""Proofs that runs of the suite go on side by side, each alone with its own system.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.proofs.container_proofs import State, prove_same_process
from environment.proofs.endpoints import published_ports

if TYPE_CHECKING:
    from environment.runs.nested import NestedRun
    from environment.stack.production import ProductionStack

_TOGETHER_S: Final = 3.0
"""For how long two clips of 7 s are on the air at once, at least."""


def prove_apart(stacks: Sequence[ProductionStack]) -> None:
    """No two of the systems share a network, a container's name or a port of the host."""
    for one, other in combinations(stacks, 2):
        names = [{each.name for each in stack.containers.values()} for stack in (one, other)]
        ports = [
            {port for each in stack.containers.values() for port in published_ports(each).values()}
            for stack in (one, other)
        ]
        members = [set(stack.network.members()) for stack in (one, other)]
        expect(
            one.network.name != other.network.name
            and members == names
            and not names[0] & names[1]
            and not ports[0] & ports[1]
            and all(len(held) == 5 for held in ports),
            expected="each system alone on its network, with names and five ports of its own",
            seen=f"{one.network.name}: {members[0]}, {ports[0]}; "
            f"{other.network.name}: {members[1]}, {ports[1]}",
            hint="E2E_RUN_ID and E2E_NETWORK_NAME.",
        )


def prove_at_once(runs: Sequence[NestedRun]) -> None:
    """The clips of the runs were on the air at the same time."""
    times = [
        {line.event: line.at for line in run.events if line.event.startswith("publish_")}
        for run in runs
    ]
    begun = max(each.get("publish_active", float("inf")) for each in times)
    ended = min(each.get("publish_ended", 0.0) for each in times)
    expect(
        ended - begun >= _TOGETHER_S,
        expected=f"all on the air at once, for {_TOGETHER_S:g} s at least",
        seen=[{event: round(at, 2) for event, at in each.items()} for each in times],
        hint="each run's run.log has the times.",
    )


def prove_made_network(nested: NestedRun, name: str) -> None:
    """That run has made the network of that name, and taken it away with all the rest."""
    made = [line.fields["network"] for line in nested.events if line.event == "network_created"]
    left = nested.objects()
    expect(
        made == [name] and not left,
        expected=f"{name} made by the run {nested.run_id}, and nothing left of that",
        seen=f"made: {made}; left: {left}",
        evidence=nested.evidence,
        hint="environment/settings.py: network_name.",
    )


def prove_same_processes(before: Mapping[str, State], after: Mapping[str, State]) -> None:
    """This run's own containers have been the same processes all along."""
    for name, state in before.items():
        prove_same_process(state, [after[name]])
