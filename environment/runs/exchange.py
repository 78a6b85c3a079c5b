"""Fragments sent to sts-service by the harness itself, and what came back for each."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np

from environment.evidence.artifacts import write_events, write_json
from environment.measuring.sound import Samples, read_audio
from environment.runs.fragments import FragmentRecord, collect_fragments, write_wav
from environment.runs.observations import Observation
from environment.runs.wire_client import WireClient
from services.contracts import AudioPayload, FragmentData, StreamConfig, StreamInit

RATE_HZ: Final = 48_000
CHANNELS: Final = 2
FRAGMENT_S: Final = 6.0
"""media-service's own: what it sends, sts-service gets here as well."""

Stretch = Callable[[float], float]

_READY_TIMEOUT_S: Final = 10.0
_RESULT_TIMEOUT_S: Final = 30.0


@dataclass(frozen=True)
class Exchange:
    """One stream of fragments as the harness sent it, with the events of both sides.

    ``clip`` is what was cut into them, from its beginning; None: they were of no clip. An exchange
    can be looked at as a recorded run is, as far as its speech goes.
    """

    clip: Path | None
    folder: Path
    fragments: tuple[FragmentRecord, ...]
    events: tuple[Observation, ...] = field(repr=False)

    @property
    def transcript(self) -> str:
        """All transcripts in order, joined by spaces."""
        return " ".join(filter(None, (fragment.transcript for fragment in self.fragments)))

    @property
    def results(self) -> list[dict[str, Any]]:
        """The payloads of ``fragment:processed``, in the order in which they came."""
        return self._payloads("fragment:processed")

    @property
    def capabilities(self) -> dict[str, Any]:
        """What sts-service said of its engines when the stream was opened."""
        return dict(next(iter(self._payloads("stream:ready")))["capabilities"])

    @property
    def violations(self) -> list[str]:
        """How an event of either side breaks the contract, one line each."""
        return [f"{seen.event.event}: {seen.violation}" for seen in self.events if seen.violation]

    def _payloads(self, event: str) -> list[dict[str, Any]]:
        return [seen.payload for seen in self.events if seen.event.event == event]


@dataclass(frozen=True)
class Speech:
    """What is to be dubbed, cut into fragments: mono float32 samples at 48 kHz each."""

    clip: Path | None
    sounds: tuple[Samples, ...]
    source: str = "en"
    target: str = "es"

    def between(self, source: str, target: str) -> Speech:
        """Return the same sounds, to be dubbed from one language into the other."""
        return replace(self, source=source, target=target)


def cut_speech(clip: Path, count: int | None = None) -> Speech:
    """Cut a clip's sound into fragments of six seconds: the first ``count``, or all of them."""
    track = read_audio(clip, RATE_HZ)
    numbers = range(round(track.end_s / FRAGMENT_S) if count is None else count)
    return Speech(clip, tuple(track.cut(number * FRAGMENT_S, FRAGMENT_S) for number in numbers))


def silence(count: int = 1) -> Speech:
    """Fragments in which nobody speaks."""
    return Speech(None, (np.zeros(round(FRAGMENT_S * RATE_HZ), np.float32),) * count)


def exchange(
    client: WireClient,
    speech: Speech,
    stream_id: str,
    folder: Path,
    timeout: Stretch = float,
    *,
    at_once: int = 1,
) -> Exchange:
    """Send the fragments in order, each as soon as fewer than ``at_once`` wait for their result.

    Everything that was sent and came back is left in ``folder``. ``timeout`` stretches the
    waiting. Raises ``Refused`` when sts-service will not, and ``WaitTimeout``.
    """
    try:
        _converse(client, speech, stream_id, timeout, at_once)
    finally:
        events = client.events()
        write_events(folder / "events.jsonl", events)
    fragments = collect_fragments(events)
    for fragment in fragments:
        name = f"fragment-{fragment.sequence_number}"
        write_wav(folder / f"{name}-source.wav", fragment.source_audio, fragment.rate_hz)
        if fragment.dubbed_audio is not None:
            write_wav(folder / f"{name}-dubbed.wav", fragment.dubbed_audio, fragment.rate_hz)
    write_json(folder / "run.json", [fragment.document() for fragment in fragments])
    return Exchange(speech.clip, folder, fragments, tuple(events))


def _converse(
    client: WireClient, speech: Speech, stream_id: str, timeout: Stretch, at_once: int
) -> None:
    opening = opening_of(stream_id, source=speech.source, target=speech.target)
    client.send("stream:init", opening.wire())
    client.wait_for("stream:ready", timeout_s=timeout(_READY_TIMEOUT_S), stream_id=stream_id)
    waiting: deque[str] = deque()

    def see_oldest() -> None:
        client.wait_for(
            "fragment:processed",
            timeout_s=timeout(_RESULT_TIMEOUT_S),
            fragment_id=waiting.popleft(),
        )

    for number, sound in enumerate(speech.sounds):
        if len(waiting) == at_once:
            see_oldest()
        data = fragment_of(stream_id, number, sound)
        client.send("fragment:data", data.wire())
        waiting.append(str(data.fragment_id))
    while waiting:
        see_oldest()
    client.send("stream:end", {"stream_id": stream_id})
    client.wait_for("stream:complete", timeout_s=timeout(_READY_TIMEOUT_S), stream_id=stream_id)


def opening_of(stream_id: str, *, source: str = "en", target: str = "es") -> StreamInit:
    """The opening of a stream of fragments as ``fragment_of`` makes them."""
    config = StreamConfig(
        source_language=source,
        target_language=target,
        chunk_duration_ms=round(FRAGMENT_S * 1000),
        sample_rate_hz=RATE_HZ,
        channels=CHANNELS,
    )
    return StreamInit(stream_id=stream_id, worker_id="harness", config=config)


def fragment_of(stream_id: str, number: int, sound: Samples) -> FragmentData:
    """``sound``, mono in [-1, 1] at ``RATE_HZ``, as a fragment with it on both channels."""
    scaled = np.clip(np.rint(sound * 32768.0), -32768, 32767).astype("<i2")
    pcm = np.repeat(scaled, CHANNELS).tobytes()
    return FragmentData(
        fragment_id=uuid4(),
        stream_id=stream_id,
        sequence_number=number,
        timestamp=round(time.time() * 1000),
        audio=AudioPayload.from_pcm(pcm, sample_rate_hz=RATE_HZ, channels=CHANNELS),
    )
