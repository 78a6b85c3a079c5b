"""A container that runs on and answers nobody: cut off from its network once it was started."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

import docker
from docker.errors import DockerException

_END_TIMEOUT_S: Final = 5.0


@contextmanager
def cut_off_once_started(name: str, network: str) -> Iterator[None]:
    """Take the next container of that name off that network as soon as the engine has started it.

    For the engine it is running as before; the ports that it publishes lead nowhere.
    """
    with closing(docker.from_env()) as client:
        starts: Any = client.events(
            decode=True, filters={"type": "container", "event": "start", "container": name}
        )

        def cut_off() -> None:
            # The engine ends the stream in whatever way when it is closed from here.
            with suppress(DockerException, OSError, StopIteration):
                key = str(next(starts)["id"])
                api: Any = client.api
                api.disconnect_container_from_network(key, network, force=True)

        helper = threading.Thread(target=cut_off, name=f"cut-off-{name}", daemon=True)
        helper.start()
        try:
            yield
        finally:
            starts.close()
            helper.join(_END_TIMEOUT_S)
