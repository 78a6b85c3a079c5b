"""Proofs about the compose files as somebody finds them who knows nothing of this suite.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from environment.expectations import expect

Document = Mapping[str, Any]
"""A compose file as `docker compose config` prints it."""
_HINT: Final = "`docker-compose -f <file> config`, with none of the suite's variables set."


def prove_ports_published(documents: Sequence[Document], wanted: Mapping[int, str]) -> None:
    """Those ports of the host, no others, lead to these services, each to the same port inside."""
    seen = [
        (outer, inner, name)
        for name, service in _services(documents).items()
        for outer, inner in map(_port, service.get("ports", []))
    ]
    expect(
        sorted(seen) == sorted((port, port, name) for port, name in wanted.items()),
        expected=f"by default these ports of the host: {dict(wanted)} (FR-006, FR-007, FR-028)",
        seen=[f"{outer} to {inner} of {name}" for outer, inner, name in seen],
        hint=_HINT,
    )


def prove_variables_given(documents: Sequence[Document], wanted: Mapping[str, str]) -> None:
    """Of all services one is given each of these variables, with this value."""
    given = [
        (name, str(value))
        for service in _services(documents).values()
        for name, value in _environment(service).items()
        if name in wanted
    ]
    expect(
        sorted(given) == sorted(wanted.items()),
        expected=f"by default {dict(wanted)} (FR-027, FR-028)",
        seen=given,
        hint=_HINT,
    )


def prove_networks_named(documents: Sequence[Document], wanted: Sequence[str]) -> None:
    """Each file has one network, of this name, and no service is on another."""
    seen = [[each.get("name") for each in one.get("networks", {}).values()] for one in documents]
    elsewhere = {
        name: (service.get("networks"), service.get("network_mode"))
        for name, service in _services(documents).items()
        if list(service.get("networks") or ["default"]) != ["default"] or "network_mode" in service
    }
    expect(
        seen == [[name] for name in wanted] and not elsewhere,
        expected=f"the networks {list(wanted)}, one of each file, every service on its file's",
        seen=(seen, elsewhere),
        hint=_HINT,
    )


def _services(documents: Sequence[Document]) -> dict[str, Any]:
    return {name: each for one in documents for name, each in one["services"].items()}


def _port(port: Any) -> tuple[int, int]:
    """The port of the host and the one inside: both generations of compose print it otherwise."""
    if isinstance(port, Mapping):
        return int(port["published"]), int(port["target"])
    outer, _, inner = str(port).partition("/")[0].rpartition(":")
    return int(outer.rpartition(":")[2]), int(inner)


def _environment(service: Mapping[str, Any]) -> dict[str, Any]:
    given = service.get("environment") or {}
    return dict(given) if isinstance(given, Mapping) else dict(x.split("=", 1) for x in given)
