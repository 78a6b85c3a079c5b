"""What a running stack is made of: which media server, which speech engines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import requests

from environment.errors import HarnessError
from environment.stack.topology import Topology

STAGES: Final = ("asr", "translation", "tts")


@dataclass(frozen=True)
class System:
    """Which media server and which speech engines a run was about, so that none is mistaken.

    ``sts`` is the document of sts-service's /health.
    """

    media_server: str
    is_stand_in: bool
    sts: dict[str, Any]

    @property
    def speech(self) -> str:
        """Profile, engines and models in one line."""
        models = self.sts.get("models") or {}
        engines = ", ".join(
            f"{stage} {self.sts.get(stage, '?')} ({models.get(stage, 'model unknown')})"
            for stage in STAGES
        )
        return f"profile {self.sts.get('profile', '?')}: {engines}"


def describe(stack: Topology) -> System:
    """Ask a running stack what it is made of. Raises ``HarnessError`` where it does not say."""
    try:
        name = stack.media_server.server_name()
        answer = requests.get(f"{stack.sts_url}/health", timeout=5)
        answer.raise_for_status()
        sts = answer.json()
    except requests.RequestException as error:
        raise HarnessError(
            f"The stack came up, but does not say what it is: {error}.",
            remedy="read the logs of its containers.",
        ) from error
    stand_in = "stand-in" in name
    said = f"{name}, a stand-in for MediaMTX" if stand_in else name
    return System(f"{said} (image {stack.media_server.image})", stand_in, sts)
