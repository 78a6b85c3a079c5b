"""Made clips whose every sample and picture is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

RATE = 48_000
FPS = 10


def make_clip(
    path: Path,
    *,
    seconds: float,
    video: str | None = "libx264",
    audio: bool = True,
    first_s: float = 0.0,
    b_frames: int = 0,
) -> Path:
    """Write a clip with a 1 kHz click of 50 ms at the start of each second."""
    with av.open(str(path), "w", format="flv" if path.suffix == ".flv" else "matroska") as output:
        pictures = output.add_stream(video, rate=FPS) if video else None
        if pictures is not None:
            pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
            pictures.codec_context.gop_size = FPS
            pictures.codec_context.max_b_frames = b_frames
            pictures.codec_context.time_base = Fraction(1, 1000)
        sound = output.add_stream("aac", rate=RATE, layout="stereo") if audio else None
        for index in range(round(seconds * FPS)):
            at_s = first_s + index / FPS
            if pictures is not None:
                shade = np.full((64, 64, 3), (index * 37) % 256, np.uint8)
                picture = VideoFrame.from_ndarray(shade, format="rgb24")
                picture.pts, picture.time_base = round(1000 * at_s), Fraction(1, 1000)
                output.mux(pictures.encode(picture))
            if sound is not None:
                samples = RATE // FPS
                start = index * samples
                frame = av.AudioFrame.from_ndarray(
                    clicks(start, samples, 1000).reshape(1, -1), format="s16", layout="stereo"
                )
                frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = round(first_s * RATE) + start
                output.mux(sound.encode(frame))
        for stream in filter(None, (pictures, sound)):
            output.mux(stream.encode(None))
    return path


def clicks(start: int, samples: int, frequency_hz: float) -> np.ndarray:
    """Return stereo 16-bit samples: 50 ms of a tone at the start of each second."""
    n = np.arange(start, start + samples)
    tone = 0.5 * np.sin(2 * np.pi * frequency_hz * n / RATE) * (n % RATE < RATE // 20)
    return np.repeat((tone * 32767).astype(np.int16)[:, None], 2, axis=1)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A clip of 3.5 s."""
    return make_clip(tmp_path / "clip.flv", seconds=3.5)
