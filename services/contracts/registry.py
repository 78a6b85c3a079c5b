"""Which side sends which event, with which payload."""

from typing import Any, Literal

from services.contracts.events import (
    Backpressure,
    ErrorEvent,
    FragmentAck,
    FragmentData,
    FragmentProcessed,
    StreamComplete,
    StreamControl,
    StreamInit,
    StreamReady,
    WireModel,
)

CLIENT_EVENTS: dict[str, type[WireModel]] = {
    "stream:init": StreamInit,
    "fragment:data": FragmentData,
    "fragment:ack": FragmentAck,
    "stream:pause": StreamControl,
    "stream:resume": StreamControl,
    "stream:end": StreamControl,
}
"""Events that media-service sends."""

SERVER_EVENTS: dict[str, type[WireModel]] = {
    "stream:ready": StreamReady,
    "fragment:ack": FragmentAck,
    "fragment:processed": FragmentProcessed,
    "backpressure": Backpressure,
    "stream:complete": StreamComplete,
    "error": ErrorEvent,
}
"""Events that sts-service sends."""

_ACK_STATUSES = {"media": {"received", "applied"}, "sts": {"queued", "processing"}}


def parse_event(sender: Literal["media", "sts"], name: str, payload: Any) -> WireModel:
    """Validate one event as its receiver must.

    Raises ``KeyError`` for an event that this side never sends and pydantic's
    ``ValidationError`` (a ``ValueError``) for a payload that breaks the contract.
    """
    models = CLIENT_EVENTS if sender == "media" else SERVER_EVENTS
    event = models[name].model_validate(payload)
    if isinstance(event, FragmentAck) and event.status not in _ACK_STATUSES[sender]:
        raise ValueError(f"fragment:ack: status {event.status!r} is not one that {sender} sends")
    return event
