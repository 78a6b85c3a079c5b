"""Makes dubbed audio exactly as long as the segment it replaces."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.filter import Graph

from media_service.audio_format import BYTES_PER_FRAME, CHANNELS, SAMPLE_RATE_HZ, frames_of

MAX_TEMPO = 2.0
"""Faster speech is not understood."""
TEMPO_TOLERANCE = 0.01
"""An excess below this is trimmed: nobody hears it, and the tempo filter costs more."""
FADE_SAMPLES = SAMPLE_RATE_HZ // 50
_CHUNK_SAMPLES = 4096
_LAYOUTS = {1: "mono", 2: "stereo"}


def fit(pcm: bytes, *, samples: int, sample_rate_hz: int, channels: int) -> bytes:
    """Return ``pcm`` in the service's format, exactly ``samples`` long.

    Shorter audio is padded with silence; longer audio is sped up, by ``MAX_TEMPO`` at most, and
    what is still too long is cut off under a fade.
    """
    if (sample_rate_hz, channels) != (SAMPLE_RATE_HZ, CHANNELS):
        pcm = _convert(pcm, sample_rate_hz, channels)
    excess = frames_of(pcm) / samples - 1
    if excess > TEMPO_TOLERANCE:
        pcm = _speed_up(pcm, min(MAX_TEMPO, 1 + excess))
    missing = samples * BYTES_PER_FRAME - len(pcm)
    if missing >= 0:
        return pcm + bytes(missing)
    return _fade_out(pcm[:missing])


def make_frame(pcm: bytes | memoryview, *, rate_hz: int, channels: int, pts: int) -> AudioFrame:
    """Return an interleaved 16-bit frame of the given PCM, stamped in samples."""
    samples = len(pcm) // (2 * channels)
    frame = AudioFrame(format="s16", layout=_LAYOUTS[channels], samples=samples)
    frame.planes[0].update(bytes(pcm))
    frame.sample_rate = rate_hz
    frame.time_base = Fraction(1, rate_hz)
    frame.pts = pts
    return frame


def pcm_of(frame: AudioFrame) -> memoryview:
    """Return a view of an interleaved 16-bit stereo frame's samples, without padding."""
    return memoryview(frame.planes[0])[: frame.samples * BYTES_PER_FRAME]


def _frames(pcm: bytes, rate_hz: int, channels: int) -> Iterator[AudioFrame]:
    view = memoryview(pcm)
    step = _CHUNK_SAMPLES * 2 * channels
    for offset in range(0, len(view), step):
        yield make_frame(
            view[offset : offset + step],
            rate_hz=rate_hz,
            channels=channels,
            pts=offset // (2 * channels),
        )


def _convert(pcm: bytes, rate_hz: int, channels: int) -> bytes:
    resampler = AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE_HZ)
    converted = bytearray()
    for frame in (*_frames(pcm, rate_hz, channels), None):
        for made in resampler.resample(frame):
            converted += pcm_of(made)
    return bytes(converted)


def _speed_up(pcm: bytes, tempo: float) -> bytes:
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=SAMPLE_RATE_HZ,
        format="s16",
        layout="stereo",
        time_base=Fraction(1, SAMPLE_RATE_HZ),
    )
    graph.link_nodes(
        source,
        graph.add("atempo", f"{tempo:.6f}"),
        graph.add("aformat", "sample_fmts=s16:channel_layouts=stereo"),
        graph.add("abuffersink"),
    ).configure()
    faster = bytearray()
    for frame in (*_frames(pcm, SAMPLE_RATE_HZ, CHANNELS), None):
        graph.push(frame)
        for made in _pulled(graph):
            faster += pcm_of(made)
    return bytes(faster)


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        if isinstance(frame, AudioFrame):
            yield frame


def _fade_out(pcm: bytes) -> bytes:
    samples = array("h", pcm)
    length = min(FADE_SAMPLES, len(samples) // CHANNELS)
    first = len(samples) - length * CHANNELS
    for index in range(first, len(samples)):
        remaining = length - (index - first) // CHANNELS - 1
        samples[index] = samples[index] * remaining // length
    return samples.tobytes()
