"""Things that are wrong on purpose: bytes, clips and payloads, by the names the features use."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from services.contracts import AudioPayload, FragmentData, StreamConfig, StreamInit

Payload = dict[str, Any]

_RATE_HZ: Final = 16_000
_HANDSHAKE: Final = bytes([3]) + bytes(2 * 1536)
_OPTIONS: Final = b"OPTIONS rtsp://localhost/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"


def _noise(count: int) -> bytes:
    return random.Random(count).randbytes(count)  # noqa: S311 - noise that repeats, no secret


GARBAGE: Final[dict[str, bytes]] = {
    "a web request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(4096),
    # 0xff is neither RTMP's version nor the beginning of any HTTP request.
    "4 KiB of random bytes": b"\xff" + _noise(4095),
    # A chunk that continues one (type 1) on a chunk stream (5) that has none yet.
    "a handshake and random bytes": _HANDSHAKE + b"\x45" + _noise(65_535),
    "an RTSP request and random bytes": _OPTIONS + b"\xff" + _noise(65_535),
}
"""What is sent to a port, by name; the same bytes each time."""


def cut_clip(
    clip: Path, seconds: float, destination: Path, *, audio: bool = True, start_s: float = 0.0
) -> Path:
    """Write that much of a clip, packets as they are, with or without its sound.

    It begins with the keyframe at ``start_s``, or the one before.
    """
    argv = [
        *("ffmpeg", "-nostdin", "-v", "error", "-y", "-ss", str(start_s), "-i", str(clip)),
        *("-t", str(seconds)),
        *(() if audio else ("-an",)),
        *("-c", "copy", str(destination)),
    ]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return destination


def opening(stream_id: str) -> Payload:
    """Return a faultless ``stream:init``."""
    config = StreamConfig(
        source_language="en",
        target_language="es",
        chunk_duration_ms=6000,
        sample_rate_hz=_RATE_HZ,
        channels=1,
    )
    return StreamInit(stream_id=stream_id, worker_id="bad-input", config=config).wire()


def fragment(stream_id: str, *, seconds: float = 1.0) -> Payload:
    """Return a faultless ``fragment:data`` of silence."""
    pcm = bytes(round(seconds * _RATE_HZ) * 2)
    return FragmentData(
        fragment_id=uuid4(),
        stream_id=stream_id,
        sequence_number=0,
        timestamp=0,
        audio=AudioPayload.from_pcm(pcm, sample_rate_hz=_RATE_HZ, channels=1),
    ).wire()


def broken(event: str, fault: str, stream_id: str) -> Payload:
    """Return a payload of ``event`` with exactly that fault. ``KeyError``: no such fault."""
    return _FAULTS[event, fault](stream_id)


def needs_open_stream(event: str, fault: str) -> bool:
    """Whether the fault shows only on a stream that was opened before."""
    return event == "fragment:data" and fault != "a stream never opened"


def _without_config(stream_id: str) -> Payload:
    return {name: value for name, value in opening(stream_id).items() if name != "config"}


def _with_unknown_field(stream_id: str) -> Payload:
    return opening(stream_id) | {"colour": "green"}


def _with_unknown_language(stream_id: str) -> Payload:
    payload = opening(stream_id)
    return payload | {"config": payload["config"] | {"target_language": "xx"}}


def _with_audio(stream_id: str, **changes: object) -> Payload:
    payload = fragment(stream_id)
    return payload | {"audio": payload["audio"] | changes}


_FAULTS: Final[dict[tuple[str, str], Callable[[str], Payload]]] = {
    ("stream:init", "no config"): _without_config,
    ("stream:init", "an unknown field"): _with_unknown_field,
    ("stream:init", "target language xx"): _with_unknown_language,
    ("fragment:data", "a stream never opened"): lambda stream_id: fragment(f"{stream_id}-never"),
    ("fragment:data", "audio that is not base64"): lambda stream_id: _with_audio(
        stream_id, data_base64="*not base64*"
    ),
    ("fragment:data", "a duration it has not got"): lambda stream_id: _with_audio(
        stream_id, duration_ms=6000
    ),
    ("fragment:data", "a number below zero"): lambda stream_id: (
        fragment(stream_id) | {"sequence_number": -1}
    ),
    ("fragment:data", "11 MB of audio"): lambda stream_id: fragment(
        stream_id, seconds=11e6 / (2 * _RATE_HZ)
    ),
}
