"""What a publisher sends over RTP, laid on one clock and handed to its path as tags."""

import time
from collections.abc import Sequence

from media_server import amf0, h264, sps
from media_server.amf0 import Value
from media_server.media import MediaTag, TagType
from media_server.paths import Publication
from media_server.rtp import RtpPacket, sender_reports
from media_server.rtp_tracks import Sample, Track, new_track
from media_server.sdp import AnnouncedTrack

HEAD_S = 0.5
"""How long the first media is held until every announced track has begun: then it is known
which of them comes first, and that is time zero."""
MAX_CLOCK_ERROR_S = 5.0
"""A sender is not believed whose clock has its tracks further apart than this, beyond arrival."""

_MAX_HELD = 2000
_MAX_COMPOSITION_MS = (1 << 23) - 1


class Intake:
    """The tracks of one publisher over RTSP."""

    def __init__(self, announced: Sequence[AnnouncedTrack], publication: Publication) -> None:
        self._announced = tuple(announced)
        self._publication = publication
        self._tracks = tuple(new_track(track) for track in announced)
        self._held: list[Sample] | None = []
        self._first_arrival_s: float | None = None
        self._zero_s = 0.0
        self._by_arrival = False

    def begin(self) -> None:
        """Tell the path what will come, as far as the announcement says it."""
        properties = _properties(self._announced)
        body = amf0.encode("onMetaData", properties)
        self._publication.push_metadata(MediaTag(TagType.METADATA, 0, body), properties)
        for track in self._announced:
            if track.configuration:
                self._publication.push(MediaTag(track.type, 0, track.configuration))

    def take_media(self, index: int, data: bytes) -> None:
        """Take a packet of RTP of the track with that place in the announcement.

        Raises:
            Refused: the packet cannot be of that track.
        """
        now_s = time.monotonic()
        if self._first_arrival_s is None:
            self._first_arrival_s = now_s
        for sample in self._tracks[index].push(RtpPacket.parse(data)):
            if self._held is None:
                self._emit(sample)
            else:
                self._held.append(sample)
        if self._held and self._head_is_over(now_s):
            self._release(self._held)

    def take_report(self, index: int, data: bytes) -> None:
        """Take a packet of RTCP of that track."""
        for report in sender_reports(data):
            self._tracks[index].clock.take_report(report)

    def _head_is_over(self, now_s: float) -> bool:
        began_s = self._first_arrival_s
        waited_s = 0.0 if began_s is None else now_s - began_s
        held = self._held or ()
        begun = {sample.track for sample in held}
        return len(begun) == len(self._tracks) or waited_s >= HEAD_S or len(held) >= _MAX_HELD

    def _release(self, held: list[Sample]) -> None:
        """Fix time zero at the earliest of what is held, and hand all of it on in order."""
        begun = {sample.track for sample in held}
        self._by_arrival = not _clocks_agree(begun)
        self._zero_s = min(self._place_s(sample) for sample in held)
        self._held = None
        for sample in sorted(held, key=self._place_s):
            self._emit(sample)

    def _place_s(self, sample: Sample) -> float:
        """Return the sample's time of decoding on a clock that all tracks share."""
        at_s = None if self._by_arrival else sample.track.clock.first_at_s
        if at_s is None:
            at_s = sample.track.first_arrival_at_s
        return at_s + sample.decoded_s

    def _emit(self, sample: Sample) -> None:
        kind = sample.track.type
        decoded_ms = round(1000 * max(0.0, self._place_s(sample) - self._zero_s))
        if sample.configuration:
            self._publication.push(MediaTag(kind, decoded_ms, sample.configuration))
        body = sample.body
        if kind is TagType.VIDEO:
            shown_ms = round(1000 * (self._place_s(sample) - self._zero_s + _lead_s(sample)))
            composition_ms = min(max(0, shown_ms - decoded_ms), _MAX_COMPOSITION_MS)
            body = body[:2] + composition_ms.to_bytes(3, "big") + body[5:]
        self._publication.push(MediaTag(kind, decoded_ms & 0xFFFFFFFF, body))


def _lead_s(sample: Sample) -> float:
    return sample.shown_s - sample.decoded_s


def _clocks_agree(tracks: set[Track]) -> bool:
    """Whether every sender's report is there, and none contradicts when its track arrived."""
    told = [(track.clock.first_at_s, track.first_arrival_at_s) for track in tracks]
    errors_s = [at_s - arrival_s for at_s, arrival_s in told if at_s is not None]
    return len(errors_s) == len(told) and max(errors_s) - min(errors_s) <= MAX_CLOCK_ERROR_S


def _properties(tracks: Sequence[AnnouncedTrack]) -> dict[str, Value]:
    """Return what ``onMetaData`` says of such tracks."""
    properties: dict[str, Value] = {}
    for track in tracks:
        if track.type is TagType.AUDIO:
            properties |= {"audiocodecid": 10, "audiosamplerate": track.rate_hz}
        else:
            properties["videocodecid"] = 7
        if track.type is TagType.VIDEO and track.configuration:
            sequence_sets, _ = h264.parameter_sets(track.configuration[5:])
            size = sps.sequence_parameters(sequence_sets[0])
            properties |= {"width": size.width, "height": size.height}
            if size.frame_s:
                properties["framerate"] = round(1 / size.frame_s, 3)
        if track.language:
            properties["language"] = track.language
    return properties
