"""The output of a run as the media server's Control API shows it: how it grew, when it went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests

from environment.errors import HarnessError
from environment.runs.publisher import is_ready
from environment.waiting import NotYet

MAX_SAMPLES: Final = 10_000


class OutputWatch:
    """Samples one path at each ``look``; ``path_state`` asks the Control API for the path.

    ``samples`` are (Unix time by the harness's clock, bytes the media server received so far).
    """

    def __init__(self, path: str, path_state: Callable[[str], dict[str, Any] | None]) -> None:
        self.path = path
        self.samples: list[tuple[float, int]] = []
        self.gone_at: float | None = None
        self._path_state = path_state
        self._was_there = False

    def look(self) -> None:
        """Take a sample. Raises ``NotYet`` where the media server does not answer."""
        try:
            state = self._path_state(self.path)
        except requests.RequestException as error:
            raise NotYet(f"the media server does not answer: {error}") from error
        now = time.time()
        if state is not None and is_ready(state):
            self._was_there, self.gone_at = True, None
            if len(self.samples) < MAX_SAMPLES:
                self.samples.append((now, received_bytes(state)))
        elif self._was_there and self.gone_at is None:
            self.gone_at = now

    def check_gone(self) -> float:
        """Return when the path was seen gone for good; to be asked when the stream has finished.

        Raises ``NotYet`` while it is still there, ``HarnessError`` if it never was.
        """
        if not self._was_there:
            raise HarnessError(f"The stream has finished, but {self.path} was never seen.")
        if self.gone_at is None:
            raise NotYet(f"the stream has finished, {self.path} is still there")
        return self.gone_at


def received_bytes(path_state: Mapping[str, Any]) -> int:
    """Return how many bytes a Control API path item has received (old and new field names)."""
    return int(path_state.get("bytesReceived") or path_state.get("inboundBytes") or 0)
