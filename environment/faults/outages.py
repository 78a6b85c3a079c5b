"""Containers that are away for a while: stopped, killed, frozen, or cut off from the network.

Each fault undoes itself as the healing of a stack does, and does not wait for health.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Final

from environment.errors import HarnessError
from environment.stack.lifecycle import ENDED
from environment.waiting import wait_for

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer
    from environment.stack.topology import Topology

_DIES_WITHIN_S: Final = 10.0


@contextmanager
def stopped(container: ServiceContainer) -> Iterator[int]:
    """Stopped with SIGTERM, after ten seconds with SIGKILL; gives the exit code."""
    exit_code = container.stop()
    try:
        yield exit_code
    finally:
        container.restore()


@contextmanager
def killed(container: ServiceContainer) -> Iterator[None]:
    """Killed: no time to say or to save anything."""
    container.kill()
    wait_for(
        f"{container.name} to be dead",
        lambda: container.status in ENDED,
        timeout_s=_DIES_WITHIN_S,
        interval_s=0.02,
    )
    try:
        yield
    finally:
        container.restore()


@contextmanager
def paused(container: ServiceContainer) -> Iterator[None]:
    """Frozen: its connections stay open, and nothing comes."""
    container.pause()
    try:
        yield
    finally:
        container.restore()


@contextmanager
def cut_off(container: ServiceContainer) -> Iterator[None]:
    """Off the network: its connections stay open at both ends, and nothing comes."""
    container.disconnect()
    try:
        yield
    finally:
        container.restore()


@contextmanager
def throttled(container: ServiceContainer, processors: float) -> Iterator[None]:
    """Slow: it gets that much of a processor, such as 0.2, and no more."""
    container.limit_processors(processors)
    try:
        yield
    finally:
        if container.status != "absent":
            container.limit_processors(None)


@contextmanager
def restarted(container: ServiceContainer) -> Iterator[None]:
    """Stopped with SIGTERM and started again at once: over before it is undone."""
    container.restart()
    yield


Outage = Callable[["ServiceContainer"], AbstractContextManager[object]]

OUTAGES: Final[dict[str, Outage]] = {
    "stopped": stopped,
    "killed": killed,
    "paused": paused,
    "cut off": cut_off,
    "restarted": restarted,
}
"""The outages by the names that scenarios use."""


def outage_named(said: str) -> Outage:
    """The outage of that name; raises ``HarnessError`` that names those there are."""
    if said not in OUTAGES:
        raise HarnessError(f"Nothing can get {said!r}.", remedy=f"it can get {', '.join(OUTAGES)}.")
    return OUTAGES[said]


def container_named(stack: Topology, said: str) -> ServiceContainer:
    """The container that a text means: by its plain name, or a name it has on the network.

    Raises ``HarnessError`` that names those there are.
    """
    for name, container in stack.containers.items():
        if said == name or said in container.spec.aliases:
            return container
    raise HarnessError(
        f"There is no container {said!r}.", remedy=f"there are {', '.join(stack.containers)}."
    )
