"""The events that were seen on the wire: kept in order, up to a bound, and found again."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError

from services.contracts import ObservedEvent, parse_event

Sender = Literal["media", "sts"]

_KEPT_MALFORMED = 100


@dataclass(frozen=True)
class Observation:
    """One event of the wire; ``violation`` says how its payload breaks the contract, if it does.

    ``received_at``: Unix seconds at which the harness got it (``event.timestamp``, Unix
    milliseconds, is when sts-service had it).
    """

    received_at: float
    event: ObservedEvent
    violation: str | None = None

    @property
    def at(self) -> float:
        """When sts-service received or sent the event, in Unix seconds."""
        return self.event.timestamp / 1000

    @property
    def payload(self) -> dict[str, Any]:
        """The event's payload; empty where it was not an object."""
        return self.event.payload if isinstance(self.event.payload, dict) else {}

    @property
    def audio_chars(self) -> int:
        """How many characters of base64 audio the event carries: nearly all of its size."""
        return sum(
            len(str(audio.get("data_base64", "")))
            for audio in (self.payload.get("audio"), self.payload.get("dubbed_audio"))
            if isinstance(audio, dict)
        )


class Observations:
    """The newest events, at most ``keep_events`` and ``keep_bytes`` of their audio; thread-safe."""

    def __init__(self, keep_events: int, keep_bytes: int) -> None:
        self._keep_events = keep_events
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._kept: deque[Observation] = deque()
        self._kept_bytes = 0
        self._dropped = 0
        self._malformed: deque[str] = deque(maxlen=_KEPT_MALFORMED)

    @property
    def dropped(self) -> int:
        """How many of the oldest events were let go because a bound was reached."""
        return self._dropped

    def take(self, data: object, received_at: float) -> None:
        """Keep what ``/observe`` repeated, with its violation of the contract, if it has one."""
        try:
            event = ObservedEvent.model_validate(data)
        except ValidationError as error:
            with self._lock:
                self._malformed.append(f"observed at {received_at:.3f}: {_in_one_line(error)}")
            return
        seen = Observation(received_at, event, _violation(event))
        with self._lock:
            self._kept.append(seen)
            self._kept_bytes += seen.audio_chars
            while len(self._kept) > self._keep_events or (
                self._kept_bytes > self._keep_bytes and len(self._kept) > 1
            ):
                self._kept_bytes -= self._kept.popleft().audio_chars
                self._dropped += 1

    def events(
        self, stream_id: str | None, event: str | None, sender: Sender | None, since: float
    ) -> list[Observation]:
        """Return what matches, oldest first; None matches all. ``since`` in Unix seconds."""
        with self._lock:
            kept = list(self._kept)
        return [
            seen
            for seen in kept
            if (stream_id is None or seen.event.stream_id == stream_id)
            and (event is None or seen.event.event == event)
            and (sender is None or seen.event.sender == sender)
            and seen.received_at >= since
        ]

    def forget(self, stream_id: str) -> None:
        """Let the events of a stream go; they do not count as dropped."""
        with self._lock:
            self._kept = deque(s for s in self._kept if s.event.stream_id != stream_id)
            self._kept_bytes = sum(seen.audio_chars for seen in self._kept)

    def malformed(self) -> list[str]:
        """Say of each repetition that was not even a valid ``observed`` event what it was."""
        with self._lock:
            return list(self._malformed)


def _violation(event: ObservedEvent) -> str | None:
    try:
        parse_event(event.sender, event.event, event.payload)
    except KeyError:
        return f"{event.sender} never sends {event.event}"
    except ValidationError as error:
        return _in_one_line(error)
    except ValueError as error:
        return str(error)
    return None


def _in_one_line(error: ValidationError) -> str:
    # `include_input` would print a whole fragment's audio.
    return "; ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'payload'}: {item['msg']}"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    )
