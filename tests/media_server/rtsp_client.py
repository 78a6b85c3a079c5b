"""A small RTSP client for the tests: what players and publishers do, and what none should."""

import asyncio
import base64
import re
from dataclasses import dataclass

from media_server import sps
from media_server.config import Address
from media_server.rtp import RtpPacket, SenderReport
from media_server.rtsp_messages import Interleaved
from tests.media_server.peer import DEADLINE_S, Peer

SPS = bytes.fromhex("6764000dacb40a0cfcf080000003008000001e078a1550")
SPS_WITH_B_FRAMES = bytes.fromhex("6764000dacd941419f9e10000003001000000303c0f1429960")
PPS = bytes.fromhex("68ef0fcb")
AAC_CONFIG = bytes.fromhex("1190")
VIDEO_CHANNEL, AUDIO_CHANNEL = 0, 2

H264_BODY = b"\x17\x00\x00\x00\x00" + sps.configuration([SPS], [PPS])
AAC_BODY = b"\xaf\x00" + AAC_CONFIG


def video_lines(*sets: bytes) -> str:
    encoded = ",".join(base64.b64encode(each).decode() for each in sets)
    return (
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
        f"a=fmtp:96 packetization-mode=1; sprop-parameter-sets={encoded}\r\n"
        "a=control:streamid=0\r\n"
    )


AUDIO_LINES = (
    "m=audio 0 RTP/AVP 97\r\nb=AS:128\r\na=rtpmap:97 MPEG4-GENERIC/48000/2\r\n"
    "a=fmtp:97 profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3; "
    "config=1190\r\na=control:streamid=1\r\n"
)
HEAD = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
DESCRIPTION = HEAD + video_lines(SPS, PPS) + AUDIO_LINES


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


def media(channel: int, number: int, timestamp: int, payload: bytes) -> bytes:
    """A packet of RTP that ends a picture or a frame, on its channel."""
    packet = RtpPacket(96 + channel // 2, number, timestamp, 7 + channel, True, payload)
    return Interleaved(channel, packet.encode()).encode()


def report(channel: int, at_s: float, timestamp: int) -> bytes:
    """A sender's report, on the channel behind the media's."""
    return Interleaved(channel + 1, SenderReport(7 + channel, at_s, timestamp).encode()).encode()


def picture(number: int, *, keyframe: bool = False, size_bytes: int = 20) -> bytes:
    """A unit whose payload names its number."""
    return (b"\x65" if keyframe else b"\x41") + bytes([number]) * size_bytes


def sound(number: int) -> bytes:
    """The payload of one frame of sound, whose bytes name its number."""
    return b"\x00\x10\x00\x20" + bytes([number]) * 4


class RtspClient(Peer):
    """A player or a publisher."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.packets: list[Interleaved] = []
        self._number = 0

    def url(self, path: str) -> str:
        return f"rtsp://{self.address}/{path}"

    async def ask(self, method: str, url: str, body: str = "", **headers: str) -> Answer:
        """Send a request and return its answer; media that comes before it is kept."""
        self._number += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._number}"]
        lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send_raw(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        while (message := await self._next()) is not None:
            if isinstance(message, Answer):
                assert message.headers["cseq"] == str(self._number)
                return message
            self.packets.append(message)
        raise AssertionError("the server closed the connection")

    async def set_up(
        self, url: str, controls: tuple[str, ...] = ("streamid=0", "streamid=1")
    ) -> None:
        for index, control in enumerate(controls):
            channels = f"RTP/AVP/TCP;unicast;interleaved={2 * index}-{2 * index + 1}"
            answer = await self.ask("SETUP", f"{url}/{control}", Transport=channels)
            assert (answer.status, answer.headers["transport"]) == (200, channels)

    async def publish(self, path: str, description: str = DESCRIPTION) -> int:
        """Ask to publish; return the status that settles it."""
        url = self.url(path)
        answer = await self.ask("ANNOUNCE", url, description, Content_Type="application/sdp")
        if answer.status != 200:
            return answer.status
        await self.set_up(url, tuple(re.findall(r"a=control:(\S+)", description)))
        return (await self.ask("RECORD", url, Range="npt=0.000-")).status

    async def play(self, path: str) -> Answer:
        """Ask to play; return the description, or the answer that refused."""
        url = self.url(path)
        described = await self.ask("DESCRIBE", url, Accept="application/sdp")
        if described.status != 200:
            return described
        await self.set_up(
            described.headers["content-base"].rstrip("/"),
            tuple(re.findall(r"a=control:(\S+)", described.body)),
        )
        assert (await self.ask("PLAY", url, Range="npt=0.000-")).status == 200
        return described

    async def next_packet(self) -> Interleaved | None:
        """The next packet of media or of reports; None at the server's end."""
        if self.packets:
            return self.packets.pop(0)
        message = await self._next()
        assert not isinstance(message, Answer)
        return message

    async def rest(self) -> list[Interleaved]:
        """Every packet up to the server's end."""
        found = []
        while (packet := await self.next_packet()) is not None:
            found.append(packet)
        return found

    async def _next(self) -> Answer | Interleaved | None:
        async with asyncio.timeout(DEADLINE_S):
            try:
                first = await self._reader.readexactly(1)
                if first == b"$":
                    head = await self._reader.readexactly(3)
                    size = int.from_bytes(head[1:], "big")
                    return Interleaved(head[0], await self._reader.readexactly(size))
                head = first + await self._reader.readuntil(b"\r\n\r\n")
                status, *lines = head.decode().rstrip().split("\r\n")
                pairs = (line.partition(": ") for line in lines)
                headers = {key.lower(): value for key, _, value in pairs}
                body = await self._reader.readexactly(int(headers.get("content-length", 0)))
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
        return Answer(int(status.split()[1]), headers, body.decode())
