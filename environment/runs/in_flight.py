"""How many fragments of a stream were in flight at a time: sent, and not yet answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Said = tuple[str, Mapping[str, Any]]
"""An event of the wire by its name, and its payload."""


def most_in_flight(events: Iterable[Said]) -> int:
    """Return the largest number at any time; ``events`` as sts-service received and sent them.

    A fragment that is sent again is the one it was.
    """
    waiting: set[str] = set()
    most = 0
    for event, payload in events:
        if event == "fragment:data":
            waiting.add(str(payload["fragment_id"]))
        elif event == "fragment:processed":
            waiting.discard(str(payload["fragment_id"]))
        most = max(most, len(waiting))
    return most
