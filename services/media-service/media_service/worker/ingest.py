"""Reads the source: pictures as they are, sound decoded and laid on the sample clock."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, cast

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media_service.audio_format import BYTES_PER_FRAME, SAMPLE_RATE_HZ, seconds_of
from media_service.protocol import INPUT_SILENT, Opened
from media_service.worker.errors import StreamError
from media_service.worker.fit import pcm_of
from media_service.worker.segmenter import Segment, Segmenter
from media_service.worker.source import (
    READ_TIMEOUT_S,
    Source,
    StoppedError,
    describe,
    open_source,
)
from media_service.worker.timeline import (
    MAX_GAP_S,
    AudioTimeline,
    Continuation,
    Origin,
    choose_origin,
    continue_origin,
)

EARLY_S = 0.1
"""Media up to this much before the origin is kept: tracks seldom start at the same instant."""
ROUNDING_S = 0.0005
"""Where a timeline goes on, the pictures before are not to be overtaken."""
AUDIO_LAG_S = 3.0
"""When the pictures are this far ahead, the sound is taken to be absent."""
AUDIO_RESERVE_S = 1.0
"""What of such an absence stays open for sound that comes late after all."""
MAX_BAD_PACKETS = 100
STOPPED = "stopped"
READ_TIMEOUT = "read_timeout"
END_OF_STREAM = "end_of_stream"


class IngestEvents(Protocol):
    """What the ingest tells as it goes; called on its own thread."""

    def opened(self, source: Source, description: Opened) -> None: ...  # noqa: D102
    def began(self, origin: Origin, *, zero_arrived_at: float) -> None: ...  # noqa: D102
    def seen(self, number: int, packet: Packet[VideoStream]) -> None: ...  # noqa: D102
    def heard(self, number: int, start_samples: int, pcm: bytes) -> None: ...  # noqa: D102
    def segment_cut(self, segment: Segment) -> None: ...  # noqa: D102
    def noted(self, event: str, **detail: object) -> None: ...  # noqa: D102


@dataclass(frozen=True)
class Reading:
    """What is read: the source, and where the timeline stands that it continues, if it does.

    ``ready_since_s`` is when the source began, on the monotonic clock.
    """

    input_url: str
    tracks: int
    ready_since_s: float
    segment_s: float
    continuation: Continuation | None = None


class Ingest:
    """One reading of the source, from opening to its end.

    Pictures are told with the number of their segment, and with times from the timeline's zero.
    """

    def __init__(self, reading: Reading, events: IngestEvents) -> None:
        self._reading = reading
        self._events = events
        self._stop = threading.Event()
        self._taking = threading.Lock()
        self._ended = False
        self._resampler = _new_resampler()
        self._origin: Origin | None = None
        self._timeline: AudioTimeline | None = None
        self._segment_samples = round(reading.segment_s * SAMPLE_RATE_HZ)
        self._segmenter = Segmenter(segment_samples=self._segment_samples)
        self._source: Source | None = None
        self._began = False
        self._seen_keyframe = False
        self._seen_in = 0
        self._bad_packets = 0
        self._zero_arrived_at = 0.0

    def stop(self) -> None:
        """Have the reading end with the next packet, as if the source had ended."""
        self._stop.set()

    def run(self) -> str:
        """Read to the end and say why it ended; raises ``StreamError``.

        What was heard before an error is cut and goes out all the same.
        """
        try:
            source = self._source = open_source(
                self._reading.input_url, tracks=self._reading.tracks, stop=self._stop
            )
        except StoppedError:
            return STOPPED
        try:
            self._events.opened(source, describe(source))
            reason = self._read(source)
            with self._taking:
                if not self._ended:
                    self._hear(self._decoded(lambda: source.audio.codec_context.decode(None)))
        finally:
            self.cut_rest()
            source.container.close()
        if not self._began and reason != STOPPED:
            raise _nothing_heard(reason)
        return reason

    def cut_rest(self) -> None:
        """Cut what has been heard and take nothing more.

        Another thread may call this while the reading one waits for a source that says nothing.
        """
        with self._taking:
            if not self._ended:
                self._ended = True
                self._cut(self._segmenter.finish())

    def _read(self, source: Source) -> str:
        try:
            for packet in source.packets(ready_since_s=self._reading.ready_since_s):
                if self._stop.is_set():
                    return STOPPED
                if packet.size == 0 or packet.dts is None or packet.pts is None:
                    continue
                with self._taking:
                    if self._ended:
                        return STOPPED
                    self._take(packet)
        except av.ExitError:
            return READ_TIMEOUT
        except (OSError, av.FFmpegError) as error:
            return f"read_failed: {error}"
        return END_OF_STREAM

    def _take(self, packet: Packet[Stream]) -> None:
        time_s = float((packet.dts or 0) * packet.time_base)
        if self._origin is None:
            self._fix_origin(time_s)
        if packet.stream.type == "video":
            self._see(cast("Packet[VideoStream]", packet), time_s)
        else:
            audio = cast("Packet[AudioStream]", packet)
            self._hear(self._decoded(audio.decode))

    def _fix_origin(self, first_s: float) -> None:
        reading = self._reading
        if reading.continuation is None:
            age_s = time.monotonic() - reading.ready_since_s
            origin = choose_origin(first_s, ready_age_s=age_s, segment_s=reading.segment_s)
        else:
            origin = continue_origin(first_s, reading.continuation, now=time.monotonic())
        start_samples = round(origin.start_s * SAMPLE_RATE_HZ)
        self._segmenter = Segmenter(
            segment_samples=self._segment_samples,
            first_number=origin.number,
            start_samples=start_samples,
            keep=self._events.heard,
        )
        self._timeline = AudioTimeline(zero_s=origin.zero_s, start_samples=start_samples)
        self._origin = origin
        self._zero_arrived_at = time.monotonic() - (first_s - origin.zero_s)

    def _see(self, packet: Packet[VideoStream], time_s: float) -> None:
        if self._origin is None or self._timeline is None:
            return
        position_s = time_s - self._origin.zero_s
        if not self._seen_keyframe:
            early_s = EARLY_S if self._reading.continuation is None else ROUNDING_S
            if not packet.is_keyframe or position_s < self._origin.start_s - early_s:
                return
            self._seen_keyframe = True
            if self._source is not None:
                self._events.opened(self._source, describe(self._source, packet))
        lag_s = position_s - seconds_of(self._timeline.position_samples)
        self._refuse_mute(lag_s)
        if lag_s > AUDIO_LAG_S + MAX_GAP_S:
            raise StreamError(
                "timestamp_jump", f"picture timestamps jumped by {lag_s:+.3f} s", retryable=True
            )
        # In the order of decoding, whatever the times say: those of a segment lie in one file.
        self._seen_in = max(self._seen_in, self._number_at(position_s))
        self._events.seen(self._seen_in, _moved(packet, -self._origin.zero_s))
        if lag_s > AUDIO_LAG_S:
            self._begin()
            silence = self._timeline.fill_to(time_s - AUDIO_RESERVE_S)
            self._events.noted("audio_absent", silence_s=round(seconds_of(silence), 3))
            self._cut(self._segmenter.push_silence(silence))

    def _refuse_mute(self, lag_s: float) -> None:
        """Give a source up that announced a sound track and, by the media server, has none.

        One that does have it may have begun muted, and a stream that went on before goes on.
        """
        reading = self._reading
        announced_alone = reading.tracks == 1 and reading.continuation is None
        if announced_alone and not self._began and lag_s > AUDIO_LAG_S:
            raise StreamError(
                "no_audio", f"audio track required for dubbing: silent for {lag_s:.1f} s"
            )

    def _begin(self) -> None:
        """Tell once where the timeline begins: with the first sound, or with what stands for it."""
        if not self._began and self._origin is not None:
            self._began = True
            self._events.began(self._origin, zero_arrived_at=self._zero_arrived_at)

    def _number_at(self, position_s: float) -> int:
        origin = cast("Origin", self._origin)
        ahead = math.floor((position_s - origin.start_s) / self._reading.segment_s)
        return origin.number + max(0, ahead)

    def _decoded(self, decode: Callable[[], list[AudioFrame]]) -> list[AudioFrame]:
        try:
            frames = decode()
        except av.FFmpegError as error:
            self._bad_packets += 1
            if self._bad_packets >= MAX_BAD_PACKETS:
                raise StreamError("undecodable_audio", f"audio is undecodable: {error}") from error
            return []
        if frames:
            self._bad_packets = 0
        return frames

    def _hear(self, frames: Iterable[AudioFrame]) -> None:
        if self._timeline is None or self._origin is None:
            return
        for frame in frames:
            for made in self._resampled(frame):
                if made.pts is None or made.time_base is None:
                    continue
                placement = self._timeline.place(float(made.pts * made.time_base), made.samples)
                self._begin()
                self._cut(self._segmenter.push_silence(placement.silence_samples))
                self._cut(
                    self._segmenter.push(pcm_of(made)[placement.skip_samples * BYTES_PER_FRAME :])
                )

    def _resampled(self, frame: AudioFrame) -> list[AudioFrame]:
        try:
            return self._resampler.resample(frame)
        except ValueError:
            # The resampler is bound to the first frame's format, and the source has changed it.
            self._events.noted("audio_format_changed", sample_rate_hz=frame.sample_rate)
            self._resampler = _new_resampler()
            return self._resampler.resample(frame)

    def _cut(self, segments: Iterable[Segment]) -> None:
        for segment in segments:
            self._events.segment_cut(segment)


def _moved(packet: Packet[VideoStream], by_s: float) -> Packet[VideoStream]:
    """Return the packet with other times: what goes out has the timeline's, not the source's."""
    shift = round(by_s / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts + shift
    packet.dts = None if packet.dts is None else packet.dts + shift
    return packet


def _nothing_heard(reason: str) -> StreamError:
    if reason == READ_TIMEOUT:
        return StreamError(
            INPUT_SILENT, f"the source sent nothing for {READ_TIMEOUT_S:.0f} s", retryable=True
        )
    if reason == END_OF_STREAM:
        return StreamError(
            "input_too_short", "the source ended before any of its sound was heard", retryable=True
        )
    return StreamError("input_broken", f"no sound was heard: {reason}", retryable=True)


def _new_resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE_HZ)
