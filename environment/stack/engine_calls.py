"""What it means when a call to the Docker engine fails, in the harness's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from environment.errors import EngineUnavailable


@contextmanager
def engine_called() -> Iterator[None]:
    """Turn the silence of an engine into an error that tells it; what it refuses stays as it is.

    Raises:
        EngineUnavailable: it stopped answering.
    """
    try:
        yield
    except APIError:
        raise
    except (DockerException, RequestException) as error:
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
