"""Publishes the output: the source's pictures, and beneath them each segment's audio in its place.

Sync is by construction: pictures keep their times, and the audio of segment ``n`` is encoded from
exactly the sample at which that segment was cut (021, FR-036).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Protocol, cast

import av
from av.audio.stream import AudioStream
from av.packet import Packet
from av.video.stream import VideoStream

from media_service.audio_format import BYTES_PER_FRAME, SAMPLE_RATE_HZ, seconds_of
from media_service.protocol import Result
from media_service.worker.errors import StreamError
from media_service.worker.fit import fit
from media_service.worker.output import (
    AAC_FRAME_SAMPLES,
    OUTPUT_OFFSET_S,
    AudioEncoder,
    Muxer,
    Output,
    OutputState,
)
from media_service.worker.pacer import Pacer, Stall
from media_service.worker.picture_order import FLV_TICK_S, PictureOrder
from media_service.worker.segmenter import Segment
from media_service.worker.spool_files import NOWHERE, Position
from media_service.worker.video_head import VideoHead
from media_service.worker.waiting_room import SegmentQueue, Upcoming, VideoQueue

RESERVE_S = 1.8
"""The output begins this long after the first segment's cut at the earliest: what STS takes
varies, and a result that comes within this time never stalls the output."""
MIN_LEAD_S = 0.2
"""The reserve where the first result took longer than that."""
HOLD_INTERVAL_S = 0.45
"""How often the first picture is sent before its own time."""
HOLD_LEAST_S = 0.05
"""Nearer to its own time no copy is sent: so no picture stands for more than half a second."""
PICTURE_WAIT_S = 0.5
"""A release is told with its first sound, or this much later where no picture is there yet."""
MAX_PICTURE_WAIT_S = 12.0
"""How long the first segment waits for the first picture; who joins a live stream gets it with the
next keyframe, and encoders are often left at one in 250 pictures."""
RUN_IN_SAMPLES = 2 * AAC_FRAME_SAMPLES
"""What the encoder hears before the first sample that is sent of an output that goes on."""
MAX_HELD_OUTPUT_S = 60.0
"""How long an earlier stream may have the same output path still, unless it is said."""


class EgressEvents(Protocol):
    """What the egress tells as it goes; called on its own thread."""

    def output_connected(self, position_s: float) -> None: ...  # noqa: D102
    def sent(self, position: Position) -> None: ...  # noqa: D102
    def released(  # noqa: D102
        self,
        segment: Segment,
        result: Result | None,
        *,
        output_start_s: float,
        skew_ms: float | None,
    ) -> None: ...
    def stalled(self, stall: Stall) -> None: ...  # noqa: D102
    def noted(self, event: str, **detail: object) -> None: ...  # noqa: D102


class Egress:
    """One publication of the output, from the first segment's result to the end.

    ``position`` is how far an earlier publication has come: not a sample of it is sent again.
    """

    def __init__(
        self,
        url: str,
        segments: SegmentQueue,
        video: VideoQueue,
        events: EgressEvents,
        pacer: Pacer,
        *,
        path_free: bool = True,
        max_held_s: float = MAX_HELD_OUTPUT_S,
        language: str = "",
    ) -> None:
        self._url = url
        self._max_held_s = max_held_s
        self._language = language
        self._segments = segments
        self._video = video
        self._events = events
        self.pacer = pacer
        self.state = OutputState()
        self.position = NOWHERE
        self._head: VideoHead | None = None
        self._path_free = threading.Event()
        if path_free:
            self._path_free.set()
        self._held: _HeldPicture | None = None
        self._order = PictureOrder()
        self._paced_to_s = float("-inf")
        self._muxed = NOWHERE

    def prepare(self, head: VideoHead) -> bool:
        """Say what the pictures are; False where others are on their way already.

        Nothing is sent yet: the connection is made with the first segment.
        """
        if self._head is not None and self._head.width and not head.fits(self._head):
            return False
        if self._head is None or head.width:
            self._head = head
        return True

    def publish(self) -> None:
        """Say that the output path is free."""
        self._path_free.set()

    def run(self) -> None:
        """Send everything, to the end of the stream; raises ``StreamError``."""
        upcoming = self._segments.next()
        if upcoming is None:
            return
        self._muxed = self.position
        self._order.start_after(self.position.picture_s)
        if not self._video.wait_first(MAX_PICTURE_WAIT_S):
            # The sound is worth having all the same.
            self._events.noted("picture_absent", segment=upcoming.segment.number)
        if self._head is None:
            raise StreamError("no_video", "video track required for dubbing: none was seen")
        if not self._path_free.wait(self._max_held_s):
            raise StreamError(
                "output_held",
                f"an earlier stream had the output path for {self._max_held_s:.0f} s; end it, or "
                "publish at another path",
                retryable=True,
            )
        try:
            output = Output(self._url, self._head, self._language)
            with output.container:
                muxer = output.begin(self.state)
                start_s = seconds_of(self._first_sample(upcoming.segment))
                self._held = _HeldPicture(max(start_s, self.position.picture_s + FLV_TICK_S))
                self.pacer.start(start_s, lead_s=max(MIN_LEAD_S, _reserve_s(upcoming)))
                self._events.output_connected(start_s)
                self._send(upcoming, muxer)
                # Closing talks to the server too, and must not take for ever.
                self.state.sending_since = time.monotonic()
            self.state.sending_since = None
            # The one packet that waited for the next has gone out with the end.
            self._events.sent(self._muxed)
        except (OSError, av.FFmpegError) as error:
            raise StreamError(
                "output_failed", f"cannot publish to {self._url}: {error}", retryable=True
            ) from error

    def _first_sample(self, segment: Segment) -> int:
        """Return the sample to begin with: the one after the last that was ever sent."""
        return max(segment.start_samples, self.position.sound_samples)

    def _send(self, upcoming: Upcoming | None, muxer: Muxer) -> None:
        encoder = AudioEncoder(muxer.audio)
        while upcoming is not None:
            self._send_segment(upcoming, encoder, muxer)
            upcoming = self._segments.next()
        for packet, position_s in encoder.finish():
            self._send_sound(packet, position_s, muxer)
        self._send_video(None, muxer)
        if self._order.lifted:
            self._events.noted("pictures_lifted", count=self._order.lifted)

    def _send_segment(self, upcoming: Upcoming, encoder: AudioEncoder, muxer: Muxer) -> None:
        segment = upcoming.segment
        first_sample, start_s = segment.start_samples, seconds_of(segment.start_samples)
        pcm = _audio_of(segment, upcoming.result)
        if encoder.position_samples is None:
            sent_to = self._first_sample(segment)
            # A little before that, so that the encoder has run in.
            first_sample = sent_to - min(RUN_IN_SAMPLES, _whole_frames(sent_to - first_sample))
            pcm = pcm[(first_sample - segment.start_samples) * BYTES_PER_FRAME :]
            start_s = seconds_of(sent_to)
            encoder.position_samples = first_sample
        elif first_sample > encoder.position_samples:
            # Nobody could read what is missing here.
            for packet, position_s in encoder.skip_to(first_sample):
                self._send_sound(packet, position_s, muxer)
            self.pacer.start(start_s, lead_s=_reserve_s(upcoming))
        elif (stall := self.pacer.resume(start_s, waited_s=upcoming.waited_s)) is not None:
            self._events.stalled(stall)
        drift_s = seconds_of(encoder.position_samples - first_sample)
        self._pace(start_s)
        told = False
        for packet, position_s in encoder.encode(pcm):
            self._send_sound(packet, position_s, muxer)
            seen = muxer.video_shift_s is not None or position_s > start_s + PICTURE_WAIT_S
            if not told and seen and position_s >= start_s:
                self._tell_release(upcoming, drift_s, muxer)
                told = True
        if not told:
            self._tell_release(upcoming, drift_s, muxer)

    def _send_sound(self, packet: Packet[AudioStream], position_s: float, muxer: Muxer) -> None:
        """Send a packet, and before it the pictures that are due; never what was sent before."""
        first = round(position_s * SAMPLE_RATE_HZ)
        if first < self.position.sound_samples:
            return
        self._send_video(position_s, muxer)
        self._pace(position_s)
        self._advance(Position(first + AAC_FRAME_SAMPLES, self._muxed.picture_s))
        muxer.send_audio(packet)

    def _advance(self, next_muxed: Position) -> None:
        """Note that the packet before the next one goes out: it has waited for that.

        Before it does: were this process killed in between, it would go out a second time.
        """
        self._events.sent(self._muxed)
        self._muxed = next_muxed

    def _tell_release(self, upcoming: Upcoming, drift_s: float, muxer: Muxer) -> None:
        skew_ms = None
        if muxer.audio_shift_s is not None and muxer.video_shift_s is not None:
            skew_ms = 1000 * (drift_s + muxer.audio_shift_s - muxer.video_shift_s)
        self._events.released(
            upcoming.segment,
            upcoming.result,
            output_start_s=seconds_of(upcoming.segment.start_samples) + OUTPUT_OFFSET_S,
            skew_ms=skew_ms,
        )

    def _send_video(self, until_s: float | None, muxer: Muxer) -> None:
        """Send the pictures that are decoded before ``until_s``, or all."""
        while (packet := self._video.peek()) is not None:
            decode_s = self._in_order(packet)
            if self._held is not None:
                for position_s in self._held.times(decode_s, until_s, paced_to_s=self._paced_to_s):
                    self._pace(position_s)
                    shift_s = OUTPUT_OFFSET_S + position_s - decode_s
                    muxer.send_video(_copy(packet), shift_s=shift_s, held=True)
            if until_s is not None and decode_s > until_s:
                return
            self._held = None
            self._pace(decode_s)
            self._advance(Position(self._muxed.sound_samples, decode_s))
            muxer.send_video(
                self._video.take(), shift_s=OUTPUT_OFFSET_S, later_s=self._order.later_s
            )

    def _in_order(self, packet: Packet[VideoStream]) -> float:
        """Have a picture's time not fall behind the last one's; return when it is decoded."""
        behind_s = self._order.put_right(packet)
        if behind_s and self._order.lifted == 1:
            self._events.noted("picture_lifted", behind_s=round(behind_s, 3))
        return float((packet.dts or 0) * packet.time_base)

    def _pace(self, position_s: float) -> None:
        if position_s <= self._paced_to_s:
            # Pictures that come after their time go out at once: the clock is the audio's.
            return
        self._paced_to_s = position_s
        self.pacer.wait(position_s)


class _HeldPicture:
    """The first picture stands for the time before it, from ``start_s`` on."""

    def __init__(self, start_s: float) -> None:
        self._next_s = start_s

    def times(
        self, decode_s: float, until_s: float | None, *, paced_to_s: float
    ) -> Iterator[float]:
        """Yield the times at which a copy goes out, to ``until_s`` or the picture's own time."""
        self._next_s = max(self._next_s, paced_to_s)
        while self._next_s < decode_s - HOLD_LEAST_S:
            if until_s is not None and self._next_s > until_s:
                return
            yield self._next_s
            self._next_s += HOLD_INTERVAL_S


def _reserve_s(upcoming: Upcoming) -> float:
    """Return what of the reserve is left; a restored segment is late already."""
    if upcoming.restored:
        return 0.0
    return max(0.0, RESERVE_S - (time.monotonic() - upcoming.cut_at))


def _whole_frames(samples: int) -> int:
    return samples - samples % AAC_FRAME_SAMPLES


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
