"""What it means when a call to the Docker engine fails, in the harness's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from environment.errors import EngineUnavailable

# Evidence and clean-up ask some twenty times more, and each would wait for a minute again.
_PATIENCE_AFTERWARDS_S: Final = 5


@contextmanager
def engine_called(client: docker.DockerClient) -> Iterator[None]:
    """Turn the silence of an engine into an error that tells it; what it refuses stays as it is.

    From then on this client waits only seconds for an answer.

    Raises:
        EngineUnavailable: it stopped answering.
    """
    try:
        yield
    except APIError:
        raise
    except (DockerException, RequestException) as error:
        client.api.timeout = _PATIENCE_AFTERWARDS_S
        raise EngineUnavailable(
            f"The Docker engine stopped answering ({type(error).__name__}).",
            remedy="see whether `docker version` answers, and start the engine if it does not; "
            "what this run has left is removed by the next one.",
        ) from error


def is_missing_network(error: BaseException | None) -> bool:
    """Whether the engine refused because a network that a container is to join is not there."""
    if not isinstance(error, APIError):
        return False
    said = str(error.explanation)
    return said.startswith("network ") and said.rstrip(".").endswith("not found")
