"""Opens a live source, quickly, and finds the two tracks that dubbing needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from media_service.protocol import Opened
from media_service.worker import rtsp
from media_service.worker.errors import StreamError
from media_service.worker.sps import picture_size

OPEN_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 10.0
RETRY_S = 4.0
_PAUSE_S = 0.1
_QUICK = {"analyzeduration": "100000", "probesize": "32"}
"""Two tracks are known from their headers; looking further waits for the next keyframe."""
_THOROUGH = {"analyzeduration": "2000000"}


class StoppedError(Exception):
    """The opening was called off."""


@dataclass(frozen=True)
class Source:
    """An open input and its tracks; ``opened_s``: when it was asked for, on the monotonic clock."""

    container: InputContainer
    video: VideoStream
    audio: AudioStream
    opened_s: float

    def packets(self, *, ready_since_s: float) -> Iterator[Packet[Stream]]:
        """Yield the packets of both tracks to the source's end, in the form that RTMP gives them.

        Times count from the source's own zero; over RTSP, whose times do not tell it, from when the
        source became ready (``ready_since_s``, on the monotonic clock). Raises what FFmpeg raises.
        """
        demuxed = self.container.demux(self.video, self.audio)
        if self.container.format.name != "rtsp":
            return demuxed
        join = rtsp.joined(
            ready_since_s=ready_since_s,
            opened_s=self.opened_s,
            told_us=lambda: self.container.start_time_realtime,
        )
        return rtsp.adapted(demuxed, self.video, join)


def open_source(url: str, *, tracks: int, stop: threading.Event) -> Source:
    """Open ``url``; raises ``StreamError`` for what cannot be dubbed, ``StoppedError`` at a stop.

    A source that is not there yet is tried for ``RETRY_S``; one that seems to lack a track is
    looked at once more, thoroughly, unless the media server knows (``tracks``) that it does.
    """
    opened_s = time.monotonic()
    container = _open(url, _QUICK, stop)
    both = container.streams.video and container.streams.audio
    if (tracks != 1 and not both) or not _is_configured(container):
        container.close()
        opened_s = time.monotonic()
        container = _open(url, _THOROUGH, stop)
    try:
        return Source(container, *_tracks(container), opened_s)
    except StreamError:
        container.close()
        raise


def describe(source: Source, keyframe: Packet[VideoStream] | None = None) -> Opened:
    """Return what the source holds.

    The picture's size is in the parameter sets, or else in the first keyframe, which may be long
    in coming: without a size no output can be opened.
    """
    video, audio = source.video.codec_context, source.audio.codec_context
    width, height = (video.width, video.height)
    if not width:
        width, height = picture_size(video.extradata)
    if not width and keyframe is not None:
        width, height = _picture_size(source.video, keyframe)
    rate = source.video.average_rate
    return Opened(
        video_codec=video.name,
        width=width,
        height=height,
        fps=float(rate) if rate else None,
        audio_codec=audio.name,
        sample_rate_hz=audio.sample_rate or 0,
        channels=audio.channels,
    )


def _open(url: str, analysis: dict[str, str], stop: threading.Event) -> InputContainer:
    options = dict(analysis)
    container_format = None
    if url.startswith("rtmp"):
        # Naming the format saves half a second of guessing.
        container_format = "flv"
        options |= {"rtmp_live": "live", "fpsprobesize": "0", "tcp_nodelay": "1"}
    elif url.startswith("rtsp"):
        container_format = "rtsp"
        options |= {"rtsp_transport": "tcp", "fpsprobesize": "0"}
    give_up_at = time.monotonic() + RETRY_S
    while True:
        try:
            return av.open(
                url,
                "r",
                format=container_format,
                options=options,
                timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
            )
        except (OSError, av.FFmpegError, IndexError) as error:
            if stop.wait(_PAUSE_S):
                raise StoppedError from error
            if time.monotonic() > give_up_at:
                raise StreamError("input_unreadable", f"cannot open {url}: {error}") from error


def _tracks(container: InputContainer) -> tuple[VideoStream, AudioStream]:
    if not container.streams.audio:
        raise StreamError("no_audio", "audio track required for dubbing")
    if not container.streams.video:
        raise StreamError("no_video", "video track required for dubbing")
    video, audio = container.streams.video[0], container.streams.audio[0]
    # A codec that this build of FFmpeg does not know has no context.
    video_codec = video.codec_context.name if video.codec_context else "unknown"
    if video_codec != "h264":
        raise StreamError("unsupported_codec", f"unsupported video codec {video_codec}: not H.264")
    if audio.codec_context is None:
        raise StreamError("unsupported_codec", "unsupported audio codec: it cannot be decoded")
    if container.format.name == "rtsp":
        record = rtsp.configuration(video.codec_context.extradata)
        if record is None:
            raise StreamError("input_broken", "no parameter sets of H.264 came", retryable=True)
        video.codec_context.extradata = record
    return video, audio


def _is_configured(container: InputContainer) -> bool:
    """Whether the pictures can be passed on without having been seen; over RTMP they always can."""
    if container.format.name != "rtsp" or not container.streams.video:
        return True
    context = container.streams.video[0].codec_context
    return context is None or rtsp.configuration(context.extradata) is not None


def _picture_size(video: VideoStream, keyframe: Packet[VideoStream]) -> tuple[int, int]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.extradata = video.codec_context.extradata
    try:
        frames = [*decoder.decode(Packet(bytes(keyframe))), *decoder.decode(None)]
    except av.FFmpegError:
        return 0, 0
    return (frames[0].width, frames[0].height) if frames else (0, 0)
