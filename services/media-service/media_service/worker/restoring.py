"""Takes up from a stream's spool what an earlier worker has left unsent."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from media_service.headed_file import BrokenFileError
from media_service.protocol import Result
from media_service.spool_dub import read_dub
from media_service.spool_names import PICTURES, segment_file, segment_files
from media_service.worker.segmenter import Segment, is_tail
from media_service.worker.spool_files import (
    NOWHERE,
    Position,
    read_head,
    read_pictures,
    read_sound,
)
from media_service.worker.video_head import VideoHead

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream


@dataclass(frozen=True)
class Unsent:
    """What has not gone out yet: segments, each with what goes out for it, and pictures.

    ``position`` is how far the output has come; the first picture is one to begin with.
    ``broken`` names the files that could not be used.
    """

    head: VideoHead | None = None
    segments: tuple[tuple[Segment, Result | None], ...] = ()
    pictures: tuple[Packet[VideoStream], ...] = field(default=(), repr=False)
    position: Position = NOWHERE
    broken: tuple[str, ...] = ()


def read_unsent(folder: Path) -> Unsent:
    """Read a spool folder; what is torn or missing is left out.

    Raises ``OSError`` where the folder cannot be read.
    """
    position = Position.read(folder)
    segments: list[tuple[Segment, Result | None]] = []
    pictures: list[Packet[VideoStream]] = []
    broken: list[str] = []
    for number, start_samples, path in list(segment_files(folder)):
        if start_samples is None:
            if path.name == segment_file(number, PICTURES):
                pictures.extend(read_pictures(path))
            continue
        pcm = read_sound(path)
        segment = Segment(number, start_samples, is_tail(pcm), pcm)
        if start_samples + segment.samples > position.sound_samples and segment.samples:
            segments.append((segment, _dub_of(folder, number, broken)))
    try:
        head = read_head(folder)
    except FileNotFoundError:
        head = None
    except BrokenFileError as error:
        broken.append(str(error))
        head = None
    return Unsent(
        head=head,
        segments=tuple(segments),
        pictures=tuple(_from_keyframe(pictures, position)),
        position=position,
        broken=tuple(broken),
    )


def _dub_of(folder: Path, number: int, broken: list[str]) -> Result | None:
    try:
        return read_dub(folder, number)
    except FileNotFoundError:
        return None
    except BrokenFileError as error:
        broken.append(str(error))
        return None


def _from_keyframe(
    pictures: list[Packet[VideoStream]], position: Position
) -> list[Packet[VideoStream]]:
    """Leave out what was sent, and what nobody can decode who begins here."""
    for index, packet in enumerate(pictures):
        if packet.is_keyframe and float((packet.dts or 0) * packet.time_base) > position.picture_s:
            return pictures[index:]
    return []
