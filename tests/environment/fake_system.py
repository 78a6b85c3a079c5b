"""A dubbing system of scripted answers, with a real Socket.IO server for the observer."""

from __future__ import annotations

import asyncio
import io
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import socketio
from aiohttp import web

from environment.session import BringUp, Session
from environment.settings import Settings
from environment.stack.topology import Topology
from services.contracts import OBSERVE_NAMESPACE, OBSERVED_EVENT, AudioPayload

HEALTH = {
    "status": "healthy",
    "profile": "embedded",
    "asr": "pocketsphinx",
    "translation": "apertium",
    "tts": "espeak",
    "models": {"asr": "en-us", "translation": "eng-spa", "tts": "es"},
}
STREAM_ID = "stream-1"


class SpeechServer:
    """sts-service's `/health` and `/observe`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.sio = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=2**24)
        self.sio.on("connect", self._connected, namespace=OBSERVE_NAMESPACE)
        self.port = 0
        ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(5)

    async def _connected(self, sid: str, environ: object, auth: object = None) -> None:
        return

    def _serve(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        ready.set()
        self.loop.run_forever()
        self.loop.close()

    async def _start(self) -> None:
        app = web.Application()

        async def health(_request: web.Request) -> web.Response:
            return web.json_response(HEALTH)

        app.router.add_get("/health", health)
        self.sio.attach(app)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.port = self.runner.addresses[0][1]

    def say(self, sender: str, event: str, payload: dict[str, Any]) -> None:
        observed = {
            "sender": sender,
            "event": event,
            "connection": "c1",
            "stream_id": STREAM_ID,
            "timestamp": int(time.time() * 1000),
            "payload": payload,
        }
        coroutine = self.sio.emit(OBSERVED_EVENT, observed, namespace=OBSERVE_NAMESPACE)
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(5)

    def stop(self) -> None:
        if not self.thread.is_alive():
            return

        async def end() -> None:
            await self.sio.shutdown()
            await self.runner.cleanup()

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)


class FakeContainer:
    """A container that always runs; ``answers`` are the reports of successive looks."""

    image = "fake:1"
    status = "running"

    def __init__(self, name: str) -> None:
        self.name = name
        self.ended_by_itself = False
        self.published: set[str] = set()
        self.files: dict[str, bytes] = {}
        self.looks: list[Callable[[], list[dict[str, Any]]]] = []
        self.counter = "media_service_fragments_sent_total"
        self.sent_total = 0.0
        self.received_bytes = 0
        self.waited_idle = 0

    def logs(self, since: float | None = None) -> str:
        return f"log of {self.name}\n"

    def inspect(self) -> dict[str, Any]:
        state = {"Status": "running", "ExitCode": 0, "OOMKilled": False}
        return {"State": {**state, "Error": "", "FinishedAt": "never"}}

    def server_name(self) -> str:
        return "dubspec-mediamtx-stand-in"

    def path(self, name: str) -> dict[str, Any] | None:
        if name not in self.published:
            return None
        self.received_bytes += 1000
        return {"name": name, "ready": True, "bytesReceived": self.received_bytes}

    def wait_idle(self) -> None:
        self.waited_idle += 1

    def read_archive(self, path: str) -> bytes:
        name = path.removeprefix("/recordings/")
        if name not in self.files:
            raise FileNotFoundError(path)
        return tar({f"{name.rsplit('/', 1)[-1]}/1.flv": self.files[name]})

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {(self.counter, frozenset()): self.sent_total}

    def streams(self) -> list[dict[str, Any]]:
        look = self.looks[0] if len(self.looks) == 1 else self.looks.pop(0)
        return look()


class FakeStack:
    """Everything the session asks of a `Topology`; what was done to it is in `calls`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.speech = SpeechServer()
        self.media_server = FakeContainer("e2e-mediamtx")
        self.media_service = FakeContainer("e2e-media-service")
        self.sts_service = FakeContainer("sts-service")
        self.sts_service.counter = "sts_fragments_received_total"
        self.containers = {
            container.name: container for container in (self.media_server, self.media_service)
        }
        self.calls: list[str] = []
        self.heal_error: Exception | None = None
        self.down_error: Exception | None = None

    @property
    def sts_url(self) -> str:
        return f"http://127.0.0.1:{self.speech.port}"

    def start(self) -> None:
        self.calls.append("start")

    def heal(self) -> None:
        self.calls.append("heal")
        if self.heal_error is not None:
            raise self.heal_error

    def down(self) -> None:
        self.calls.append("down")
        self.speech.stop()
        if self.down_error is not None:
            raise self.down_error

    def rtmp_url(self, path: str) -> str:
        return f"rtmp://127.0.0.1:9/{path}"

    publish_url = rtmp_url

    def resolve(self, url: str) -> str:
        return url.replace("localhost:1935", "127.0.0.1:21935")


