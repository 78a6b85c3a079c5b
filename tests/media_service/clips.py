"""Made clips whose every sample and picture is known."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

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
    sound_from_s: float = 0.0,
    jump_at_s: float = math.inf,
) -> Path:
    """Write a clip with a 1 kHz click of 50 ms at the start of each second from ``sound_from_s``.

    From ``jump_at_s`` on its pictures' times are an hour later.
    """
    with av.open(str(path), "w", format="flv" if path.suffix == ".flv" else "matroska") as output:
        pictures = _pictures(output, video, b_frames) if video else None
        sound = output.add_stream("aac", rate=RATE, layout="stereo") if audio else None
        for index in range(round(seconds * FPS)):
            if pictures is not None:
                jump_s = 3600.0 if index >= jump_at_s * FPS else 0.0
                output.mux(pictures.encode(_picture(index, first_s + jump_s)))
            if sound is not None and index >= sound_from_s * FPS:
                output.mux(sound.encode(_sound(index, first_s)))
        if pictures is not None:
            output.mux(pictures.encode(None))
        if sound is not None:
            output.mux(sound.encode(None))
    return path


def clicks(start: int, samples: int, frequency_hz: float) -> npt.NDArray[np.int16]:
    """Return stereo 16-bit samples: 50 ms of a tone at the start of each second."""
    n = np.arange(start, start + samples)
    tone = 0.5 * np.sin(2 * np.pi * frequency_hz * n / RATE) * (n % RATE < RATE // 20)
    return np.repeat((tone * 32767).astype(np.int16)[:, None], 2, axis=1)


def _pictures(output: OutputContainer, codec: str, b_frames: int) -> VideoStream:
    stream = cast(VideoStream, output.add_stream(cast(Any, codec), rate=FPS))
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    stream.codec_context.gop_size = FPS
    stream.codec_context.max_b_frames = b_frames
    stream.codec_context.time_base = Fraction(1, 1000)
    return stream


def _picture(index: int, first_s: float) -> VideoFrame:
    shade = np.full((64, 64, 3), (index * 37) % 256, np.uint8)
    picture = VideoFrame.from_ndarray(shade, format="rgb24")
    picture.pts, picture.time_base = round(1000 * (first_s + index / FPS)), Fraction(1, 1000)
    return picture


def _sound(index: int, first_s: float) -> av.AudioFrame:
    samples = RATE // FPS
    frame = av.AudioFrame.from_ndarray(
        clicks(index * samples, samples, 1000).reshape(1, -1), format="s16", layout="stereo"
    )
    frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
    frame.pts = round(first_s * RATE) + index * samples
    return frame
