"""The read-only repetition of every event, for monitors (namespace ``/observe``)."""

from typing import Any, Literal

from pydantic import Field

from services.contracts.events import WireModel

OBSERVE_NAMESPACE = "/observe"
OBSERVED_EVENT = "observed"


class ObservedEvent(WireModel):
    """One event as sts-service received or sent it.

    ``payload`` is what was on the wire, before validation where it came from the client, so that
    a monitor sees violations too. ``connection`` is the Socket.IO session id.
    """

    sender: Literal["media", "sts"]
    event: str
    connection: str
    stream_id: str | None = None
    timestamp: int = Field(ge=0)
    payload: Any = Field(repr=False)
