"""Proofs about a stream whose source is gone: that it is noticed, and what is still owed.

Each raises ``ExpectationFailed`` or ``WaitTimeout`` with what was expected, seen, where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from environment.runs.fragments import collect_fragments
from environment.waiting import NotYet, wait_for, wait_within

if TYPE_CHECKING:
    from environment.runs.live_stream import LiveStream
    from environment.session import Session
    from environment.stack.topology import Topology


def prove_source_gone(stack: Topology, stream: LiveStream, *, limit_s: float) -> None:
    """By /health the media server is unreachable, and by /v1/streams nothing is read any more."""

    def probe() -> bool:
        reachable = stack.media_service.health()["media_server"]["reachable"]
        state = stream.report["state"]
        if reachable or state in {"starting", "processing"}:
            raise NotYet(f"state {state}, media server reachable: {reachable}")
        return True

    wait_within(
        f"media-service to say that the source of {stream.path_in} is gone",
        probe,
        limit_s=limit_s,
        settings=stack.settings,
        hint="media-service's log: stream_interrupted, stream_waiting, media_server_lost.",
    )


def prove_answered(session: Session, stream_id: str, *, within_s: float) -> None:
    """The wire has a result for every fragment of the stream that was sent."""

    def probe() -> bool:
        fragments = collect_fragments(session.observer().events(stream_id))
        open_ones = [f.sequence_number for f in fragments if f.result_count == 0]
        if open_ones or not fragments:
            raise NotYet(f"{len(fragments)} fragments, without a result: {open_ones}")
        return True

    wait_for(
        f"every fragment of {stream_id} to be answered",
        probe,
        timeout_s=session.settings.timeout(within_s),
    )
