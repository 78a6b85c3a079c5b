"""What a client may say: each event parsed as the contract has it, and answered."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import structlog
from pydantic import ValidationError

from services.contracts import (
    Capabilities,
    ErrorCode,
    FragmentAck,
    FragmentData,
    Stage,
    StreamControl,
    StreamInit,
    StreamReady,
    WireModel,
    parse_event,
)
from sts_service.connections import Connections
from sts_service.emitter import Emitter
from sts_service.engines.registry import EngineInfo
from sts_service.errors import Refused, shutting_down
from sts_service.observe import Observers
from sts_service.outbox import size_bytes
from sts_service.quoting import clipped
from sts_service.streams import Streams

_log = structlog.get_logger()

MAX_FRAGMENT_BYTES = 10 * 1024 * 1024
"""Largest PCM of one fragment; in base64 it still fits the transport's buffer."""

_MAX_ENCODED = MAX_FRAGMENT_BYTES // 3 * 4 + 4


class Events:
    """The handlers of the main namespace.

    Those of one connection run one after another, so none of them waits for work to be done.
    """

    def __init__(
        self,
        *,
        streams: Streams,
        emitter: Emitter,
        observers: Observers,
        connections: Connections,
        engines: asyncio.Future[EngineInfo],
        max_deferred: int,
    ) -> None:
        self._streams = streams
        self._emitter = emitter
        self._observers = observers
        self._connections = connections
        self._engines = engines
        self._max_deferred = max_deferred
        self._present: set[str] = set()
        self._deferred: dict[asyncio.Task[None], str] = {}
        self.stopping = False

    async def receive(self, event: str, sid: str, *arguments: Any) -> None:
        """Answer one event, whatever it is; a bad one with an ``error`` event."""
        event = clipped(str(event))
        payload = arguments[0] if len(arguments) == 1 else list(arguments)
        stream_id = _text(payload, "stream_id") or self._stream_of_ack(sid, event, payload)
        self._observers.saw("media", event, connection=sid, stream_id=stream_id, payload=payload)
        wait_s = self._connections.charge(sid, size_bytes(payload))
        if wait_s:
            # What is said over one connection is read one by one: who floods is read slowly.
            await asyncio.sleep(wait_s)
            self._emitter.refuse(sid, _too_many(payload))
            return
        await self._answered(sid, payload, self._handle(event, sid, payload))

    def joined(self, sid: str) -> None:
        """Take note of a new connection."""
        self._present.add(sid)
        self._emitter.join(sid)

    async def left(self, sid: str, *, for_good: bool) -> None:
        """Leave what a connection had open to be taken up, or close it where it ended for good."""
        self._present.discard(sid)
        self._streams.left(sid, for_good=for_good)
        self._emitter.leave(sid)
        await self._give_up([task for task, owner in self._deferred.items() if owner == sid])

    async def close(self) -> None:
        """Give up requests that still wait for the models."""
        await self._give_up(list(self._deferred))

    async def _give_up(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _answered(self, sid: str, payload: Any, handling: Coroutine[Any, Any, None]) -> None:
        try:
            await handling
        except Refused as refused:
            self._emitter.refuse(sid, refused)
        except Exception:  # noqa: BLE001 - outermost edge: one request fails, not the connection
            _log.exception("request_crashed", connection=sid)
            crashed = Refused(
                ErrorCode.MODEL_ERROR,
                "internal error",
                stream_id=_text(payload, "stream_id"),
                fragment_id=_text(payload, "fragment_id"),
            )
            self._emitter.refuse(sid, crashed)

    async def _handle(self, event: str, sid: str, payload: Any) -> None:
        match _parsed(event, payload):
            case StreamInit() as init if self._engines.done():
                await self._open(sid, init)
            case StreamInit() as init:
                self._defer(sid, init)
            case FragmentData() as fragment:
                self._fragment(sid, fragment)
            case FragmentAck() as ack:
                self._acknowledged(sid, ack)
            case StreamControl() as control:
                self._control(event, sid, control)

    def _defer(self, sid: str, init: StreamInit) -> None:
        if len(self._deferred) >= self._max_deferred:
            message = f"{self._max_deferred} streams wait for the models already"
            raise Refused(ErrorCode.RATE_LIMIT, message, stream_id=init.stream_id)
        task = asyncio.create_task(self._answered(sid, init.wire(), self._open(sid, init)))
        self._deferred[task] = sid
        task.add_done_callback(self._deferred.pop)

    async def _open(self, sid: str, init: StreamInit) -> None:
        engines = await asyncio.shield(self._engines)
        if sid not in self._present:
            return
        if self.stopping:
            raise shutting_down(init.stream_id)
        stream, resumed = self._streams.open(init, connection=sid, engines=engines)
        options = stream.options
        _log.info(
            "stream_resumed" if resumed else "stream_opened",
            stream_id=options.stream_id,
            worker_id=init.worker_id,
            session_id=options.session_id,
            config=init.config.wire(),
            next_sequence=stream.next_sequence,
        )
        ready = StreamReady(
            stream_id=options.stream_id,
            session_id=options.session_id,
            resumed=resumed,
            next_sequence=stream.next_sequence,
            max_inflight=options.max_inflight,
            capabilities=Capabilities(
                profile=engines.profile,
                asr=engines.label(Stage.ASR),
                translation=engines.label(Stage.TRANSLATION),
                tts=engines.label(Stage.TTS),
                source_languages=engines.source_languages,
                target_languages=engines.target_languages,
            ),
        )
        self._emitter.send(sid, "stream:ready", ready, stream_id=options.stream_id)
        stream.advise()

    def _fragment(self, sid: str, fragment: FragmentData) -> None:
        fragment_id = str(fragment.fragment_id)
        stream = self._streams.of(sid, fragment.stream_id, fragment_id=fragment_id)
        if self.stopping and not stream.knows(fragment.fragment_id):
            raise shutting_down(fragment.stream_id, fragment_id)
        stream.take(fragment)

    def _acknowledged(self, sid: str, ack: FragmentAck) -> None:
        for stream in self._streams.owned_by(sid):
            if stream.knows(ack.fragment_id):
                stream.touch()
                stream.received(ack.fragment_id)
        _log.debug(
            "fragment_acknowledged",
            connection=sid,
            fragment_id=str(ack.fragment_id),
            status=ack.status,
        )

    def _control(self, event: str, sid: str, control: StreamControl) -> None:
        stream = self._streams.of(sid, control.stream_id)
        _log.info(
            event.replace("stream:", "stream_") + "_asked",
            stream_id=control.stream_id,
            reason=None if control.reason is None else clipped(control.reason),
        )
        match event:
            case "stream:pause":
                stream.pause()
            case "stream:resume":
                stream.resume()
            case "stream:end":
                stream.end()

    def _stream_of_ack(self, sid: str, event: str, payload: Any) -> str | None:
        if event != "fragment:ack":
            return None
        try:
            fragment_id = UUID(_text(payload, "fragment_id") or "")
        except ValueError:
            return None
        owned = self._streams.owned_by(sid)
        return next((s.options.stream_id for s in owned if s.knows(fragment_id)), None)


def _parsed(event: str, payload: Any) -> WireModel:
    """Return the payload as its model, or raise ``Refused`` with the code that fits best."""
    stream_id, fragment_id = _text(payload, "stream_id"), _text(payload, "fragment_id")
    if event == "fragment:data" and _encoded_audio_chars(payload) > _MAX_ENCODED:
        raise Refused(
            ErrorCode.FRAGMENT_TOO_LARGE,
            f"a fragment has at most {MAX_FRAGMENT_BYTES} bytes of audio",
            stream_id=stream_id,
            fragment_id=fragment_id,
        )
    try:
        return parse_event("media", event, payload)
    except KeyError as error:
        message = f"there is no event {event!r}"
        raise Refused(ErrorCode.INVALID_CONFIG, message, stream_id=stream_id) from error
    except ValidationError as error:
        code, message = _diagnosis(event, error)
        raise Refused(code, message, stream_id=stream_id, fragment_id=fragment_id) from error
    except ValueError as error:
        raise Refused(
            ErrorCode.INVALID_CONFIG, str(error), stream_id=stream_id, fragment_id=fragment_id
        ) from error


def _too_many(payload: Any) -> Refused:
    return Refused(
        ErrorCode.RATE_LIMIT,
        "too many events; this one was not heard",
        stream_id=_text(payload, "stream_id"),
        fragment_id=_text(payload, "fragment_id"),
    )


def _diagnosis(event: str, error: ValidationError) -> tuple[ErrorCode, str]:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = f"{event}: {place}: {first['msg']}" if place else f"{event}: {first['msg']}"
    match first["loc"]:
        case ("audio", *_) if event == "fragment:data":
            code = ErrorCode.INVALID_AUDIO_FORMAT
        case ("config", "sample_rate_hz" | "channels" | "format", *_):
            code = ErrorCode.INVALID_AUDIO_FORMAT
        case ("sequence_number" | "next_sequence", *_):
            code = ErrorCode.INVALID_SEQUENCE
        case _:
            code = ErrorCode.INVALID_CONFIG
    return code, message


def _text(payload: Any, key: str) -> str | None:
    value = payload.get(key) if isinstance(payload, dict) else None
    return clipped(value) if isinstance(value, str) else None


def _encoded_audio_chars(payload: Any) -> int:
    audio = payload.get("audio") if isinstance(payload, dict) else None
    data = audio.get("data_base64") if isinstance(audio, dict) else None
    return len(data) if isinstance(data, str) else 0
