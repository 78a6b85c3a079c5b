"""The output container: its two tracks, the AAC encoder, and the count of what has gone out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from media_service.audio_format import BYTES_PER_FRAME, CHANNELS, SAMPLE_RATE_HZ
from media_service.worker.fit import make_frame
from media_service.worker.video_head import VideoHead

OUTPUT_OFFSET_S = 0.1
"""Added to every time: the encoder's priming and early pictures lie before zero."""
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


class Output:
    """The output before it is connected: its container and its two tracks.

    ``language`` is what ``onMetaData`` says of the sound; FLV has no place for it at the track.
    """

    def __init__(self, url: str, head: VideoHead, language: str = "") -> None:
        self.container = av.open(
            url,
            "w",
            format="flv",
            options={
                "flvflags": "no_duration_filesize",
                "flush_packets": "1",
                # Packets come in order: FFmpeg need not hold any back to sort them. It keeps one.
                "max_interleave_delta": "1",
            },
        )
        if language:
            self.container.metadata["language"] = language
        with head.template() as template:
            self._video = self.container.add_stream_from_template(template)
            self._video.codec_context.bit_rate = head.bit_rate
            if head.width and head.height:
                self._video.codec_context.width = head.width
                self._video.codec_context.height = head.height
        self._audio = self.container.add_stream(
            "aac", rate=SAMPLE_RATE_HZ, layout="stereo", options={"aac_coder": "fast"}
        )
        self._audio.codec_context.bit_rate = AAC_BIT_RATE

    def begin(self, state: OutputState) -> Muxer:
        """Connect; blocks, and holds the interpreter, for as long as the server takes."""
        self.container.start_encoding()
        return Muxer(self.container, self._video, self._audio, state)


class Muxer:
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
        self.video_shift_s: float | None = None
        """How much later than it said the last picture went out."""
        self.audio_shift_s: float | None = None
        """How much later than the encoder said the last sound went out."""

    def send_video(
        self,
        packet: Packet[VideoStream],
        *,
        shift_s: float,
        later_s: float = 0.0,
        held: bool = False,
    ) -> None:
        """Send a picture, ``shift_s`` later than it says; ``held`` ones are out of place.

        ``later_s`` is what was added already to the time that its source gave it.
        """
        shift = round(shift_s / packet.time_base)
        if not held:
            self.video_shift_s = float(shift * packet.time_base) + later_s
        packet.pts = None if packet.pts is None else packet.pts + shift
        packet.dts = None if packet.dts is None else packet.dts + shift
        packet.stream = self._video
        self._send(packet)
        self._state.video_packets += 1

    def send_audio(self, packet: Packet[AudioStream]) -> None:
        """Send a packet of the encoder's."""
        shift = round(OUTPUT_OFFSET_S / packet.time_base)
        self.audio_shift_s = float(shift * packet.time_base)
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


class AudioEncoder:
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

    def skip_to(self, position_samples: int) -> Iterator[tuple[Packet[AudioStream], float]]:
        """Go on at a later sample; yield what was waiting, padded to a frame."""
        gap = (position_samples - (self.position_samples or 0)) * BYTES_PER_FRAME
        missing = -len(self._remainder) % (AAC_FRAME_SAMPLES * BYTES_PER_FRAME)
        yield from self.encode(bytes(min(missing, gap)))
        self.position_samples = position_samples

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
