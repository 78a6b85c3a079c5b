"""The system of another run, as this run sees it through the engine: looked at, never touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from environment.proofs.endpoints import published_ports
from environment.settings import DEFAULT_NETWORK_NAME, load_settings
from environment.stack.production import ProductionStack

if TYPE_CHECKING:
    from environment.session import Session


def neighbour(session: Session, run_id: str, variables: Mapping[str, str]) -> ProductionStack:
    """Take a look at the containers of the run with that id, which was given those variables.

    Names are what the variables say; host ports are those that the engine publishes. It is not
    this run's: it is not to be started, healed or taken down. Raises ``ContainerFailed`` where a
    container of such a name is missing.
    """
    given = {
        "E2E_RUN_ID": run_id,
        "E2E_NETWORK_NAME": f"{DEFAULT_NETWORK_NAME}-{run_id}",
        **variables,
    }
    settings = load_settings({name.lower(): value for name, value in given.items() if value})
    ground = session.ground()
    stack = ProductionStack(ground.client, ground.images, settings, ground.owner)
    for container in stack.containers.values():
        container.adopt(container.spec)
        container.adopt(replace(container.spec, ports=published_ports(container)))
    return stack
