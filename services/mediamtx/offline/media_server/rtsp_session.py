"""An RTSP session over TCP: requests, then publisher or reader of one path."""

import os
import re
from collections.abc import Callable, Mapping
from typing import ClassVar

from media_server import rtsp_messages, sdp
from media_server.auth import Action, Credentials, authorize
from media_server.config import Config
from media_server.connection import Connection
from media_server.errors import Reason, Refused, SessionEnded
from media_server.media import MediaTag, TagType
from media_server.paths import PathTable
from media_server.rtsp_feed import Feed
from media_server.rtsp_intake import Intake
from media_server.rtsp_messages import Interleaved, MessageReader, Request
from media_server.rtsp_target import target
from media_server.sdp import AnnouncedTrack, DescribedTrack
from media_server.session import EOF, PathSession

_SESSION_TIMEOUT_S = 60
_PUBLIC = "OPTIONS, DESCRIBE, ANNOUNCE, SETUP, PLAY, RECORD, GET_PARAMETER, TEARDOWN"
_CHANNELS = re.compile(r"interleaved=(\d{1,3})(?:-\d{1,3})?(?:;|$)")
_MAX_CHANNEL = 254
_STATUS = {Reason.AUTHENTICATION: 401, Reason.NO_STREAM: 404}


class RtspSession(PathSession):
    """One client over RTSP; implements ``Publisher`` and ``Reader``."""

    kind: ClassVar[str] = "rtspSession"
    protocol: ClassVar[str] = "RTSP"

    def __init__(self, connection: Connection, config: Config, paths: PathTable) -> None:
        super().__init__(connection, config, paths)
        self._messages = MessageReader()
        self._session = os.urandom(8).hex()
        self._base_url = ""
        self._announced: tuple[AnnouncedTrack, ...] = ()
        self._described: tuple[DescribedTrack, ...] = ()
        # Which track is on which channel; RTCP is on the one behind.
        self._channels: dict[int, int] = {}
        self._intake: Intake | None = None
        self._feed: Feed | None = None
        self._methods: dict[str, Callable[[Request], None]] = {
            "OPTIONS": self._on_options,
            "GET_PARAMETER": self._on_keep_alive,
            "SET_PARAMETER": self._on_keep_alive,
            "DESCRIBE": self._on_describe,
            "ANNOUNCE": self._on_announce,
            "SETUP": self._on_setup,
            "PLAY": self._on_play,
            "RECORD": self._on_record,
            "TEARDOWN": self._on_teardown,
        }

    def on_message(self, message: Request | Interleaved) -> None:
        """Act on one message of the peer.

        Raises:
            SessionEnded: the message ends the session, or is one that cannot be accepted.
        """
        if isinstance(message, Interleaved):
            self._on_packet(message)
            return
        try:
            self._on_request(message)
        except Refused as refusal:
            self._reply(message, _STATUS.get(refusal.reason, 400))
            raise

    def on_taken_over(self) -> None:
        """Give way to another publisher of the same path."""
        self._intake = None
        super().on_taken_over()

    def on_tag(self, tag: MediaTag) -> None:
        """Send one tag to the player."""
        if self._feed is None or tag.type is TagType.METADATA:
            return
        try:
            self._feed.push(tag)
        except Refused as refusal:
            # The publisher's fault: its other readers may well understand it.
            self._feed = None
            self._connection.end(refusal)

    def _take(self, received: bytes) -> int:
        taken = 0
        for message in self._messages.feed(received):
            self.on_message(message)
            taken += 1
        return taken

    @property
    def _mid_message(self) -> bool:
        return self._messages.mid_message

    @property
    def _is_sending(self) -> bool:
        return self._intake is not None

    @property
    def _is_playing(self) -> bool:
        return self._feed is not None

    def _on_packet(self, packet: Interleaved) -> None:
        if self._feed is not None:
            return  # a player's reports on what it received
        if self._intake is None:
            raise Refused(Reason.BAD_PROTOCOL, "media without a RECORD request")
        index = self._channels.get(packet.channel & ~1)
        if index is None:
            raise Refused(Reason.BAD_PROTOCOL, f"media on unknown channel {packet.channel}")
        if packet.channel & 1:
            self._intake.take_report(index, packet.payload)
        else:
            self._intake.take_media(index, packet.payload)

    def _on_request(self, request: Request) -> None:
        if not request.headers.get("cseq", "").isdecimal():
            raise Refused(Reason.BAD_PROTOCOL, "RTSP request without a CSeq")
        session = request.headers.get("session", self._session).partition(";")[0]
        if session != self._session:
            self._reply(request, 454)
            return
        handler = self._methods.get(request.method)
        if handler is None:
            self._reply(request, 501)
            return
        handler(request)

    def _on_options(self, request: Request) -> None:
        self._reply(request, 200, {"Public": _PUBLIC})

    def _on_keep_alive(self, request: Request) -> None:
        self._reply(request, 200)

    def _on_describe(self, request: Request) -> None:
        if not self._is_new(request) or not self._may(request, Action.READ):
            return
        name, _ = target(request)
        publication = self._paths.find(name)
        self._source = publication
        text, self._described = sdp.describe(
            publication.configurations, language=publication.language
        )
        self._base_url = request.url.partition("?")[0].rstrip("/") + "/"
        headers = {"Content-Base": self._base_url, "Content-Type": "application/sdp"}
        self._reply(request, 200, headers, text)

    def _on_announce(self, request: Request) -> None:
        if not self._is_new(request) or not self._may(request, Action.PUBLISH):
            return
        name, _ = target(request)
        self._announced = sdp.parse(request.body)
        self._publishing = self._paths.publish(name, self)
        self._base_url = request.url.rstrip("/") + "/"
        self._reply(request, 200)

    def _on_setup(self, request: Request) -> None:
        if not (self._announced or self._described) or self._intake or self._feed:
            self._reply(request, 455)
            return
        transport = request.headers.get("transport", "")
        channels = _CHANNELS.search(transport)
        if "RTP/AVP/TCP" not in transport.upper():
            self._reply(request, 461)
            return
        index = self._track_of(request.url)
        channel = int(channels[1]) if channels else 2 * index
        if channel % 2 or channel > _MAX_CHANNEL or channel in self._channels:
            raise Refused(Reason.BAD_PROTOCOL, f"channel {channel} cannot be used")
        self._channels[channel] = index
        agreed = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
        self._reply(request, 200, {"Transport": agreed})

    def _on_play(self, request: Request) -> None:
        source = self._source
        if source is None or not self._channels or self._feed is not None:
            self._reply(request, 455)
            return
        if source.ready_at is None:
            raise Refused(Reason.NO_STREAM, f"no stream is available on path '{source.name}'")
        tracks = {channel: self._described[index] for channel, index in self._channels.items()}
        codecs = [track.codec for track in source.tracks]
        count = "1 track" if len(tracks) == 1 else f"{len(tracks)} tracks"
        self._connection.log(
            f"is reading from path '{source.name}', with TCP, {count} ({', '.join(codecs)})"
        )
        self._reply(request, 200)
        self._feed = Feed(source, tracks, self._connection.send)
        source.attach(self)

    def _on_record(self, request: Request) -> None:
        publication = self._publishing
        if publication is None or self._intake is not None:
            self._reply(request, 455)
            return
        if len(self._channels) < len(self._announced):
            raise Refused(Reason.BAD_PROTOCOL, "not every announced track was set up")
        self._connection.log(f"is publishing to path '{publication.name}'")
        self._reply(request, 200)
        self._intake = Intake(self._announced, publication)
        self._intake.begin()

    def _on_teardown(self, request: Request) -> None:
        self._reply(request, 200)
        raise SessionEnded(EOF)

    def _is_new(self, request: Request) -> bool:
        """Whether the session has not chosen its path; if it has, the request is turned down."""
        if self._announced or self._described:
            self._reply(request, 455)
            return False
        return True

    def _may(self, request: Request, action: Action) -> bool:
        """Whether the peer may do it; one that has shown no credentials is asked for them.

        Raises:
            Refused: its credentials do not permit it.
        """
        name, credentials = target(request)
        try:
            authorize(self._config.users, credentials, action, name)
        except Refused:
            if credentials != Credentials():
                raise
            self._reply(request, 401, {"WWW-Authenticate": 'Basic realm="mediamtx"'})
            return False
        return True

    def _track_of(self, url: str) -> int:
        """Return the place of the track that a SETUP names; each may be named once."""
        controls = [track.control for track in self._announced] or [
            sdp.control(index) for index in range(len(self._described))
        ]
        wanted = [control if "://" in control else self._base_url + control for control in controls]
        for index, known in enumerate(wanted):
            if url.rstrip("/") == known.rstrip("/") and index not in self._channels.values():
                return index
        raise Refused(Reason.BAD_PROTOCOL, "no such track, or set up already")

    def _reply(
        self,
        request: Request,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> None:
        fields = {"Session": f"{self._session};timeout={_SESSION_TIMEOUT_S}", **(headers or {})}
        sequence = request.headers.get("cseq", "0")
        sequence = sequence if sequence.isdecimal() else "0"
        self._connection.send(rtsp_messages.reply(status, sequence, fields, body))
