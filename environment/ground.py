"""What every topology of a run stands on: the engine, the images, the guard over what is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import docker

    from environment.provision.images import ImageSet
    from environment.session import Session
    from environment.stack.ownership import Owner


@dataclass(frozen=True)
class Ground:
    """An engine with the images of the system, and whose everything is that is made on it."""

    client: docker.DockerClient
    images: ImageSet
    owner: Owner


def prepare_ground(session: Session) -> Ground:
    """Find or install engine and tools, arm the guard, pull or build the images.

    To be called once in a run: there is one guard for all that it makes.
    """
    # Imported here: a run of which nothing needs the engine does not need its client either.
    from environment.provision.engine import ensure_engine  # noqa: PLC0415
    from environment.provision.images import ensure_images  # noqa: PLC0415
    from environment.provision.setup import ensure_host_tools  # noqa: PLC0415
    from environment.stack.reaper import Guard, Owner  # noqa: PLC0415

    client = ensure_engine(session.progress)
    owner = Owner.current(session.run_id)
    guard = Guard(client, owner)
    guard.arm()

    def stand_down() -> None:
        # After a signal the guard's own exit handler finishes the work and sets the exit code.
        if guard.signal_number is None:
            guard.disarm()

    session.at_close.callback(stand_down)
    ensure_host_tools(session.progress)
    return Ground(client, ensure_images(client, session.settings, session.progress), owner)
