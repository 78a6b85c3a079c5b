"""One track of a publisher over RTP: its packets turned into pictures or sound, with times."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from media_server import h264, sps
from media_server.errors import Reason, Refused
from media_server.h264 import UnitType
from media_server.media import TagType
from media_server.rtp import RtpClock, RtpPacket
from media_server.rtp_audio import FrameAssembler
from media_server.rtp_video import PictureAssembler
from media_server.sdp import AnnouncedTrack, video_configuration

_USUAL_FRAME_S = 0.04
_PARAMETERS = frozenset({UnitType.SEQUENCE_PARAMETERS, UnitType.PICTURE_PARAMETERS})
_LEFT_OUT = _PARAMETERS | {UnitType.DELIMITER}


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture or a frame of sound; times in seconds since its track's first packet.

    ``body`` is a tag's, without the time between decoding and showing; ``configuration`` goes
    before it where it has changed.
    """

    track: "Track"
    decoded_s: float
    shown_s: float
    body: bytes
    configuration: bytes = b""


def new_track(announced: AnnouncedTrack) -> "Track":
    """Return the track that was announced so, before its first packet."""
    return _VideoTrack(announced) if announced.type is TagType.VIDEO else _AudioTrack(announced)


class Track(ABC):
    """One track: its clock, and when its first packet arrived (Unix seconds)."""

    def __init__(self, announced: AnnouncedTrack) -> None:
        self.type = announced.type
        self.clock = RtpClock(announced.rate_hz)
        self.first_arrival_at_s = 0.0

    def push(self, packet: RtpPacket) -> Iterator[Sample]:
        """Take a packet, and yield what is complete with it.

        Raises:
            Refused: the packet cannot be of this track.
        """
        if not self.clock.began:
            self.first_arrival_at_s = time.time()
            self.clock.time_s(packet.timestamp)
        yield from self._samples(packet)

    @abstractmethod
    def _samples(self, packet: RtpPacket) -> Iterator[Sample]:
        """Yield what is complete with this packet."""


class _VideoTrack(Track):
    def __init__(self, announced: AnnouncedTrack) -> None:
        super().__init__(announced)
        self._pictures = PictureAssembler()
        self._sets: dict[tuple[int, int], bytes] = {}
        self._order: _DecodingOrder | None = None
        self._untold = b""
        if announced.configuration:
            sequence_sets, picture_sets = h264.parameter_sets(announced.configuration[5:])
            self._keep((*sequence_sets, *picture_sets))
            self._untold = b""

    def _samples(self, packet: RtpPacket) -> Iterator[Sample]:
        for picture in self._pictures.push(packet):
            self._keep(picture.units)
            kept = [unit for unit in picture.units if h264.unit_type(unit) not in _LEFT_OUT]
            if not kept or self._order is None:
                continue
            types = {h264.unit_type(unit) for unit in kept}
            head = b"\x17" if UnitType.IDR_SLICE in types else b"\x27"
            shown_s = self.clock.time_s(picture.timestamp)
            body = head + b"\x01\x00\x00\x00" + h264.join(kept)
            yield Sample(self, self._order.decoded_s(shown_s), shown_s, body, self._untold)
            self._untold = b""

    def _keep(self, units: Sequence[bytes]) -> None:
        """Take the parameter sets among the units; new ones make another configuration."""
        before = dict(self._sets)
        for unit in units:
            kind = h264.unit_type(unit)
            if kind in _PARAMETERS:
                self._sets[kind, _set_id(unit)] = unit
        if self._sets != before:
            self._untold = video_configuration(tuple(self._sets.values())) or b""
            if self._untold:
                self._order = _DecodingOrder(self._untold)


class _AudioTrack(Track):
    def __init__(self, announced: AnnouncedTrack) -> None:
        super().__init__(announced)
        self._frames = FrameAssembler()

    def _samples(self, packet: RtpPacket) -> Iterator[Sample]:
        for frame in self._frames.push(packet):
            at_s = self.clock.time_s(frame.timestamp)
            yield Sample(self, at_s, at_s, b"\xaf\x01" + frame.data)


class _DecodingOrder:
    """Finds when each picture is decoded: RTP says only when it is shown.

    With pictures reordered by ``n`` at most, a picture is decoded when the ``n``-th before it in
    the order of showing is shown.
    """

    def __init__(self, configuration: bytes) -> None:
        sequence_sets, _ = h264.parameter_sets(configuration[5:])
        parameters = sps.sequence_parameters(sequence_sets[0])
        self._reordered = parameters.reordered
        self._frame_s = parameters.frame_s or _USUAL_FRAME_S
        self._shown_s: list[float] = []

    def decoded_s(self, shown_s: float) -> float:
        if not self._shown_s:
            self._shown_s = [
                shown_s - self._frame_s * ahead for ahead in range(self._reordered, 0, -1)
            ]
        self._shown_s = sorted([*self._shown_s, shown_s])
        return self._shown_s.pop(0)


def _set_id(unit: bytes) -> int:
    try:
        return sps.set_id(unit)
    except ValueError as error:
        raise Refused(Reason.BAD_MEDIA, f"invalid H264 configuration: {error}") from error
