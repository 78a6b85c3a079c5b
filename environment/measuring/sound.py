"""The sound of a file as samples that lie where its timestamps say they are heard."""

# ruff: noqa: N818 - errors are named for what happened, as in environment.errors

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast

import av
import numpy as np
import numpy.typing as npt
import soxr

from environment.errors import HarnessError
from environment.measuring.once import once_per_file

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

Samples = npt.NDArray[np.float32]
S = TypeVar("S", bound="VideoStream | AudioStream")

# Containers with millisecond timestamps round each frame's time: below this, timestamps
# jitter; beyond it, there is a gap or an overlap.
_JITTER_S = 0.004
_LONGEST_GAP_S = 600.0
_SILENT_DBFS = -120.0


class MediaUnreadable(HarnessError):
    """A file or stream cannot be opened, or lacks what was to be read from it."""


@dataclass(frozen=True)
class AudioTrack:
    """Mono float32 samples in -1..1; the first is heard at `start_s` of the timeline."""

    samples: Samples
    start_s: float
    rate_hz: int

    @property
    def end_s(self) -> float:
        """When the last sample ends."""
        return self.start_s + len(self.samples) / self.rate_hz

    def cut(self, start_s: float, duration_s: float) -> Samples:
        """Return that stretch of the timeline, with silence where the track has nothing."""
        first = round((start_s - self.start_s) * self.rate_hz)
        count = round(duration_s * self.rate_hz)
        stretch = np.zeros(count, np.float32)
        begin, end = max(0, first), min(len(self.samples), first + count)
        if begin < end:
            stretch[begin - first : end - first] = self.samples[begin:end]
        return stretch


def level_dbfs(samples: Samples) -> float:
    """RMS level against full scale; -120 for digital silence and for nothing at all."""
    if len(samples) == 0:
        return _SILENT_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return _SILENT_DBFS if power <= 0 else max(_SILENT_DBFS, 10 * float(np.log10(power)))


@contextmanager
def open_media(path: Path | str) -> Iterator[InputContainer]:
    """Open a media file for reading; MediaUnreadable says what is wrong with it."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as cause:
        raise MediaUnreadable(f"{path} cannot be read as media: {cause}") from cause
    with container:
        yield container


def packets_of(container: InputContainer, *streams: S) -> Iterator[Packet[S]]:
    """Read the packets of these streams to the end; MediaUnreadable when the file is damaged."""
    try:
        yield from cast("Iterator[Packet[S]]", container.demux(*streams))
    except (av.error.FFmpegError, IndexError) as cause:
        # Damage can look like one more stream, which the library then does not find in its list.
        raise MediaUnreadable(f"{container.name} cannot be read to its end: {cause}") from cause


@dataclass
class _Run:
    """Frames, shape (channels, samples) each, that follow each other without a gap."""

    first_s: float
    blocks: list[Samples] = field(default_factory=list)
    starts_s: list[float] = field(default_factory=list)
    samples: int = 0

    def add(self, block: Samples, at_s: float, rate_hz: int) -> None:
        self.starts_s.append(at_s - self.samples / rate_hz)
        self.blocks.append(block)
        self.samples += block.shape[1]

    @property
    def start_s(self) -> float:
        # Rounding errors of single timestamps cancel out over the run.
        return float(np.median(self.starts_s))


def read_audio(path: Path | str, rate: int = 48_000) -> AudioTrack:
    """Decode the first audio stream, mixed to mono, resampled to `rate`, on its timeline.

    Gaps in the timestamps become silence and overlaps are cut, so that sample `n` is heard
    at `start_s + n / rate`. Encoder priming is dropped where the container declares it.
    Raises MediaUnreadable when there is no audio.
    """
    return mix(read_channels(path, rate))


def read_channels(path: Path | str, rate: int = 48_000) -> tuple[AudioTrack, ...]:
    """Decode as `read_audio` does, but return each channel as a track of its own.

    Their samples are shared by all who ask, and cannot be written to.
    """
    return _read_channels(path, rate)


@once_per_file
def _read_channels(path: Path | str, rate: int) -> tuple[AudioTrack, ...]:
    planes, start_s, native_rate_hz = _lay_out(*_decode(path))
    if native_rate_hz != rate:
        planes = np.stack([soxr.resample(plane, native_rate_hz, rate, "HQ") for plane in planes])
    planes = np.asarray(planes, np.float32)
    planes.flags.writeable = False
    return tuple(AudioTrack(plane, start_s, rate) for plane in planes)


def mix(channels: Sequence[AudioTrack]) -> AudioTrack:
    """Mix channels of one recording, as `read_channels` returns them, to mono."""
    samples = np.mean([channel.samples for channel in channels], axis=0, dtype=np.float32)
    return AudioTrack(np.asarray(samples, np.float32), channels[0].start_s, channels[0].rate_hz)


def _decode(path: Path | str) -> tuple[list[_Run], int]:
    """Decode into runs; return them and the stream's own rate."""
    runs: list[_Run] = []
    with open_media(path) as container:
        if not container.streams.audio:
            raise MediaUnreadable(f"{path} has no audio stream")
        stream = container.streams.audio[0]
        native_rate_hz = stream.rate
        unit_s = float(stream.time_base or 0)
        to_float = av.AudioResampler(format="fltp")
        try:
            for packet in packets_of(container, stream):
                for frame in packet.decode():
                    if frame.pts is None:
                        continue
                    planes = frame if frame.format.name == "fltp" else to_float.resample(frame)[0]
                    block = np.asarray(planes.to_ndarray(), np.float32)
                    _append(runs, block, frame.pts * unit_s, native_rate_hz)
        except av.error.FFmpegError as cause:
            raise MediaUnreadable(f"the audio of {path} cannot be decoded: {cause}") from cause
    if not runs:
        raise MediaUnreadable(f"{path} has an audio stream without a single frame")
    if len({len(block) for run in runs for block in run.blocks}) > 1:
        raise MediaUnreadable(f"the audio of {path} changes its number of channels")
    return runs, native_rate_hz


def _append(runs: list[_Run], block: Samples, at_s: float, rate_hz: int) -> None:
    if runs:
        run = runs[-1]
        deviation_s = at_s - (run.first_s + run.samples / rate_hz)
        if abs(deviation_s) <= _JITTER_S:
            run.add(block, at_s, rate_hz)
            return
        if deviation_s > _LONGEST_GAP_S:
            raise MediaUnreadable(f"the audio jumps by {deviation_s:.0f} s: not one recording")
    runs.append(_Run(first_s=at_s))
    runs[-1].add(block, at_s, rate_hz)


def _lay_out(runs: list[_Run], rate_hz: int) -> tuple[Samples, float, int]:
    """Join the runs: samples of shape (channels, samples), where they start, their rate."""
    start_s = runs[0].start_s
    placed: list[Samples] = []
    position = 0
    for run in runs:
        samples = np.concatenate(run.blocks, axis=1)
        wanted = round((run.start_s - start_s) * rate_hz)
        if wanted > position:
            placed.append(np.zeros((len(samples), wanted - position), np.float32))
            position = wanted
        samples = samples[:, position - wanted :]
        placed.append(samples)
        position += samples.shape[1]
    return np.concatenate(placed, axis=1), start_s, rate_hz
