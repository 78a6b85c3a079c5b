"""Publishes the output: the source's pictures, and beneath them each segment's audio in its place.

Sync is by construction: pictures keep their times, and the audio of segment ``n`` is encoded from
exactly the sample at which that segment was cut (021, FR-036).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from media_service.audio_format import (
    BYTES_PER_FRAME,
    CHANNELS,
    SAMPLE_RATE_HZ,
    seconds_of,
)
from media_service.protocol import Result
from media_service.worker.errors import StreamError
from media_service.worker.fit import fit, make_frame
from media_service.worker.pacer import Pacer, Stall
from media_service.worker.segmenter import Segment
from media_service.worker.waiting_room import SegmentQueue, VideoQueue

OUTPUT_OFFSET_S = 0.1
"""Added to every time: the encoder's priming and early pictures lie before zero."""
LEAD_S = 0.2
"""The output's reserve against jitter, taken once at its start."""
HOLD_INTERVAL_S = 0.5
"""How often the first picture is sent before its own time."""
AAC_BIT_RATE = 128_000
AAC_FRAME_SAMPLES = 1024


@dataclass
class OutputState:
    """What has gone out so far; written by the egress, read by the heartbeat."""

    video_packets: int = 0
    audio_packets: int = 0
    first_packet_at: float | None = None
    last_packet_at: float | None = None
    duration_s: float = 0.0
    sending_since: float | None = None


class EgressEvents(Protocol):
    """What the egress tells as it goes; called on its own thread."""

    def output_connected(self) -> None: ...  # noqa: D102
    def released(  # noqa: D102
        self, segment: Segment, result: Result | None, *, output_start_s: float, skew_ms: float
    ) -> None: ...
    def stalled(self, stall: Stall) -> None: ...  # noqa: D102


class Egress:
    """One publication of the output, from the first segment's result to the end."""

    def __init__(
        self,
        url: str,
        segments: SegmentQueue,
        video: VideoQueue,
        events: EgressEvents,
        pacer: Pacer,
    ) -> None:
        self._url = url
        self._segments = segments
        self._video = video
        self._events = events
        self.pacer = pacer
        self.state = OutputState()
        self._output: _Output | None = None
        self._zero_s = 0.0
        self._held_until_s: float | None = None
        self._paced_to_s = float("-inf")

    def prepare(self, template: VideoStream) -> None:
        """Say what the pictures are, while the input that ``template`` belongs to is open.

        Nothing is sent yet: the connection is made with the first segment.
        """
        if self._output is None:
            self._output = _Output(self._url, template)

    def set_size(self, width: int, height: int) -> None:
        """Say how large the pictures are; without effect once the output has begun."""
        if self._output is not None and width and height:
            self._output.set_size(width, height)

    def set_zero(self, zero_s: float) -> None:
        """Say which time of the source is zero."""
        self._zero_s = zero_s

    def run(self) -> None:
        """Send everything, to the end of the stream; raises ``StreamError``."""
        upcoming = self._segments.next()
        if upcoming is None:
            return
        if self._output is None:
            raise StreamError("no_video", "video track required for dubbing: none was seen")
        first, _ = upcoming
        try:
            with self._output.container:
                muxer = self._output.begin(self.state)
                self._held_until_s = seconds_of(first.start_samples)
                self.pacer.start(self._held_until_s, lead_s=LEAD_S)
                self._events.output_connected()
                self._send(upcoming, muxer)
                # Closing talks to the server too, and must not take for ever.
                self.state.sending_since = time.monotonic()
            self.state.sending_since = None
        except (OSError, av.FFmpegError) as error:
            raise StreamError(
                "output_failed", f"cannot publish to {self._url}: {error}", retryable=True
            ) from error

    def _send(self, upcoming: tuple[Segment, Result | None] | None, muxer: _Muxer) -> None:
        encoder = _AudioEncoder(muxer.audio)
        while upcoming is not None:
            segment, result = upcoming
            start_s = seconds_of(segment.start_samples)
            if encoder.position_samples is None:
                encoder.position_samples = segment.start_samples
            skew_ms = 1000 * (seconds_of(encoder.position_samples) - start_s)
            pcm = _audio_of(segment, result)
            self._pace(start_s)
            self._events.released(
                segment, result, output_start_s=start_s + OUTPUT_OFFSET_S, skew_ms=skew_ms
            )
            for packet, position_s in encoder.encode(pcm):
                self._send_video(position_s, muxer)
                self._pace(position_s)
                muxer.send_audio(packet)
            upcoming = self._segments.next()
        for packet, position_s in encoder.finish():
            self._send_video(position_s, muxer)
            self._pace(position_s)
            muxer.send_audio(packet)
        self._send_video(None, muxer)

    def _send_video(self, until_s: float | None, muxer: _Muxer) -> None:
        """Send the pictures that are decoded before ``until_s``, or all."""
        while (packet := self._video.peek()) is not None:
            decode_s = float((packet.dts or 0) * packet.time_base) - self._zero_s
            if self._held_until_s is not None:
                self._hold(packet, decode_s, until_s, muxer)
            if until_s is not None and decode_s > until_s:
                return
            self._held_until_s = None
            self._pace(decode_s)
            muxer.send_video(self._video.take(), shift_s=OUTPUT_OFFSET_S - self._zero_s)

    def _hold(
        self, packet: Packet[VideoStream], decode_s: float, until_s: float | None, muxer: _Muxer
    ) -> None:
        """Send copies of the first picture for the time before it."""
        if self._held_until_s is None:
            return
        position_s = max(self._held_until_s, self._paced_to_s)
        while position_s < decode_s - HOLD_INTERVAL_S / 2:
            if until_s is not None and position_s > until_s:
                break
            self._pace(position_s)
            muxer.send_video(
                _copy(packet), shift_s=OUTPUT_OFFSET_S + position_s - decode_s - self._zero_s
            )
            position_s += HOLD_INTERVAL_S
        self._held_until_s = position_s

    def _pace(self, position_s: float) -> None:
        if position_s <= self._paced_to_s:
            # Pictures that come after their time go out at once: the clock is the audio's.
            return
        self._paced_to_s = position_s
        stall = self.pacer.wait(position_s)
        if stall is not None:
            self._events.stalled(stall)


