"""An RTMP session: handshake, commands, then publisher or reader of one path."""

from collections.abc import Callable, Mapping
from typing import ClassVar
from urllib.parse import parse_qs

from media_server import amf0, chunks, handshake, messages
from media_server.amf0 import Value
from media_server.auth import Action, Credentials, authorize
from media_server.chunks import ChunkReader
from media_server.config import Config
from media_server.connection import Connection
from media_server.errors import Reason, Refused, SessionEnded
from media_server.media import MediaTag, TagType, media_tag, metadata_tag
from media_server.messages import Message, MessageType, UserControl, unsigned_32
from media_server.paths import PathTable
from media_server.session import EOF, PathSession

_CHUNK_BYTES = 65536
_WINDOW_BYTES = 2_500_000
_CHUNK_STREAMS = {TagType.AUDIO: 4, TagType.VIDEO: 6, TagType.METADATA: 5}


class RtmpSession(PathSession):
    """One client over RTMP; implements ``Publisher`` and ``Reader``."""

    kind: ClassVar[str] = "rtmpConn"
    protocol: ClassVar[str] = "RTMP"

    def __init__(self, connection: Connection, config: Config, paths: PathTable) -> None:
        super().__init__(connection, config, paths)
        self._chunks = ChunkReader()
        self._send_chunk_bytes = chunks.DEFAULT_CHUNK_BYTES
        self._window_bytes = 0
        self._acknowledged_bytes = 0
        self._app: str | None = None
        self._commands: dict[str, Callable[[list[Value]], None]] = {
            "connect": self._on_connect,
            "createStream": self._on_create_stream,
            "releaseStream": self._on_acknowledged_only,
            "FCPublish": self._on_acknowledged_only,
            "getStreamLength": self._on_get_stream_length,
            "_checkbw": self._on_acknowledged_only,
            "publish": self._on_publish,
            "play": self._on_play,
            "closeStream": self._on_delete_stream,
            "deleteStream": self._on_delete_stream,
        }

    def on_message(self, message: Message) -> None:
        """Act on one message of the peer.

        Raises:
            SessionEnded: the message ends the session, or is one that cannot be accepted.
        """
        match message.type_id:
            case MessageType.AUDIO | MessageType.VIDEO:
                self._on_media(TagType(message.type_id), message)
            case MessageType.DATA:
                self._on_data(message.timestamp_ms, message.body)
            case MessageType.COMMAND:
                self._on_command(message.body)
            # The AMF3 forms hold AMF0 behind one byte, as every client sends them.
            case MessageType.DATA_AMF3:
                self._on_data(message.timestamp_ms, message.body[1:])
            case MessageType.COMMAND_AMF3:
                self._on_command(message.body[1:])
            case MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE:
                self._window_bytes = unsigned_32(message)
            case MessageType.USER_CONTROL:
                self._on_user_control(message.body)
            case _:
                pass

    def end(self) -> None:
        """End the session because the server stops."""
        if self._source is not None:
            self._announce_end()
        super().end()

    def on_tag(self, tag: MediaTag) -> None:
        """Send one tag to the player."""
        self._send(
            Message(
                tag.type, tag.timestamp_ms, tag.body, messages.STREAM_ID, _CHUNK_STREAMS[tag.type]
            )
        )

    def on_end(self) -> None:
        """Tell the player that its stream is over, then close."""
        self._announce_end()
        super().on_end()

    async def _greet(self, deadline_s: float) -> bytes:
        """Speak the handshake; return what followed it."""
        received = bytearray()
        for size_bytes, reply in (
            (handshake.C0_C1_BYTES, handshake.answer),
            (handshake.C2_BYTES, None),
        ):
            while len(received) < size_bytes:
                piece = await self._connection.receive(deadline_s)
                if not piece and not self._connection.received_bytes:
                    raise SessionEnded(EOF)
                if not piece:
                    raise Refused(Reason.TRUNCATED, "EOF in the middle of the handshake")
                received += piece
                if reply is not None:
                    handshake.check_version(received[0])
            if reply is not None:
                self._connection.send(reply(bytes(received[:size_bytes])))
            del received[:size_bytes]
        return bytes(received)

    def _take(self, received: bytes) -> int:
        taken = 0
        for message in self._chunks.feed(received):
            self.on_message(message)
            taken += 1
        self._acknowledge()
        return taken

    @property
    def _mid_message(self) -> bool:
        return self._chunks.mid_message

    def _acknowledge(self) -> None:
        received = self._connection.received_bytes
        if self._window_bytes and received - self._acknowledged_bytes >= self._window_bytes // 2:
            self._acknowledged_bytes = received
            self._send(messages.acknowledgement(received))

    def _on_media(self, tag_type: TagType, message: Message) -> None:
        if self._publishing is None:
            raise Refused(Reason.BAD_PROTOCOL, "media without a publish command")
        tag = media_tag(tag_type, message.timestamp_ms, message.body)
        if tag is not None:
            self._publishing.push(tag)

    def _on_data(self, timestamp_ms: int, body: bytes) -> None:
        metadata = metadata_tag(timestamp_ms, body)
        if metadata is not None and self._publishing is not None:
            self._publishing.push_metadata(*metadata)

    def _on_user_control(self, body: bytes) -> None:
        if body[:2] == bytes([0, UserControl.PING_REQUEST]):
            self._send(messages.user_control(UserControl.PING_RESPONSE, body[2:6]))

    def _on_command(self, body: bytes) -> None:
        values = amf0.decode(body)
        if not values or not isinstance(values[0], str):
            raise Refused(Reason.BAD_AMF, "command without a name")
        name = values[0]
        if self._app is None and name != "connect":
            raise Refused(Reason.BAD_PROTOCOL, f"command {name[:40]!r} before connect")
        handler = self._commands.get(name)
        if handler is not None:
            handler(values)

    def _on_connect(self, values: list[Value]) -> None:
        options = _argument(values, 2)
        app = options.get("app") if isinstance(options, Mapping) else None
        if not isinstance(app, str):
            raise Refused(Reason.BAD_PROTOCOL, "connect without an application name")
        self._app = app
        self._send(messages.window_acknowledgement_size(_WINDOW_BYTES))
        self._send(messages.set_peer_bandwidth(_WINDOW_BYTES))
        self._send(messages.set_chunk_size(_CHUNK_BYTES))
        self._send_chunk_bytes = _CHUNK_BYTES
        properties: dict[str, Value] = {"fmsVer": "LNX 9,0,124,2", "capabilities": 31}
        information: dict[str, Value] = {
            "level": "status",
            "code": "NetConnection.Connect.Success",
            "description": "Connection succeeded.",
            "objectEncoding": 0,
        }
        self._send(messages.result(_argument(values, 1), properties, information))

    def _on_create_stream(self, values: list[Value]) -> None:
        self._send(messages.result(_argument(values, 1), None, messages.STREAM_ID))

    def _on_acknowledged_only(self, values: list[Value]) -> None:
        self._send(messages.result(_argument(values, 1), None, None))

    def _on_get_stream_length(self, values: list[Value]) -> None:
        self._send(messages.result(_argument(values, 1), None, 0))

    def _on_publish(self, values: list[Value]) -> None:
        name, credentials = self._target(values)
        try:
            authorize(self._config.users, credentials, Action.PUBLISH, name)
            self._publishing = self._paths.publish(name, self)
        except Refused as refusal:
            self._send(messages.status("NetStream.Publish.BadName", str(refusal), level="error"))
            raise
        self._connection.log(f"is publishing to path '{name}'")
        self._send(messages.status("NetStream.Publish.Start", "publish start"))

    def _on_play(self, values: list[Value]) -> None:
        name, credentials = self._target(values)
        try:
            authorize(self._config.users, credentials, Action.READ, name)
            publication = self._paths.find(name)
        except Refused as refusal:
            self._send(
                messages.status("NetStream.Play.StreamNotFound", str(refusal), level="error")
            )
            raise
        self._source = publication
        codecs = [track.codec for track in publication.tracks]
        count = "1 track" if len(codecs) == 1 else f"{len(codecs)} tracks"
        self._connection.log(f"is reading from path '{name}', {count} ({', '.join(codecs)})")
        self._send(messages.stream_control(UserControl.STREAM_IS_RECORDED))
        self._send(messages.stream_control(UserControl.STREAM_BEGIN))
        self._send(messages.status("NetStream.Play.Reset", "play reset"))
        self._send(messages.status("NetStream.Play.Start", "play start"))
        self._send(messages.data(amf0.encode("|RtmpSampleAccess", True, True)))
        publication.attach(self)

    def _on_delete_stream(self, _values: list[Value]) -> None:
        raise SessionEnded(EOF)

    def _target(self, values: list[Value]) -> tuple[str, Credentials]:
        """Return the path that a publish or play command names, and the credentials with it."""
        if self._publishing is not None or self._source is not None:
            raise Refused(Reason.BAD_PROTOCOL, "the session publishes or plays already")
        stream = _argument(values, 3)
        app, _, app_query = (self._app or "").partition("?")
        name, _, query = (stream if isinstance(stream, str) else "").partition("?")
        parameters = parse_qs(app_query) | parse_qs(query)
        credentials = Credentials(parameters.get("user", [""])[0], parameters.get("pass", [""])[0])
        parts = (part.strip("/") for part in (app, name))
        return "/".join(part for part in parts if part), credentials

    def _announce_end(self) -> None:
        self._send(messages.stream_control(UserControl.STREAM_EOF))
        self._send(messages.status("NetStream.Play.UnpublishNotify", "stream ended"))
        self._send(messages.status("NetStream.Play.Stop", "stream ended"))

    def _send(self, message: Message) -> None:
        self._connection.send(chunks.encode(message, self._send_chunk_bytes))


def _argument(values: list[Value], index: int) -> Value:
    return values[index] if index < len(values) else None
