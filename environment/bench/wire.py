"""Measures sts-service as a stranger's client finds it: answers, memory, what is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from environment.bench import acknowledgement
from environment.bench.rows import Row
from environment.bench.speech import memory_mib
from environment.errors import WaitTimeout
from environment.runs import bad_data
from environment.runs.exchange import cut_speech, fragment_of, opening_of
from environment.runs.wire_client import WireClient
from environment.session import Session
from environment.stack.containers import StsServiceContainer
from environment.waiting import wait_for

FRAGMENTS_IN_A_ROW: Final = 500
GROWTH_MIB: Final = 64.0
VANISHING: Final = 50

_CLIP: Final = "30s-english-counting.mp4"
_EACH: Final = 20
_SETTLED_AFTER: Final = 100
_AT_ONCE: Final = 3
_WAIT_S: Final = 60.0
_SESSION_S: Final = 60.0
_GAUGES: Final = (
    "sts_streams_active",
    "sts_sessions_detached",
    "sts_queue_depth",
    "sts_inflight",
    "sts_held_bytes",
)


def measure(session: Session) -> tuple[Row, ...]:
    """Measure the session's sts-service, which must have nothing else to do."""
    session.stack().media_service.wait_idle()
    return (acknowledgement.measure(session), _growth_row(session), *_left_rows(session))


def _growth_row(session: Session) -> Row:
    """Memory of all its processes, once settled and at the end of many fragments in a row."""
    stack, sounds = session.stack(), cut_speech(session.clip(_CLIP)).sounds
    stream_id = session.new_stream_name("bench")
    waiting: list[str] = []
    settled_mib = 0.0
    with _client(session) as client:
        _open(client, stream_id, session)
        for sequence in range(FRAGMENTS_IN_A_ROW):
            data = fragment_of(stream_id, sequence, sounds[sequence % len(sounds)]).wire()
            client.send("fragment:data", data)
            waiting.append(data["fragment_id"])
            if len(waiting) == _AT_ONCE:
                _received(client, waiting.pop(0), session)
            if sequence == _SETTLED_AFTER:
                settled_mib = memory_mib(stack)
        for fragment_id in waiting:
            _received(client, fragment_id, session)
        growth_mib = memory_mib(stack) - settled_mib
        client.send("stream:end", {"stream_id": stream_id})
        client.wait_for("stream:complete", timeout_s=session.settings.timeout(_WAIT_S))
    what = f"growth of sts-service over {FRAGMENTS_IN_A_ROW} fragments of 6 s stereo"
    return Row(what, "MiB", None, GROWTH_MIB, max(0.0, growth_mib), f"from {settled_mib:.0f} MiB")


def _left_rows(session: Session) -> Iterable[Row]:
    """Open, flood and vanish, over and over; then wait until what was left had its time."""
    service = session.stack().sts_service
    connections = service.metric("sts_connections")
    for number in range(VANISHING):
        with _client(session) as client:
            stream_id = f"{session.new_stream_name('bench')}-{number}"
            client.send("stream:init", bad_data.opening(stream_id))
            client.wait_for("stream:ready", timeout_s=session.settings.timeout(_WAIT_S))
            for sequence in range(2 * _EACH):
                data = bad_data.fragment(stream_id) | {"sequence_number": sequence}
                client.send("fragment:data", data)
            client.vanish()
    left = _wait_until_nothing_is_left(service, connections, session)
    what = f"{VANISHING} connections that opened, flooded and vanished: left a minute later"
    yield Row(what, "", None, 0, sum(left.values()), str(left))


def _wait_until_nothing_is_left(
    service: StsServiceContainer, connections: float, session: Session
) -> dict[str, float]:
    def left() -> dict[str, float]:
        gauges = {name: service.metric(name) for name in _GAUGES}
        gauges["sts_connections"] = service.metric("sts_connections") - connections
        return {name: value for name, value in gauges.items() if value}

    try:
        wait_for(
            "nothing left of them",
            lambda: not left(),
            timeout_s=_SESSION_S + session.settings.timeout(15),
            interval_s=0.5,
        )
    except WaitTimeout:
        return left()
    return {}


def _client(session: Session) -> WireClient:
    return WireClient(session.stack().sts_url, api_key=session.settings.sts_api_key)


def _open(client: WireClient, stream_id: str, session: Session) -> None:
    client.send("stream:init", opening_of(stream_id).wire())
    client.wait_for("stream:ready", timeout_s=session.settings.timeout(_WAIT_S))


def _received(client: WireClient, fragment_id: str, session: Session) -> None:
    """Wait for a result, and say that it is there, as media-service does."""
    timeout_s = session.settings.timeout(_WAIT_S)
    client.wait_for("fragment:processed", timeout_s=timeout_s, fragment_id=fragment_id)
    ack = {"fragment_id": fragment_id, "status": "received", "timestamp": 0}
    client.send("fragment:ack", ack)
