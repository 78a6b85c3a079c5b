"""Proofs that a service's word on itself changes with what it speaks of.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import requests

from environment.errors import WaitTimeout
from environment.expectations import fail
from environment.proofs.endpoints import ask
from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer

_HINT: Final = "an endpoint that always says 200 is no health check: look at its handler."


def prove_says_not_ready(service: ServiceContainer, *, without: str, timeout_s: float) -> None:
    """While a peer is away, /ready answers 503, and /health goes on answering 200.

    ``without`` is the peer's name; ``timeout_s`` how long the service may take to notice.
    """

    def probe() -> bool:
        answer = ask(service.url("/ready"))
        if answer.status == requests.codes.service_unavailable:
            return True
        raise NotYet(f"{answer.status} {answer.body}")

    try:
        wait_for(f"503 from {service.url('/ready')}", probe, timeout_s=timeout_s)
    except WaitTimeout as error:
        fail(
            expected=f"503 from {service.name}'s /ready while {without} is away",
            seen=error.last_seen,
            hint=_HINT,
        )
    alive = ask(service.url(service.health_path))
    if alive.status != requests.codes.ok:
        fail(
            expected=f"200 from {service.name}'s {service.health_path}, whoever else is away",
            seen=f"{alive.status} {alive.body}",
            hint="the engine would take the service for dead: a missing peer is no illness.",
        )
