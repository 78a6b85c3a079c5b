"""Somebody who stands in a container's place once that is gone, and notes who asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from environment.faults import listening_program

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer
    from environment.stack.production import ProductionStack

_CONTROL_PORT: Final = 8000
_PROGRAM: Final = "/listening_program.py"


@dataclass(frozen=True)
class Listening:
    """Who came to the place of a container that is gone: by the door's own clock."""

    door: ServiceContainer

    def came_at(self, *, since: float) -> tuple[float, ...]:
        """When each connection was made, in Unix seconds, from ``since`` on."""
        return tuple(at for at in self.door.get("/health")["came_at"] if at >= since)


@contextmanager
def listening_in_place_of(stack: ProductionStack, service: ServiceContainer) -> Iterator[Listening]:
    """Turn away, with 503, whoever asks for ``service`` by its name while it is stopped.

    As long as it runs, the name leads to both: begin when all who need it are connected, and end
    before it comes back.
    """
    port = service.spec.http_port
    with stack.helper(
        f"in-place-of-{service.spec.aliases[0]}",
        ("python3", _PROGRAM, str(port), str(_CONTROL_PORT)),
        port=_CONTROL_PORT,
        files={_PROGRAM: Path(listening_program.__file__).read_bytes()},
        aliases=service.spec.aliases,
    ) as door:
        door.start()
        door.wait_healthy()
        yield Listening(door)
