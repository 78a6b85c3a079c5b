"""Measures how soon sts-service says that it has a fragment, while all its workers are busy."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from environment.bench.payloads import data_of, opening_of
from environment.bench.quick_client import (
    ANSWER_TIMEOUT_S,
    NotAcknowledged,
    Sending,
    acknowledged_in_ms,
    goes_first,
    quick_clients,
)
from environment.bench.rows import Row
from environment.errors import HarnessError
from environment.measuring.sound import Samples
from environment.runs.exchange import cut_speech
from environment.session import Session

LIMIT_MS: Final = 50.0

_CLIP: Final = "30s-english-counting.mp4"
_STREAMS: Final = 10
_EACH: Final = 20
"""Fragments of each stream, which is as many as may wait: all workers are busy meanwhile."""
_PORT: Final = 3000
_REACHED_IN_S: Final = 2.0


def measure(session: Session) -> Row:
    """From sending a fragment to hearing that it is queued, at the 99th percentile."""
    sounds = cut_speech(session.clip(_CLIP)).sounds
    took_ms: list[float] = []
    url, remarks = _nearest_url(session)
    with quick_clients() as clients:
        if not clients.submit(goes_first).result(ANSWER_TIMEOUT_S):
            remarks.append("the client's own waits for a processor included")
        for _ in range(_STREAMS):
            sending = _sending(session, url, sounds)
            try:
                took_ms += clients.submit(acknowledged_in_ms, sending).result(
                    (_EACH + 3) * sending.timeout_s
                )
            except NotAcknowledged as error:
                raise HarnessError(str(error)) from error
    # The first of all find workers that are free.
    ranked = sorted(took_ms[session.settings.sts_workers :])
    p99 = ranked[-(-len(ranked) * 99 // 100) - 1]
    middle, worst = ranked[len(ranked) // 2], ranked[-1]
    what = "acknowledgement while all workers are busy, 99th percentile"
    remark = "; ".join([f"middle {middle:.0f} ms, worst {worst:.0f} ms", *remarks])
    return Row(what, "ms", LIMIT_MS, LIMIT_MS, p99, remark)


def _nearest_url(session: Session) -> tuple[str, list[str]]:
    """The service on the run's network, as media-service has it, where the host reaches that."""
    stack = session.stack()
    address = stack.sts_service.address
    try:
        socket.create_connection((address, _PORT), timeout=_REACHED_IN_S).close()
    except OSError:
        # An engine in a virtual machine has its networks there.
        return stack.sts_url, ["the way through the published port included"]
    return urlsplit(stack.sts_url)._replace(netloc=f"{address}:{_PORT}").geturl(), []


def _sending(session: Session, url: str, sounds: Sequence[Samples]) -> Sending:
    stream_id = session.new_stream_name("bench")
    return Sending(
        url=url,
        token=session.settings.sts_api_key or None,
        opening=opening_of(stream_id),
        fragments=[data_of(stream_id, n, sounds[n % len(sounds)]) for n in range(_EACH)],
        timeout_s=session.settings.timeout(ANSWER_TIMEOUT_S),
    )
