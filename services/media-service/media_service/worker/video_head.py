"""What an output has to know of the pictures before the first one, apart from any open input."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import av
from av.video.stream import VideoStream

_FLV_HEADER = b"FLV\x01\x01\x00\x00\x00\x09\x00\x00\x00\x00"
_AVC_SEQUENCE_HEADER = b"\x17\x00\x00\x00\x00"
_VIDEO_TAG = b"\x09"


@dataclass(frozen=True)
class VideoHead:
    """H.264's parameter sets as the source gave them; a size of 0 is not known yet."""

    width: int
    height: int
    bit_rate: int
    extradata: bytes = field(repr=False)

    @classmethod
    def of(cls, video: VideoStream, *, width: int, height: int) -> VideoHead:
        """Return the head of a source's pictures."""
        context = video.codec_context
        return cls(width, height, context.bit_rate or 0, bytes(context.extradata or b""))

    def fits(self, other: VideoHead) -> bool:
        """Whether pictures of the other head may follow on the same output."""
        return self.extradata == other.extradata

    @contextmanager
    def template(self) -> Iterator[VideoStream]:
        """Give a stream to make an output's track from, for as long as the block lasts."""
        body = _AVC_SEQUENCE_HEADER + self.extradata
        tag = _VIDEO_TAG + len(body).to_bytes(3, "big") + bytes(7) + body
        made = _FLV_HEADER + tag + len(tag).to_bytes(4, "big")
        with av.open(io.BytesIO(made), format="flv") as container:
            yield container.streams.video[0]
