"""Proofs about media-service's way to STS: sessions over a break, and the circuit breaker.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.proofs.service_log import logged
from environment.proofs.survival_proofs import prove_fates
from environment.stack.metrics import Metrics, total

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath
    from environment.stack.topology import Topology

AT_ONCE_S: Final = 0.5
"""What counts as not having waited, from a segment's cut to its being given up."""
_STATES: Final = ("sts_circuit_open", "sts_circuit_half_open", "sts_circuit_closed")


def prove_session_goes_on(
    stack: Topology, before: Mapping[str, Any], aftermath: Aftermath, *, since: float
) -> None:
    """The stream has the session it had ``before``, taken up once more, as both services say."""
    after = aftermath.report["sts"]
    ours = [
        line.fields.get("session_id")
        for line in logged(stack.media_service, "sts_stream_ready", since=since)
        if line.fields.get("resumed") is True
    ]
    theirs = [
        line.fields.get("session_id")
        for line in logged(stack.sts_service, "stream_resumed", since=since)
    ]
    session = before["session_id"]
    expect(
        session is not None
        and after["session_id"] == session
        and after["resumed"] == before["resumed"] + 1
        and ours == theirs == [session],
        expected=f"session {session} taken up once, as media-service and sts-service log it",
        seen=f"{after['session_id']}, taken up {after['resumed']} times; logged {ours}, {theirs}",
        evidence=aftermath.folder / "aftermath.json",
        hint="SESSION_RESUME_S of sts-service; sts_stream_ready in media-service's log.",
    )


def prove_circuit_opened(
    stack: Topology, aftermath: Aftermath, timeouts: int, *, since: float
) -> None:
    """After so many time-outs in a row segments were passed through unsent, without any wait.

    That they were not sent is seen on the wire, that they did not wait in the log's times.
    """
    reasons = {int(s["number"]): s["reason"] for s in aftermath.segments}
    held = [number for number, reason in reasons.items() if reason == "circuit_open"]
    first = min(held, default=0)
    earlier = [reasons.get(number) for number in range(first - timeouts, first)]
    given_up_at = {
        int(line.fields["number"]): line.at
        for line in logged(stack.media_service, "fragment_not_dubbed", since=since)
    }
    waited_s = {
        int(s["number"]): round(given_up_at.get(int(s["number"]), float("inf")) - s["cut_at"], 2)
        for s in aftermath.segments
        if int(s["number"]) in held
    }
    sent = sorted(set(held) & set(aftermath.fragments))
    expect(
        held
        and earlier == ["timeout"] * timeouts
        and not sent
        and all(waited <= AT_ONCE_S for waited in waited_s.values()),
        expected=f"{timeouts} segments with reason timeout, then some with circuit_open, never on "
        f"the wire, given up within {AT_ONCE_S:g} s of their cut",
        seen=f"reasons {reasons}; sent all the same: {sent}; waited: {waited_s}",
        evidence=aftermath.folder / "aftermath.json",
        hint="STS_CIRCUIT_TIMEOUTS; media-service's log: sts_circuit_open, fragment_not_dubbed.",
    )


def prove_circuit_closed_again(
    stack: Topology, aftermath: Aftermath, before: Metrics, *, since: float
) -> None:
    """The circuit has opened once, was tried once, and closed; from there on all is dubbed."""
    seen = sorted(
        (line.at, line.event)
        for event in _STATES
        for line in logged(stack.media_service, event, since=since)
    )
    name = "media_service_circuit_opened_total"
    grown = stack.media_service.metric(name) - total(before, name, {})
    state = aftermath.report["sts"]["circuit"]
    expect(
        tuple(event for _, event in seen) == _STATES and grown == 1 and state == "closed",
        expected=f"{', '.join(_STATES)} in the log, once each; {name} grown by 1; closed",
        seen=f"{[event for _, event in seen]}; grown by {grown:g}; {state}",
        evidence=aftermath.folder / "aftermath.json",
        hint="STS_CIRCUIT_OPEN_S of media-service, DEBUG_DELAY_S of sts-service.",
    )
    last_held = max(int(s["number"]) for s in aftermath.segments if s["reason"] == "circuit_open")
    since_then = [int(s["number"]) for s in aftermath.segments if int(s["number"]) > last_held]
    prove_fates(aftermath, dubbed=since_then)
