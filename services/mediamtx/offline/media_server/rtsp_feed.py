"""What a player over RTSP is sent: a path's tags as packets of RTP, with the sender's clock."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from media_server import h264, rtp_audio, rtp_video
from media_server.errors import Reason, Refused
from media_server.h264 import UnitType
from media_server.media import MediaTag, TagType
from media_server.paths import Publication
from media_server.rtp import RtpPacket, SenderReport
from media_server.rtsp_messages import Interleaved
from media_server.sdp import DescribedTrack

REPORT_INTERVAL_S = 5.0
"""How often each track's clock is told; the first time before its first packet."""


@dataclass
class _Sent:
    """One track on its way out; the timestamps begin anywhere, as RFC 3550 asks."""

    track: DescribedTrack
    channel: int
    ssrc: int = field(default_factory=lambda: int.from_bytes(os.urandom(4), "big"))
    zero: int = field(default_factory=lambda: int.from_bytes(os.urandom(4), "big"))
    number: int = 0
    packets: int = 0
    sent_bytes: int = 0
    reported_s: float = float("-inf")


class Feed:
    """One player's tracks, each on its channel of the connection."""

    def __init__(
        self,
        publication: Publication,
        tracks: Mapping[int, DescribedTrack],
        send: Callable[[bytes], None],
    ) -> None:
        """``tracks`` are those that the player has asked for, by the channel it wants them on."""
        self._publication = publication
        self._send = send
        self._tracks = {track.type: _Sent(track, channel) for channel, track in tracks.items()}
        self._sets: tuple[bytes, ...] = ()

    def push(self, tag: MediaTag) -> None:
        """Send one tag, if the player wants its track.

        Raises:
            Refused: the publisher's media cannot be put into packets.
        """
        sent = self._tracks.get(tag.type)
        try:
            if tag.type is TagType.VIDEO and tag.is_sequence_header:
                sequence_sets, picture_sets = h264.parameter_sets(tag.body[5:])
                self._sets = sequence_sets + picture_sets
            elif sent is not None and not tag.is_sequence_header:
                self._send_media(sent, tag)
        except ValueError as error:
            raise Refused(Reason.BAD_MEDIA, f"cannot be sent as RTP: {error}") from error

    def _send_media(self, sent: _Sent, tag: MediaTag) -> None:
        shown_ms = tag.timestamp_ms
        if tag.type is TagType.VIDEO:
            shown_ms += _composition_ms(tag.body)
            payloads = list(rtp_video.packets(self._units(tag)))
        else:
            payloads = [(rtp_audio.payload(tag.body[2:]), True)]
        timestamp = sent.zero + round(shown_ms * sent.track.rate_hz / 1000)
        pieces = [self._report(sent, shown_ms, timestamp)]
        for payload, marker in payloads:
            kind, number = sent.track.payload_type, sent.number
            packet = RtpPacket(kind, number, timestamp, sent.ssrc, marker, payload)
            pieces.append(Interleaved(sent.channel, packet.encode()).encode())
            sent.number += 1
            sent.packets += 1
            sent.sent_bytes += len(payload)
        self._send(b"".join(pieces))

    def _units(self, tag: MediaTag) -> tuple[bytes, ...]:
        """Return the picture's units; before a keyframe, as with MediaMTX, the parameter sets."""
        found = tuple(
            unit for unit in h264.units(tag.body[5:]) if h264.unit_type(unit) != UnitType.DELIMITER
        )
        has_sets = any(h264.unit_type(u) == UnitType.SEQUENCE_PARAMETERS for u in found)
        return found if has_sets or not tag.is_keyframe else self._sets + found

    def _report(self, sent: _Sent, shown_ms: int, timestamp: int) -> bytes:
        now_s = time.monotonic()
        if now_s - sent.reported_s < REPORT_INTERVAL_S:
            return b""
        sent.reported_s = now_s
        at_s = self._publication.sent_at_s(shown_ms)
        report = SenderReport(sent.ssrc, at_s, timestamp, sent.packets, sent.sent_bytes)
        return Interleaved(sent.channel + 1, report.encode()).encode()


def _composition_ms(body: bytes) -> int:
    return int.from_bytes(body[2:5], "big", signed=True)
