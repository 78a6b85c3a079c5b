"""What the bench sends to sts-service: an opening, and fragments of 6 s stereo."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import numpy as np

from environment.measuring.sound import Samples
from environment.runs.exchange import CHANNELS, FRAGMENT_S, RATE_HZ
from services.contracts import AudioPayload, FragmentData, StreamConfig, StreamInit


def opening_of(stream_id: str) -> dict[str, Any]:
    """The ``stream:init`` of a stream of fragments as ``data_of`` makes them."""
    config = StreamConfig(
        source_language="en",
        target_language="es",
        chunk_duration_ms=round(FRAGMENT_S * 1000),
        sample_rate_hz=RATE_HZ,
        channels=CHANNELS,
    )
    return StreamInit(stream_id=stream_id, worker_id="bench", config=config).wire()


def data_of(stream_id: str, sequence: int, sound: Samples) -> dict[str, Any]:
    """The ``fragment:data`` of ``sound``, mono in [-1, 1] at ``RATE_HZ``, on both channels."""
    scaled = np.clip(np.rint(sound * 32768.0), -32768, 32767).astype("<i2")
    pcm = np.repeat(scaled, CHANNELS).tobytes()
    return FragmentData(
        fragment_id=uuid4(),
        stream_id=stream_id,
        sequence_number=sequence,
        timestamp=round(time.time() * 1000),
        audio=AudioPayload.from_pcm(pcm, sample_rate_hz=RATE_HZ, channels=CHANNELS),
    ).wire()
