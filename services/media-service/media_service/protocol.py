"""The framed messages between the supervisor and a worker process.

A frame is two big-endian 32-bit lengths, a JSON header of the first length and a blob of the
second: ``len(header) len(blob) header blob``. The blob is the message's ``pcm``, where it has
one. Times named ``_at`` are Unix seconds; media times are seconds from the stream's time zero.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

INPUT_SILENT = "input_silent"
"""Why a worker failed whose source is there and sends nothing."""
NOTHING_TO_READ = (INPUT_SILENT, "input_unreadable", "input_too_short", "input_broken")
"""Why a worker failed that has found no sound."""
MAX_HEADER_BYTES = 1 << 20
MAX_BLOB_BYTES = 64 << 20
_LENGTHS = struct.Struct(">II")


class ProtocolError(Exception):
    """The other side sent something that is not a frame of this protocol."""


@dataclass(frozen=True)
class Start:
    """Supervisor to worker: carry this stream.

    ``ready_since_s`` says when the source began, as the media server knows it, on the monotonic
    clock that all processes share: the worker may take its time to start.
    ``tracks`` is the number of tracks it knows of, 0 for unknown.
    ``zero_s``, ``zero_at``, ``first_number`` and ``from_s`` continue an earlier worker's timeline:
    the source's time of its zero (None for another source), the Unix time at which that arrived,
    the next segment's number, and the end of the last one. All are unset at first.
    What lies in ``spool_folder`` goes out first; without an ``input_url`` nothing else does.
    With ``hold_output`` nothing goes out before ``Publish``. The output says that its sound is in
    ``language``, where that is set.
    """

    input_url: str
    output_url: str
    segment_s: float
    result_timeout_s: float
    ready_since_s: float
    tracks: int = 0
    zero_s: float | None = None
    zero_at: float | None = None
    first_number: int = 0
    from_s: float = 0.0
    spool_folder: str | None = None
    hold_output: bool = False
    language: str = ""


@dataclass(frozen=True)
class Read:
    """Supervisor to worker: the source is there again, or ``another`` in its place.

    The other fields are those of ``Start``.
    """

    input_url: str
    ready_since_s: float
    tracks: int = 0
    another: bool = False


@dataclass(frozen=True)
class Publish:
    """Supervisor to worker: the output path is free."""


@dataclass(frozen=True)
class Result:
    """Supervisor to worker: what goes out for one segment; ``original`` carries no audio."""

    number: int
    outcome: Literal["dubbed", "original"]
    sample_rate_hz: int
    channels: int
    pcm: bytes = dataclasses.field(default=b"", repr=False)


@dataclass(frozen=True)
class Stop:
    """Supervisor to worker: read no more, finish what is there."""


@dataclass(frozen=True)
class Hello:
    """Worker: the process is warm and waits for ``Start``."""

    pid: int


@dataclass(frozen=True)
class Opened:
    """Worker: the input is open, and this is what it holds."""

    video_codec: str
    width: int
    height: int
    fps: float | None
    audio_codec: str
    sample_rate_hz: int
    channels: int


@dataclass(frozen=True)
class Restored:
    """Worker: this much was on disk; ``position_s`` is how far the output had come."""

    numbers: list[int]
    position_s: float | None


@dataclass(frozen=True)
class Spooled:
    """Worker: from now on nothing is kept on disk, for the reason given, or all is again."""

    error: str | None


@dataclass(frozen=True)
class Began:
    """Worker: the first audio is decoded and the timeline is fixed.

    ``zero_s`` is the source's time of the timeline's zero, ``zero_at`` the Unix time at which that
    arrived. Segment ``number`` is the first of this reading and begins at ``start_s``.
    """

    at: float
    zero_s: float
    missed_head_s: float
    zero_at: float = 0.0
    number: int = 0
    start_s: float = 0.0


@dataclass(frozen=True)
class SegmentCut:
    """Worker: a segment is complete; without PCM it is not to be dubbed.

    ``tail`` segments are too short for that; ``restored`` ones may have their dub already.
    """

    number: int
    start_s: float
    duration_s: float
    cut_at: float
    tail: bool
    pcm: bytes = dataclasses.field(default=b"", repr=False)
    restored: bool = False


@dataclass(frozen=True)
class InputEnded:
    """Worker: nothing more is read, and why; without ``retryable`` there is no use in ``Read``."""

    reason: str
    retryable: bool = True


@dataclass(frozen=True)
class OutputConnected:
    """Worker: the output is being published, from ``position_s`` of the timeline on."""

    at: float
    delay_s: float
    position_s: float = 0.0


@dataclass(frozen=True)
class Released:
    """Worker: the first packet of a segment has gone out; ``skew_ms`` over 0 for late sound.

    ``delay_s`` is how far the output is behind the input now.
    """

    number: int
    at: float
    outcome: Literal["dubbed", "original"]
    output_start_s: float
    skew_ms: float | None
    delay_s: float | None = None


@dataclass(frozen=True)
class Stalled:
    """Worker: the output had nothing to send and its clock was moved."""

    at: float
    duration_s: float
    delay_s: float


@dataclass(frozen=True)
class Heartbeat:
    """Worker: alive, twice a second, with what it uses and what it has sent."""

    cpu_s: float
    wall_s: float
    rss_bytes: int
    waiting_video_bytes: int
    video_packets: int
    audio_packets: int
    first_packet_at: float | None
    last_packet_at: float | None
    output_duration_s: float


@dataclass(frozen=True)
class Note:
    """Worker: something worth a line in the log."""

    level: Literal["info", "warning", "error"]
    event: str
    detail: dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """Worker: the output has ended in order; the process exits with 0."""

    at: float


@dataclass(frozen=True)
class Failed:
    """Worker: the stream cannot go on; ``retryable`` where a new worker may fare better."""

    reason: str
    message: str
    retryable: bool


Command = Start | Read | Publish | Result | Stop
Report = (
    Hello
    | Opened
    | Restored
    | Spooled
    | Began
    | SegmentCut
    | InputEnded
    | OutputConnected
    | Released
    | Stalled
    | Heartbeat
    | Note
    | Finished
    | Failed
)
Message = Command | Report

_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        *(Start, Read, Publish, Result, Stop),
        *(Hello, Opened, Restored, Spooled, Began, SegmentCut, InputEnded),
        *(OutputConnected, Released),
        *(Stalled, Heartbeat, Note, Finished, Failed),
    )
}


def encode(message: Message) -> bytes:
    """Return the frame of a message."""
    fields = {
        field.name: getattr(message, field.name)
        for field in dataclasses.fields(message)
        if field.name != "pcm"
    }
    blob: bytes = getattr(message, "pcm", b"")
    header = json.dumps({"kind": type(message).__name__, **fields}).encode()
    return b"".join((_LENGTHS.pack(len(header), len(blob)), header, blob))


def read_message(read: Callable[[int], bytes]) -> Message | None:
    """Read one message from a blocking ``read``; None where the other side has closed.

    Raises ``ProtocolError`` for anything that is not a complete frame.
    """
    prefix = _read_exactly(read, _LENGTHS.size)
    if prefix is None:
        return None
    header_bytes, blob_bytes = _lengths(prefix)
    body = _read_exactly(read, header_bytes + blob_bytes)
    if body is None:
        raise ProtocolError("the frame ends after its lengths")
    return _decode(body[:header_bytes], body[header_bytes:])


async def receive_message(reader: asyncio.StreamReader) -> Message | None:
    """Read one message from a stream; as ``read_message``, without blocking."""
    try:
        prefix = await reader.readexactly(_LENGTHS.size)
        header_bytes, blob_bytes = _lengths(prefix)
        header = await reader.readexactly(header_bytes)
        blob = await reader.readexactly(blob_bytes)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise ProtocolError("the frame is cut off") from error
        return None
    return _decode(header, blob)


def _lengths(prefix: bytes) -> tuple[int, int]:
    header_bytes, blob_bytes = _LENGTHS.unpack(prefix)
    if header_bytes > MAX_HEADER_BYTES or blob_bytes > MAX_BLOB_BYTES:
        raise ProtocolError(f"lengths {header_bytes} and {blob_bytes} are out of bounds")
    return header_bytes, blob_bytes


def _decode(header: bytes, blob: bytes) -> Message:
    try:
        fields = json.loads(header)
        kind = _KINDS[fields.pop("kind")]
        if blob:
            fields["pcm"] = blob
        return kind(**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"unreadable header {header[:80]!r}: {error}") from error


def _read_exactly(read: Callable[[int], bytes], size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        part = read(size - len(received))
        if not part:
            if received:
                raise ProtocolError("the frame is cut off")
            return None
        received += part
    return bytes(received)
