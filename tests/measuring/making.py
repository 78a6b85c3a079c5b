"""Making outputs whose every fault is known: source pictures under any sound, anywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from environment.measuring.sound import Samples

RATE_HZ = 48_000
SEGMENT_S = 4
LENGTH_S = 3 * SEGMENT_S
AUDIO_TIME_BASE = Fraction(1, RATE_HZ)
FRAGMENTED = {"movflags": "frag_keyframe+delay_moov+default_base_moof"}

Placement = Callable[[float], Iterable[float]]


def unchanged(source_s: float) -> Iterable[float]:
    """Show each picture once, at its own time."""
    return (source_s,)


@dataclass(frozen=True)
class Sound:
    """Mono samples, the first of which is heard at `start_s` on the source's timeline."""

    samples: Samples
    start_s: float = 0.0


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * RATE_HZ), np.float32)


def tone(duration_s: float, hertz: float = 440.0) -> Samples:
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * hertz * times_s)).astype(np.float32)


def place(pieces: Iterable[tuple[float, Samples]], duration_s: float = LENGTH_S) -> Sound:
    """Mix pieces at their times into silence that begins a second before zero."""
    track = silence(duration_s + 2)
    for at_s, samples in pieces:
        first = round((at_s + 1) * RATE_HZ)
        track[first : first + len(samples)] += samples
    return Sound(track, -1.0)


@dataclass(frozen=True)
class Output:
    """How an output is made of a source: which pictures when, which sound, which container.

    `placement` maps a picture's source time to the times it is shown at; `audio_jumps`
    maps a time of the sound to by how much its timestamps are late from there on. The right one
    of two `channels` is `right_gain` times as loud.
    `offset_s` is added to every timestamp.
    """

    sound: Sound
    placement: Placement = unchanged
    container: str = "flv"
    options: dict[str, str] = field(default_factory=dict)
    offset_s: float = 1.1
    bit_rate: int = 128_000
    until_s: float = LENGTH_S
    channels: int = 1
    right_gain: float = 1.0
    audio_jumps: dict[float, float] = field(default_factory=dict)

    def write(self, source: Path, path: Path) -> Path:
        """Write it to `path`, and return that."""
        with (
            av.open(str(source)) as given,
            av.open(str(path), "w", format=self.container, options=self.options) as made,
        ):
            video = made.add_stream_from_template(given.streams.video[0])
            audio = made.add_stream("aac", rate=RATE_HZ, options={"aac_coder": "fast"})
            audio.layout = "stereo" if self.channels == 2 else "mono"
            audio.bit_rate = self.bit_rate
            made.start_encoding()
            packets = [*self._pictures(given, video), *self._sounds(audio)]
            for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
                made.mux(packet)
        return path

    def _pictures(self, given: Any, stream: Any) -> Iterator[Any]:
        for packet in given.demux(given.streams.video[0]):
            if not packet.size:
                continue
            source_s = float(packet.pts * packet.time_base)
            if source_s >= self.until_s:
                return
            for shown_s in self.placement(source_s):
                shown = av.Packet(bytes(packet))
                shown.is_keyframe = packet.is_keyframe
                shown.time_base = packet.time_base
                shown.pts = shown.dts = round((shown_s + self.offset_s) / packet.time_base)
                shown.stream = stream
                yield shown

    def _sounds(self, stream: Any) -> Iterator[Any]:
        left = self.sound.samples
        planes = np.stack([left, self.right_gain * left][: self.channels])
        for frame in split_frames(planes):
            for packet in stream.encode(frame):
                yield self._place(packet, stream)
        for packet in stream.encode(None):
            yield self._place(packet, stream)

    def _place(self, packet: Any, stream: Any) -> Any:
        at_s = float(packet.pts * packet.time_base) + self.sound.start_s
        late_s = sum(late for since_s, late in self.audio_jumps.items() if at_s >= since_s)
        packet.pts = round((at_s + late_s + self.offset_s) / packet.time_base)
        packet.dts = packet.pts
        packet.stream = stream
        return packet


def write_reordered(
    path: Path,
    fps: Fraction,
    seconds: int,
    container: str,
    options: dict[str, str],
    *,
    without: Collection[int] = (),
) -> Path:
    """Write small moving pictures with B-frames, but for some, by their number; return the path."""
    ramp = np.arange(64)[None, :] + np.arange(64)[:, None]
    encoder = {"preset": "ultrafast", "bf": "2", "b_strategy": "0", "g": "50"}
    with av.open(str(path), "w", format=container, options=options) as made:
        stream = made.add_stream("libx264", rate=fps, options=encoder)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(round(seconds * fps)):
            if number in without:
                continue
            drawn = np.full((96, 64), 128, np.uint8)
            drawn[:64] = (ramp + 3 * number) % 256
            frame = av.VideoFrame.from_ndarray(drawn, format="yuv420p")
            frame.pts, frame.time_base = number, 1 / fps
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return path


def split_frames(planes: Samples) -> Iterator[av.AudioFrame]:
    """Cut (channels, samples) into frames of 1024 samples."""
    for start in range(0, planes.shape[1], 1024):
        block = np.ascontiguousarray(planes[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(
            block, format="fltp", layout="stereo" if len(planes) == 2 else "mono"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, AUDIO_TIME_BASE
        yield frame
