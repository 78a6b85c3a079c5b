"""Errors that a stranger's client provokes at an sts-service, each by what it says or does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import socketio
from socketio.exceptions import ConnectionError as Rejected

from environment.errors import HarnessError
from environment.runs import bad_data
from environment.runs.bad_data import Payload
from environment.runs.wire_client import WireClient
from environment.stack.containers import StsServiceContainer
from services.contracts import OBSERVE_NAMESPACE

TOKEN: Final = "sesame-for-clients"  # noqa: S105 - of a service that lives for a scenario
OBSERVER_TOKEN: Final = "sesame-for-observers"  # noqa: S105
SLOW: Final = 1
"""The number of a fragment that takes long; those of even numbers do not."""
VARIABLES: Final = {
    "STS_API_KEY": TOKEN,
    "STS_OBSERVE_KEY": OBSERVER_TOKEN,
    "STS_PROFILE": "embedded",
    "STS_WORKERS": "1",
    "MAX_INFLIGHT": "1",
    "MAX_STREAMS": "2",
    "QUEUE_CAPACITY": "3",
    "BACKPRESSURE_PAUSE_AT": "3",
    "BACKPRESSURE_SLOW_DOWN_AT": "2",
    "BACKPRESSURE_RELIEVED_AT": "1",
    "DEBUG_DELAY_S": "0,3",
}
"""Of a service whose limits a stranger soon meets, with the engines that load soonest."""

_TIMEOUT_MS: Final = 1000
_CONNECT_S: Final = 15.0
_KILL_WORKER: Final = """
import os, pathlib, signal
for folder in pathlib.Path("/proc").glob("[0-9]*"):
    # In two, or it would find itself.
    if b"spawn_" b"main" in (folder / "cmdline").read_bytes():
        os.kill(int(folder.name), signal.SIGKILL)
        print("killed", folder.name)
