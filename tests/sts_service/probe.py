"""A client that keeps every event it hears, each checked against the contract."""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import socketio

from services.contracts import (
    OBSERVE_NAMESPACE,
    OBSERVED_EVENT,
    SERVER_EVENTS,
    AudioPayload,
    FragmentAck,
    FragmentData,
    ObservedEvent,
    StreamConfig,
    StreamInit,
    WireModel,
    parse_event,
)
from tests.sts_service.sounds import RATE_HZ

M = TypeVar("M", bound=WireModel)
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Heard:
    name: str
    event: WireModel


class Probe:
    """Connects, speaks, listens."""

    def __init__(self, url: str, *, token: str | None = None) -> None:
        self._url = url
        self._auth = {"token": token} if token is not None else None
        self._news = asyncio.Condition()
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: list[Heard] = []
        self.observed: list[ObservedEvent] = []
        for name in SERVER_EVENTS:
            self.client.on(name, self._listener(name))
        self.client.on(OBSERVED_EVENT, self._observe, namespace=OBSERVE_NAMESPACE)

    async def connect(self, *, namespace: str = "/") -> "Probe":
        await self.client.connect(
            self._url,
            namespaces=[namespace],
            transports=["websocket"],
            auth=self._auth,
            wait_timeout=PATIENCE_S,
        )
        return self

    async def say(self, event: str, payload: Any) -> None:
        await self.client.emit(event, payload.wire() if isinstance(payload, WireModel) else payload)

    async def hand_over(self, data: FragmentData) -> None:
        """Send a fragment, and wait until a worker has it."""
        await self.say("fragment:data", data)
        await self.expect(FragmentAck, 2, where=lambda ack: ack.fragment_id == data.fragment_id)

    async def leave(self) -> None:
        """Say goodbye; the library's own ``disconnect`` closes before that word is out."""
        await self.client.eio.ws.send_str("41")

    def vanish(self) -> None:
        """Break the connection without a word, as a pulled cable or a killed process does."""
        self.client.eio.ws._writer.transport.abort()

    async def acknowledge(self, fragment_id: uuid.UUID, status: str = "received") -> None:
        ack = {"fragment_id": str(fragment_id), "status": status, "timestamp": 1}
        await self.client.emit("fragment:ack", ack)

    async def expect(
        self, kind: type[M], count: int = 1, *, where: Callable[[M], bool] = lambda _: True
    ) -> list[M]:
        """Return the first ``count`` events of a kind, waiting for them."""

        def found() -> list[M]:
            events = (heard.event for heard in self.heard)
            return [event for event in events if isinstance(event, kind) and where(event)]

        async with self._news:
            try:
                await asyncio.wait_for(
                    self._news.wait_for(lambda: len(found()) >= count), PATIENCE_S
                )
            except TimeoutError:
                heard = [heard.name for heard in self.heard]
                raise AssertionError(f"{count} {kind.__name__} expected; heard {heard}") from None
        return found()[:count]

    async def expect_observed(self, count: int) -> list[ObservedEvent]:
        async with self._news:
            await asyncio.wait_for(
                self._news.wait_for(lambda: len(self.observed) >= count), PATIENCE_S
            )
        return self.observed

    def of(self, kind: type[M]) -> list[M]:
        """Return the events of a kind heard so far."""
        return [heard.event for heard in self.heard if isinstance(heard.event, kind)]

    def _listener(self, name: str) -> Callable[[Any], Any]:
        async def listen(payload: Any) -> None:
            async with self._news:
                self.heard.append(Heard(name, parse_event("sts", name, payload)))
                self._news.notify_all()

        return listen

    async def _observe(self, payload: Any) -> None:
        async with self._news:
            self.observed.append(ObservedEvent.model_validate(payload))
            self._news.notify_all()


def init(stream_id: str = "s", **changes: Any) -> StreamInit:
    config = StreamConfig(
        source_language=changes.pop("source", "en"),
        target_language=changes.pop("target", "es"),
        chunk_duration_ms=6000,
        sample_rate_hz=RATE_HZ,
        channels=1,
    )
    return StreamInit(stream_id=stream_id, worker_id="w", config=config, **changes)


def fragment(
    sequence: int, pcm: bytes, *, stream_id: str = "s", rate_hz: int = RATE_HZ, channels: int = 1
) -> FragmentData:
    return FragmentData(
        fragment_id=uuid.uuid4(),
        stream_id=stream_id,
        sequence_number=sequence,
        timestamp=time.time_ns() // 1_000_000,
        audio=AudioPayload.from_pcm(pcm, sample_rate_hz=rate_hz, channels=channels),
    )
