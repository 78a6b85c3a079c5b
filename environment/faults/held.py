"""A container that runs on and does nothing: its main process held fast, as by a deadlock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import docker
from docker.errors import APIError, DockerException

from environment.errors import HarnessError
from environment.waiting import wait_for

_SPEAKS_WITHIN_S: Final = 20.0
_END_TIMEOUT_S: Final = 5.0


@contextmanager
def held_once_it_speaks(name: str) -> Iterator[None]:
    """Hold the next container of that name as soon as it has logged something.

    For the engine it is running as before: it was not paused. Only being killed ends it.
    """
    gone = threading.Event()
    with closing(docker.from_env()) as client:
        starts: Any = client.events(
            decode=True, filters={"type": "container", "event": "start", "container": name}
        )

        def hold() -> None:
            # The engine ends the stream in whatever way when it is closed from here.
            with suppress(DockerException, OSError, StopIteration, HarnessError):
                _hold(client, str(next(starts)["id"]), gone)

        holder = threading.Thread(target=hold, name=f"hold-{name}", daemon=True)
        holder.start()
        try:
            yield
        finally:
            gone.set()
            starts.close()
            holder.join(_END_TIMEOUT_S)


def _hold(client: docker.DockerClient, container_id: str, gone: threading.Event) -> None:
    container = client.containers.get(container_id)
    wait_for(
        f"{container.name} to log something",
        lambda: gone.is_set() or bool(container.logs(tail=1)),
        timeout_s=_SPEAKS_WITHIN_S,
        interval_s=0.02,
    )
    with suppress(APIError):
        container.kill(signal="SIGSTOP")