class _Output:
    """The output before it is connected: its container and its two tracks."""

    def __init__(self, url: str, template: VideoStream) -> None:
        self.container = av.open(
            url,
            "w",
            format="flv",
            options={"flvflags": "no_duration_filesize", "flush_packets": "1"},
        )
        # The template's memory goes with its input: it is read here or never.
        self._video = self.container.add_stream_from_template(template)
        self._audio = self.container.add_stream(
            "aac", rate=SAMPLE_RATE_HZ, layout="stereo", options={"aac_coder": "fast"}
        )
        self._audio.codec_context.bit_rate = AAC_BIT_RATE
        self._begun = False
        self._changing = threading.Lock()

    def set_size(self, width: int, height: int) -> None:
        with self._changing:
            if not self._begun:
                self._video.codec_context.width = width
                self._video.codec_context.height = height

    def begin(self, state: OutputState) -> _Muxer:
        """Connect; blocks, and holds the interpreter, for as long as the server takes."""
        with self._changing:
            self._begun = True
        self.container.start_encoding()
        return _Muxer(self.container, self._video, self._audio, state)


class _Muxer:
    """The two tracks of the open output."""

    def __init__(
        self,
        output: OutputContainer,
        video: VideoStream,
        audio: AudioStream,
        state: OutputState,
    ) -> None:
        self._output = output
        self._video = video
        self.audio = audio
        self._state = state

    def send_video(self, packet: Packet[VideoStream], *, shift_s: float) -> None:
        shift = round(shift_s / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
        packet.stream = self._video
        self._send(packet)
        self._state.video_packets += 1

    def send_audio(self, packet: Packet[AudioStream]) -> None:
        shift = round(OUTPUT_OFFSET_S / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = packet.pts
        self._send(packet)
        self._state.audio_packets += 1

    def _send(self, packet: Packet[VideoStream] | Packet[AudioStream]) -> None:
        end = (packet.pts or 0) + (packet.duration or 0)
        end_s = float(end * packet.time_base)
        state = self._state
        state.sending_since = time.monotonic()
        self._output.mux_one(packet)
        state.sending_since = None
        state.duration_s = max(state.duration_s, end_s - OUTPUT_OFFSET_S)
        state.last_packet_at = time.time()
        if state.first_packet_at is None:
            state.first_packet_at = state.last_packet_at


class _AudioEncoder:
    """Encodes an unbroken run of samples; what does not fill a frame waits for the next call."""

    def __init__(self, stream: AudioStream) -> None:
        self._stream = stream
        self._remainder = b""
        self.position_samples: int | None = None
        """The sample that the next call's audio begins at, counted from time zero."""

    def encode(self, pcm: bytes) -> Iterator[tuple[Packet[AudioStream], float]]:
        """Yield each packet that is complete, with the time at which it starts."""
        start = self.position_samples or 0
        self.position_samples = start + len(pcm) // BYTES_PER_FRAME
        pts = start - len(self._remainder) // BYTES_PER_FRAME
        view = memoryview(self._remainder + pcm)
        step = AAC_FRAME_SAMPLES * BYTES_PER_FRAME
        whole = len(view) - len(view) % step
        self._remainder = bytes(view[whole:])
        for offset in range(0, whole, step):
            yield from self._encoded(view[offset : offset + step], pts)
            pts += AAC_FRAME_SAMPLES

    def finish(self) -> Iterator[tuple[Packet[AudioStream], float]]:
        """Yield what is left in the encoder."""
        if self._remainder:
            pts = (self.position_samples or 0) - len(self._remainder) // BYTES_PER_FRAME
            yield from self._encoded(memoryview(self._remainder), pts)
        for packet in self._stream.encode(None):
            yield packet, float((packet.pts or 0) * packet.time_base)

    def _encoded(self, pcm: memoryview, pts: int) -> Iterator[tuple[Packet[AudioStream], float]]:
        frame = make_frame(pcm, rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS, pts=pts)
        for packet in self._stream.encode(frame):
            yield packet, float((packet.pts or 0) * packet.time_base)


def _audio_of(segment: Segment, result: Result | None) -> bytes:
    if result is None or result.outcome == "original":
        return segment.pcm
    return fit(
        result.pcm,
        samples=segment.samples,
        sample_rate_hz=result.sample_rate_hz,
        channels=result.channels,
    )


def _copy(packet: Packet[VideoStream]) -> Packet[VideoStream]:
    copy = cast("Packet[VideoStream]", Packet(bytes(packet)))
    copy.time_base = packet.time_base
    copy.pts, copy.dts = packet.pts, packet.dts
    copy.is_keyframe = True
    return copy
