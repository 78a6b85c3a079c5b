"""A disk without room: a container's own small one, filled to its last page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from environment.errors import HarnessError

if TYPE_CHECKING:
    from environment.stack.containers import ServiceContainer

_FILLER: Final = ".filled-on-purpose"
NO_SPACE: Final = "No space left on device"


@contextmanager
def full_disk(container: ServiceContainer, folder: str) -> Iterator[None]:
    """Fill the disk at ``folder``, which must be one of its own: never the engine's.

    Raises ``HarnessError`` where it has no such disk, or it does not become full.
    """
    if folder not in container.spec.tmpfs:
        raise HarnessError(
            f"{container.name} has no disk of its own at {folder}.",
            remedy="give it a small one first: `remade.with_small_disk`.",
        )
    filler = f"{folder}/{_FILLER}"
    try:
        written = container.exec("dd", "if=/dev/zero", f"of={filler}", "bs=4096")
        if NO_SPACE not in written.output:
            raise HarnessError(f"{folder} of {container.name} is not full: {written.output}")
        yield
    finally:
        if container.status == "running":
            container.exec("rm", "-f", filler)