def bring_up(made: list[FakeStack]) -> BringUp:
    """Return a session's `bring_up` that makes fake stacks and hands them to the test as well."""

    def make(session: Session) -> Topology:
        made.append(FakeStack(session.settings))
        return cast("Topology", made[-1])

    return make


def tar(files: dict[str, bytes]) -> bytes:
    """Return a tar archive as the engine hands it out."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for number, (name, content) in enumerate(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), 1_700_000_000 + number
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def fragment_id(number: int) -> str:
    """Return the id of a fragment of the scripted stream."""
    return str(UUID(int=number + 1))


def audio(level: int, *, seconds: float = 0.5) -> dict[str, Any]:
    """Return stereo PCM of one constant level at 48 kHz."""
    pcm = level.to_bytes(2, "little", signed=True) * (2 * int(48_000 * seconds))
    return AudioPayload.from_pcm(pcm, sample_rate_hz=48_000, channels=2).wire()


def say_fragment(speech: SpeechServer, number: int, words: tuple[str, str]) -> None:
    """Let a fragment pass over the wire: sent, queued, processed."""
    now_ms = int(time.time() * 1000)
    identity = {"fragment_id": fragment_id(number)}
    placed = identity | {"stream_id": STREAM_ID, "sequence_number": number}
    speech.say("media", "fragment:data", placed | {"timestamp": now_ms, "audio": audio(1000)})
    speech.say("sts", "fragment:ack", identity | {"status": "queued", "timestamp": now_ms})
    result = {
        "status": "success",
        "transcript": words[0],
        "translated_text": words[1],
        "dubbed_audio": audio(-2000),
        "processing_time_ms": 12,
    }
    speech.say("sts", "fragment:processed", placed | result)


def report(path_in: str, state: str, *, segments: int = 0) -> dict[str, Any]:
    """Return media-service's report of the scripted stream."""
    now = time.time()
    return {
        "stream_id": STREAM_ID,
        "name": path_in.split("/")[1],
        "path_in": path_in,
        "path_out": path_in.removesuffix("in") + "out",
        "state": state,
        "error": "audio track required for dubbing" if state == "failed" else None,
        "ready_at": now - 1,
        "detected_at": now - 0.9,
        "processing_at": now - 0.5,
        "finished_at": now if state in {"finished", "failed"} else None,
        "segments": [
            {
                "number": number,
                "fragment_id": fragment_id(number),
                "start_s": number * 6.0,
                "duration_s": 6.0,
                "sent_at": now,
                "outcome": "dubbed",
            }
            for number in range(segments)
        ],
        "output": {
            "url": "rtmp://e2e-mediamtx:1935/" + path_in.removesuffix("in") + "out",
            "first_packet_at": now if segments else None,
            "last_packet_at": now if state == "finished" else None,
            "duration_s": 12.0,
        },
    }


def fake_tools(folder: Path) -> Path:
    """Write an ffmpeg and an ffprobe that only pretend; put the folder first on PATH."""
    folder.mkdir(exist_ok=True)
    scripts = {
        "ffmpeg": "exec sleep 0.1",
        "ffprobe": """echo '{"streams": [{"codec_name": "h264"}, {"codec_name": "aac"}]}'""",
    }
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return folder
