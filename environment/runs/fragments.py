"""Fragments as the wire carried them: what was sent for each, and what came back."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from environment.runs.observations import Observation
from services.contracts import AudioPayload, FragmentAck, FragmentData, FragmentProcessed

FULL_SCALE = 32768.0


@dataclass(frozen=True)
class FragmentRecord:
    """One fragment, as it went over the wire. Times: Unix seconds; None: never seen.

    ``sent_at``, ``acked_at`` and ``processed_at`` are the services' words; ``sent_seen_at`` and
    ``processed_seen_at`` are when the harness, by its own clock, saw the event on the wire.
    ``source_start_s`` is counted from the source's time zero. ``source_audio`` and
    ``dubbed_audio`` are mono float32 in [-1, 1] at ``rate_hz``. A fragment sent again after a
    reconnection keeps its id: ``sent_count`` and ``result_count`` tell, and everything else is
    the first sending's and the first result's.
    """

    sequence_number: int
    fragment_id: str
    sent_at: float
    sent_seen_at: float
    acked_at: float | None
    processed_at: float | None
    processed_seen_at: float | None
    status: str | None
    transcript: str | None
    translated_text: str | None
    error: str | None
    processing_time_ms: int | None
    source_start_s: float
    source_duration_s: float
    rate_hz: int
    source_audio: NDArray[np.float32] = field(repr=False)
    dubbed_audio: NDArray[np.float32] | None = field(repr=False)
    sent_count: int = 1
    result_count: int = 0

    @property
    def round_trip_s(self) -> float | None:
        """Seconds from the fragment to its result, both as seen by the harness on the wire."""
        seen_at = self.processed_seen_at
        return None if seen_at is None else seen_at - self.sent_seen_at

    def document(self) -> dict[str, Any]:
        """Return everything but the audio, ready for JSON."""
        audio = {"source_audio", "dubbed_audio"}
        values = {key: value for key, value in vars(self).items() if key not in audio}
        return {**values, "round_trip_s": self.round_trip_s}


class DubbedFragments(Protocol):
    """Fragments with what came back for them, however they were sent.

    ``clip`` is what was cut into them, from its beginning, if anything; ``folder`` is where their
    evidence lies.
    """

    @property
    def clip(self) -> Path | None:
        """The clip with its description beside it."""

    @property
    def folder(self) -> Path:
        """Where the sounds lie as WAV files."""

    @property
    def fragments(self) -> tuple[FragmentRecord, ...]:
        """In the order in which they were sent."""


def collect_fragments(
    events: Iterable[Observation], segments: Sequence[Mapping[str, Any]] = ()
) -> tuple[FragmentRecord, ...]:
    """Put a stream's events together, one record for each fragment id, in order of sending.

    ``segments`` are those of media-service's report: they say where in the source a fragment
    lies. Events that break the contract are left out here; the observer tells of them.
    """
    sendings: dict[str, list[tuple[Observation, FragmentData]]] = {}
    acknowledged: dict[str, float] = {}
    results: dict[str, list[tuple[Observation, FragmentProcessed]]] = {}
    for seen in events:
        if seen.violation is not None:
            continue
        if seen.event.event == "fragment:data":
            data = FragmentData.model_validate(seen.payload)
            sendings.setdefault(str(data.fragment_id), []).append((seen, data))
        elif seen.event.event == "fragment:ack" and seen.event.sender == "sts":
            ack = FragmentAck.model_validate(seen.payload)
            acknowledged.setdefault(str(ack.fragment_id), seen.at)
        elif seen.event.event == "fragment:processed":
            result = FragmentProcessed.model_validate(seen.payload)
            results.setdefault(str(result.fragment_id), []).append((seen, result))
    places = {segment["fragment_id"]: segment for segment in segments if segment.get("fragment_id")}
    return tuple(
        _record(sent, acknowledged.get(key), results.get(key, []), places.get(key, {}))
        for key, sent in sendings.items()
    )


def result_order(events: Iterable[Observation]) -> tuple[int, ...]:
    """Return the sequence numbers of all results in the order in which they were sent."""
    return tuple(
        int(seen.payload["sequence_number"])
        for seen in events
        if seen.event.event == "fragment:processed" and seen.violation is None
    )


def mono(audio: AudioPayload) -> NDArray[np.float32]:
    """Return a payload's samples as mono float32 in [-1, 1]."""
    frames = np.frombuffer(audio.pcm(), dtype="<i2").reshape(-1, audio.channels)
    return np.asarray(frames.mean(axis=1) / FULL_SCALE, dtype=np.float32)


def write_wav(path: Path, samples: NDArray[np.float32], rate_hz: int) -> Path:
    """Write mono samples as 16-bit WAV."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scaled = np.clip(np.rint(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(scaled.astype("<i2").tobytes())
    return path


def _record(
    sendings: Sequence[tuple[Observation, FragmentData]],
    acked_at: float | None,
    results: Sequence[tuple[Observation, FragmentProcessed]],
    place: Mapping[str, Any],
) -> FragmentRecord:
    sending, first = sendings[0]
    answer, result = results[0] if results else (None, None)
    duration_s = first.audio.duration_ms / 1000
    start_s = place.get("start_s")
    return FragmentRecord(
        sequence_number=first.sequence_number,
        fragment_id=str(first.fragment_id),
        sent_at=first.timestamp / 1000,
        sent_seen_at=sending.received_at,
        acked_at=acked_at,
        processed_at=answer.at if answer else None,
        processed_seen_at=answer.received_at if answer else None,
        status=result.status if result else None,
        transcript=result.transcript if result else None,
        translated_text=result.translated_text if result else None,
        error=f"{result.error.code}: {result.error.message}" if result and result.error else None,
        processing_time_ms=result.processing_time_ms if result else None,
        source_start_s=first.sequence_number * duration_s if start_s is None else float(start_s),
        source_duration_s=float(place.get("duration_s") or duration_s),
        rate_hz=first.audio.sample_rate_hz,
        source_audio=mono(first.audio),
        dubbed_audio=mono(result.dubbed_audio) if result and result.dubbed_audio else None,
        sent_count=len(sendings),
        result_count=len(results),
    )
