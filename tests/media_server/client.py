"""A small RTMP client for the tests: what players and publishers do, and what none should."""

import asyncio
import os
import struct
from collections.abc import Mapping

from media_server import amf0, chunks
from media_server.amf0 import Value
from media_server.chunks import ChunkReader
from media_server.config import Address
from media_server.messages import Message, MessageType
from tests.media_server.peer import DEADLINE_S, Peer

H264_HEADER = (
    b"\x17\x00\x00\x00\x00\x01\x42\xc0\x1f\xff\xe1\x00\x04\x67\x42\xc0\x1f\x01\x00\x01\x68"
)
AAC_HEADER = b"\xaf\x00\x11\x90"


def video(number: int, *, keyframe: bool = False, size_bytes: int = 20) -> bytes:
    """A picture's tag body whose payload names its number."""
    return (
        (b"\x17" if keyframe else b"\x27")
        + b"\x01\x00\x00\x00"
        + struct.pack(">I", number) * (size_bytes // 4)
    )


def audio(number: int) -> bytes:
    """A frame of sound's tag body whose payload names its number."""
    return b"\xaf\x01" + struct.pack(">I", number)


class RtmpClient(Peer):
    """A player or a publisher."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self._chunks = ChunkReader()
        self._received: list[Message] = []

    def send(self, message: Message) -> None:
        self.send_raw(chunks.encode(message, 128))

    def command(self, name: str, *values: Value) -> None:
        body = amf0.encode(name, 1, *values)
        self.send(Message(MessageType.COMMAND, 0, body, 0, 3))

    def media(self, message_type: MessageType, timestamp_ms: int, body: bytes) -> None:
        stream = 4 if message_type is MessageType.AUDIO else 6
        self.send(Message(message_type, timestamp_ms, body, 1, stream))

    async def handshake(self) -> None:
        self.send_raw(b"\x03" + bytes(8) + os.urandom(1528))
        async with asyncio.timeout(DEADLINE_S):
            answer = await self._reader.readexactly(1 + 2 * 1536)
        assert answer[0] == 3
        self.send_raw(answer[1:1537])

    async def connect(self, app: str) -> None:
        await self.handshake()
        self.command("connect", {"app": app})
        self.command("createStream", None)
        while (await self.next_command())[0] != "_result":
            pass
        assert (await self.next_command())[3] == 1

    async def publish(self, app: str, name: str) -> str:
        """Ask to publish; return the status code of the answer."""
        await self.connect(app)
        self.command("publish", None, name, "live")
        return await self.next_status()

    async def play(self, app: str, name: str) -> str:
        """Ask to play; return the status code that settles it."""
        await self.connect(app)
        self.command("play", None, name)
        code = await self.next_status()
        return await self.next_status() if code == "NetStream.Play.Reset" else code

    def send_headers(self, *, width: int = 320) -> None:
        """Send metadata and the decoder configurations of one video and one audio track."""
        metadata = {"width": width, "height": 180, "videocodecid": 7, "audiocodecid": 10}
        body = amf0.encode("@setDataFrame", "onMetaData", metadata)
        self.send(Message(MessageType.DATA, 0, body, 1, 5))
        self.media(MessageType.VIDEO, 0, H264_HEADER)
        self.media(MessageType.AUDIO, 0, AAC_HEADER)

    async def next_message(self) -> Message | None:
        """The next message, None at the server's end."""
        async with asyncio.timeout(DEADLINE_S):
            while not self._received:
                try:
                    data = await self._reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._received += self._chunks.feed(data)
        return self._received.pop(0)

    async def next_command(self) -> list[Value]:
        while (message := await self.next_message()) is not None:
            if message.type_id == MessageType.COMMAND:
                return amf0.decode(message.body)
        raise AssertionError("the server closed the connection")

    async def next_status(self) -> str:
        while (values := await self.next_command())[0] != "onStatus":
            pass
        information = values[3]
        assert isinstance(information, Mapping)
        return str(information["code"])

    async def rest(self) -> list[Message]:
        """Everything up to the server's end."""
        messages: list[Message] = []
        while (message := await self.next_message()) is not None:
            messages.append(message)
        return messages
