"""Proofs about a stream that outlives a fault: what was noticed, what came out, what went on.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.proofs.service_log import Logged, logged
from environment.runs.run import longest_standstill_s
from environment.stack.metrics import Metrics, total
from environment.waiting import NotYet, wait_within

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath
    from environment.stack.topology import Topology

SYNC_WITHIN_MS: Final = 120.0
"""SC-005."""
ATTEMPT_AT_ONCE_S: Final = 1.0
"""STS is away when the connection is lost and the attempt at once has failed; it takes 1 s."""
IN_TURN_WITHIN_S: Final = 1.0
"""A release is told with the segment's first sound, or 0.5 s later; the rest is the machine's."""
_LOG_WITHIN_S: Final = 1.0
"""How far a wait that is logged may be from the one that was announced."""


def prove_disconnect_noticed(stack: Topology, *, since: float, limit_s: float) -> None:
    """media-service says that STS is gone, and counts it, that soon after ``since`` (monotonic)."""
    service = stack.media_service

    def probe() -> bool:
        if service.health()["sts"]["connected"] or service.is_answering("/ready"):
            raise NotYet("still connected by /health, or ready")
        return True

    wait_within(
        "media-service to say that it is not connected to STS",
        probe,
        limit_s=limit_s,
        settings=stack.settings,
        since=since,
        hint="media-service's log: sts_disconnected.",
    )
    expect(
        service.metric("media_service_sts_connected") == 0,
        expected="media_service_sts_connected 0",
        seen=service.metric("media_service_sts_connected"),
        hint="/metrics of media-service.",
    )


def prove_reconnections_logged(
    stack: Topology, base_s: float, count: int, before: Metrics, *, since: float
) -> list[Logged]:
    """The log has that many attempts to reconnect or more, each wait twice the one before.

    The waits are held against the lines' own times, and the attempts against what the counter has
    grown by since ``before``.
    """
    service = stack.media_service
    lines = logged(service, "sts_reconnecting", since=since)
    waits = [float(line.fields["delay_s"]) for line in lines]
    wanted = [base_s * 2**number for number in range(len(lines))]
    kept = [
        after.at - before.at >= wait - _LOG_WITHIN_S / 10
        for (before, after), wait in zip(pairwise(lines), waits, strict=False)
    ]
    expect(
        len(lines) >= count and waits == wanted and all(kept),
        expected=f"{count} attempts or more logged, after {base_s:g} s, then after twice as long",
        seen=[(line.fields.get("attempt"), line.fields.get("delay_s"), line.at) for line in lines],
        hint="media-service's log: sts_reconnecting.",
    )
    name, kind = "media_service_sts_reconnect_attempts_total", {"kind": "backoff"}
    counted = service.metric(name, **kind) - total(before, name, kind)
    expect(
        counted >= len(lines) - 1,
        expected=f"{len(lines) - 1} attempts counted at least: the last may not be over its wait",
        seen=counted,
        hint=f"/metrics of media-service: {name}.",
    )
    return lines


def prove_reconnects_counted(stack: Topology, count: float) -> None:
    """media-service has counted that many connections that were made anew."""
    seen = stack.media_service.metric("media_service_sts_reconnects_total")
    expect(
        seen == count,
        expected=f"media_service_sts_reconnects_total {count:g}",
        seen=f"{seen:g}",
        hint="/metrics of media-service, and in its log: sts_connected.",
    )


def prove_resumed_with_next(aftermath: Aftermath, *, gone_at: float, back_at: float) -> None:
    """Every segment cut while STS was there is dubbed, and every one cut while it was away is not.

    Times in Unix seconds. What was in hand when it went, or when it came back, may be either.
    """
    during = [s for s in aftermath.segments if gone_at < s["cut_at"] <= back_at]
    last_away = max((s["number"] for s in during if s["outcome"] == "original"), default=None)
    expect(
        last_away is not None,
        expected="a segment that went out with its original audio while STS was away",
        seen=[(s["number"], s["outcome"]) for s in aftermath.segments],
        evidence=aftermath.folder / "aftermath.json",
        hint="the stream went on for too short a time without STS.",
    )
    away = [s["number"] for s in during if s["outcome"] == "original"]
    before = [s["number"] for s in aftermath.segments if (s["released_at"] or gone_at) < gone_at]
    since = [s["number"] for s in aftermath.segments if s["cut_at"] > back_at]
    expect(
        since,
        expected="a segment that was cut after STS was back",
        seen=[(s["number"], s["outcome"]) for s in aftermath.segments],
        evidence=aftermath.folder / "aftermath.json",
        hint="the stream went on for too short a time behind STS's return.",
    )
    prove_fates(aftermath, dubbed=[*before, *since], original=away)


def prove_fates(
    aftermath: Aftermath, *, dubbed: Collection[int] = (), original: Collection[int] = ()
) -> None:
    """In the output's bytes, these segments are dubbed and those have their own sound, in sync.

    The dub is the one of the wire; the original is that of the recorded source. Both are held
    against the segment's own pictures (SC-005).
    """
    wanted = {**dict.fromkeys(dubbed, "dubbed"), **dict.fromkeys(original, "original")}
    seen = {number: aftermath.fates.get(number) for number in wanted}
    wrong = [
        f"segment {number}: expected {heard}, is {seen[number]}"
        for number, heard in sorted(wanted.items())
        if not (fate := seen[number])
        or fate.heard != heard
        or abs(fate.skew_ms or 0.0) > SYNC_WITHIN_MS
        # Without a skew it was only told from the original: enough where nobody saw the dub.
        or (fate.skew_ms is None and number in aftermath.seen_dubs)
    ]
    expect(
        wanted and not wrong,
        expected=f"dubbed: {sorted(dubbed)}, with the original audio: {sorted(original)}, each "
        f"within {SYNC_WITHIN_MS:g} ms of its picture",
        seen="; ".join(wrong) or "no segment",
        evidence=aftermath.folder,
        hint="the recordings lie there; aftermath.json has what media-service says of each.",
    )


def prove_none_waited(aftermath: Aftermath, *, gone_at: float, noticed_at: float) -> None:
    """No segment that was not out at ``gone_at`` was held for STS once that was known to be away.

    ``noticed_at`` is when the harness saw that media-service knew. Each went out when the one
    before it was over, and the output's bytes grew on: that is by the harness's own clock.
    """
    away_at = noticed_at + ATTEMPT_AT_ONCE_S
    late_s = {
        int(after["number"]): _out_at(after)
        - max(_out_at(before) + before["duration_s"], after["cut_at"], away_at)
        for before, after in pairwise(aftermath.segments)
        if _out_at(after) > gone_at
    }
    timed_out = [s["number"] for s in aftermath.segments if s["reason"] == "timeout"]
    expect(
        late_s and max(late_s.values()) <= IN_TURN_WITHIN_S and not set(timed_out) & set(late_s),
        expected="segments that are passed through without waiting for an STS that is away, each "
        f"within {IN_TURN_WITHIN_S:g} s of its turn",
        seen=f"behind its turn, s: { {n: round(s, 2) for n, s in late_s.items()} }; "
        f"their time was over: {timed_out}",
        evidence=aftermath.folder / "aftermath.json",
        hint="media-service's log: sts_disconnected, fragment_not_dubbed.",
    )
    since = [sample for sample in aftermath.output_bytes if sample[0] >= noticed_at]
    still_s, limit_s = longest_standstill_s(since), ATTEMPT_AT_ONCE_S + IN_TURN_WITHIN_S
    expect(
        since and since[-1][1] > since[0][1] and still_s <= limit_s,
        expected=f"output that is never silent for {limit_s:g} s since STS is known to be away",
        seen=f"{still_s:.2f} s of silence, {since[-1][1] - since[0][1] if since else 0} bytes",
        evidence=aftermath.folder / "aftermath.json",
        hint="output_bytes: what the media server had of the output, by the harness's clock.",
    )


def prove_told_as_heard(aftermath: Aftermath) -> None:
    """media-service's report says of every segment what the output's bytes say."""
    differing = [
        f"{segment['number']}: reported {segment['outcome']}, heard {fate}"
        for segment in aftermath.segments
        if (fate := aftermath.fates.get(int(segment["number"]))) is None
        or (fate.heard != segment["outcome"] and fate.heard != "silent")
    ]
    expect(
        aftermath.segments and not differing,
        expected="the outcomes of /v1/streams to be those that can be heard",
        seen="; ".join(differing) or "no segment at all",
        evidence=aftermath.folder,
        hint="aftermath.json has the report, the recordings lie beside it.",
    )


def prove_numbers_whole(aftermath: Aftermath, numbers: Sequence[int] | None = None) -> None:
    """The segments are numbered from 0 without a hole, and each has come to an end."""
    known = [int(segment["number"]) for segment in aftermath.segments]
    pending = [s["number"] for s in aftermath.segments if s["outcome"] == "pending"]
    expect(
        known == list(numbers if numbers is not None else range(len(known))) and not pending,
        expected="segments numbered from 0, none missing, none twice, none without an end",
        seen=f"{known}; pending: {pending}",
        evidence=aftermath.folder / "aftermath.json",
        hint="/v1/streams of media-service.",
    )


def _out_at(segment: Mapping[str, Any]) -> float:
    return float(segment["released_at"] or inf)