"""


@dataclass(frozen=True)
class Answer:
    """What a stranger was told: in an ``error``, a result, or the refusal of its connection."""

    wanted: str
    code: str | None
    message: str
    retryable: bool | None


@dataclass(frozen=True)
class Target:
    """The service that is provoked; `timeout` stretches what is waited for it."""

    service: StsServiceContainer
    timeout: Callable[[float], float]

    def client(self) -> WireClient:
        """A connection with the right token, not open yet."""
        return WireClient(self.service.url(), api_key=TOKEN)


def provoke(code: str, target: Target) -> Answer:
    """Provoke one error over a connection of its own. ``KeyError``: nobody knows how."""
    if code == "AUTH_FAILED":
        return _answer(code, connection_refusal(target.service.url(), "wrong") or {})
    with target.client() as client:
        said = _PROVOKERS[code](client, f"provoking-{code.lower()}", target)
    return _answer(code, said)


def connection_refusal(
    url: str, token: str | None, *, namespace: str = "/", says: str | None = None
) -> dict[str, Any] | None:
    """Connect and go away again; what was said if the connection was refused, else None.

    ``says`` is an event to send before going, with nothing in it.
    """

    async def connect() -> dict[str, Any] | None:
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False)
        said: list[Any] = []
        client.on("connect_error", said.append, namespace=namespace)
        try:
            await client.connect(
                url,
                auth={"token": token} if token else None,
                namespaces=[namespace],
                transports=["websocket"],
                wait_timeout=_CONNECT_S / 2,
            )
        except Rejected:
            return said[0] if said and isinstance(said[0], dict) else {"message": str(said)}
        finally:
            if says is not None and client.connected:
                await client.call(says, {}, namespace=namespace, timeout=_CONNECT_S)
            await client.shutdown()
        return None

    async def in_time() -> dict[str, Any] | None:
        async with asyncio.timeout(_CONNECT_S):
            return await connect()

    return asyncio.run(in_time())


def observation_refusal(
    url: str, token: str | None, *, says: str | None = None
) -> dict[str, Any] | None:
    """Connect as an observer does; see ``connection_refusal``."""
    return connection_refusal(url, token, namespace=OBSERVE_NAMESPACE, says=says)


def open_stream(client: WireClient, stream_id: str, target: Target, **changes: Any) -> Payload:
    """Open a stream; return its ``stream:ready``."""
    client.send("stream:init", {**bad_data.opening(stream_id), **changes})
    return client.wait_for("stream:ready", timeout_s=target.timeout(10), stream_id=stream_id)


def numbered(stream_id: str, number: int) -> Payload:
    """Return a faultless fragment of that number."""
    return {**bad_data.fragment(stream_id), "sequence_number": number}


def begin_slow_fragment(client: WireClient, stream_id: str, target: Target) -> Payload:
    """Open a stream and have a worker take its slow fragment in hand; return what was sent."""
    open_stream(client, stream_id, target, next_sequence=SLOW)
    sent = numbered(stream_id, SLOW)
    client.send("fragment:data", sent)
    client.wait_for(
        "fragment:ack",
        timeout_s=target.timeout(30),
        fragment_id=sent["fragment_id"],
        status="processing",
    )
    return sent


def _answer(code: str, said: dict[str, Any]) -> Answer:
    told = {**said, **(said.get("data") or {})}
    return Answer(code, told.get("code"), str(told.get("message", "")), told.get("retryable"))


def _error(client: WireClient, target: Target) -> Payload:
    return client.wait_for("error", timeout_s=target.timeout(10))


def _result_error(client: WireClient, sent: Payload, target: Target) -> Payload:
    result = client.wait_for(
        "fragment:processed", timeout_s=target.timeout(30), fragment_id=sent["fragment_id"]
    )
    return dict(result.get("error") or {})


def _broken(event: str, fault: str) -> Callable[[WireClient, str, Target], Payload]:
    def provoke(client: WireClient, stream_id: str, target: Target) -> Payload:
        if bad_data.needs_open_stream(event, fault):
            open_stream(client, stream_id, target)
        client.send(event, bad_data.broken(event, fault, stream_id))
        return _error(client, target)

    return provoke


def _used_number(client: WireClient, stream_id: str, target: Target) -> Payload:
    open_stream(client, stream_id, target)
    client.send("fragment:data", numbered(stream_id, 0))
    client.send("fragment:data", numbered(stream_id, 0))
    return _error(client, target)


def _too_slow(client: WireClient, stream_id: str, target: Target) -> Payload:
    open_stream(client, stream_id, target, next_sequence=SLOW, timeout_ms=_TIMEOUT_MS)
    sent = numbered(stream_id, SLOW)
    client.send("fragment:data", sent)
    return _result_error(client, sent, target)


def _worker_killed(client: WireClient, stream_id: str, target: Target) -> Payload:
    sent = begin_slow_fragment(client, stream_id, target)
    done = target.service.exec("python3", "-c", _KILL_WORKER)
    if "killed" not in done.output:
        raise HarnessError(f"no worker was found to kill: {done.output}")
    return _result_error(client, sent, target)


def _too_many_fragments(client: WireClient, stream_id: str, target: Target) -> Payload:
    begin_slow_fragment(client, stream_id, target)
    for number in range(SLOW + 1, SLOW + 2 + int(VARIABLES["QUEUE_CAPACITY"])):
        client.send("fragment:data", numbered(stream_id, number))
    return _error(client, target)


def _too_many_streams(client: WireClient, stream_id: str, target: Target) -> Payload:
    for number in range(int(VARIABLES["MAX_STREAMS"])):
        open_stream(client, f"{stream_id}-{number}", target)
    client.send("stream:init", bad_data.opening(stream_id))
    return _error(client, target)


def _paused(client: WireClient, stream_id: str, target: Target) -> Payload:
    open_stream(client, stream_id, target)
    client.send("stream:pause", {"stream_id": stream_id})
    client.send("fragment:data", numbered(stream_id, 0))
    return _error(client, target)


_PROVOKERS: Final[dict[str, Callable[[WireClient, str, Target], Payload]]] = {
    "STREAM_NOT_FOUND": _broken("fragment:data", "a stream never opened"),
    "INVALID_CONFIG": _broken("stream:init", "no config"),
    "UNSUPPORTED_LANGUAGE": _broken("stream:init", "target language xx"),
    "INVALID_AUDIO_FORMAT": _broken("fragment:data", "audio that is not base64"),
    "FRAGMENT_TOO_LARGE": _broken("fragment:data", "11 MB of audio"),
    "INVALID_SEQUENCE": _used_number,
    "TIMEOUT": _too_slow,
    "MODEL_ERROR": _worker_killed,
    "QUEUE_FULL": _too_many_fragments,
    "RATE_LIMIT": _too_many_streams,
    "STREAM_PAUSED": _paused,
}
