"""Proofs about how media-service tries to come back to STS: when, how often, and when no more.

By its log and its counters, and by who listens in the place of STS meanwhile.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.proofs.service_log import Logged, logged
from environment.stack.metrics import Metrics, total
from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.stack.topology import Topology

_EARLY_S: Final = 0.1
"""A wait may be this much shorter by the log's times than it was announced."""
_ATTEMPTS: Final = "media_service_sts_reconnect_attempts_total"


def wait_first_probe(stack: Topology, *, since: float, timeout_s: float) -> None:
    """Wait until media-service has given STS up, and has asked again after that.

    A line ``sts_probing`` begins a pause; so the second one says that the first is over.
    ``timeout_s`` is a deadline before E2E_TIMEOUT_MULTIPLIER.
    """

    def probe() -> bool:
        begun = len(logged(stack.media_service, "sts_probing", since=since))
        if begun < 2:
            raise NotYet(f"{begun} pauses begun since STS was given up")
        return True

    wait_for(
        "media-service to give STS up, and to ask again",
        probe,
        timeout_s=stack.settings.timeout(timeout_s),
        interval_s=0.5,
    )


def prove_backed_off(
    stack: Topology, waits_s: tuple[float, ...], *, since: float, slack_s: float
) -> None:
    """media-service tried to reconnect after exactly these waits, and then gave up, and said so.

    The waits are those between the log's lines, the times of the attempts themselves included:
    each may be longer than announced by ``slack_s``, and never shorter.
    """
    service = stack.media_service
    tries = logged(service, "sts_reconnecting", since=since)
    given_up = logged(service, "sts_given_up", since=since)
    announced = tuple(float(line.fields["delay_s"]) for line in tries)
    took_s = _between([*tries, *given_up[:1]])
    expect(
        announced == waits_s
        and len(took_s) == len(waits_s)
        and all(
            wait_s - _EARLY_S <= took <= wait_s + slack_s
            for wait_s, took in zip(waits_s, took_s, strict=True)
        ),
        expected=f"attempts after {waits_s} s, then given up",
        seen=f"announced {announced}, took {took_s}, given up {len(given_up)} times",
        hint="media-service's log: sts_reconnecting, sts_given_up.",
    )


def prove_not_again_so_soon(
    stack: Topology, attempts: int, before: Metrics, *, since: float, pause_s: float
) -> None:
    """Since it has given STS up it has asked again, and never sooner than ``pause_s`` after that.

    By the log's times; the attempts are held against what the counter has grown by since
    ``before``: ``attempts`` until it gave up, and one at the end of each pause.
    """
    service = stack.media_service
    given_up = logged(service, "sts_given_up", since=since)
    pauses = logged(service, "sts_probing", since=since)
    metrics = service.metrics()
    counted = {
        kind: total(metrics, _ATTEMPTS, {"kind": kind}) - total(before, _ATTEMPTS, {"kind": kind})
        for kind in ("backoff", "probe")
    }
    tries = logged(service, "sts_reconnecting", since=since)
    took_s = _between([*given_up[:1], *pauses[1:]])
    expect(
        len(given_up) == 1
        and took_s
        and all(took >= pause_s - _EARLY_S for took in took_s)
        and all(line.at <= given_up[0].at for line in tries)
        and counted["backoff"] == attempts
        # One more may have begun since the log was read.
        and len(took_s) <= counted["probe"] <= len(took_s) + 1,
        expected=f"{attempts} attempts, then given up; from then on one every {pause_s:g} s, or "
        "less often",
        seen=f"given up {len(given_up)} times, asked again after {took_s} s; counted: {counted}",
        hint="media-service's log: sts_given_up, sts_probing; SLOW_PROBE_FACTOR.",
    )


def prove_knocked_only_then(
    came_at: Sequence[float],
    waits_s: tuple[float, ...],
    *,
    slack_s: float,
    pause_s: float,
) -> None:
    """Who listened in the place of STS was asked at once, then after these waits, and no more.

    ``came_at`` is when each connection was made, in Unix seconds: the first is the attempt at
    once, when STS goes. After the last of the waits nobody comes for ``pause_s``; each wait may be
    longer by ``slack_s``.
    """
    took_s = tuple(round(after - before, 2) for before, after in pairwise(came_at))
    fast = [
        f"{took:g} s instead of {wait_s:g}"
        for took, wait_s in zip(took_s, (*waits_s, *[pause_s] * len(took_s)), strict=False)
        if took < wait_s - _EARLY_S
    ]
    expect(
        len(took_s) > len(waits_s)
        and not fast
        and all(took <= wait_s + slack_s for took, wait_s in zip(took_s, waits_s, strict=False)),
        expected=f"a connection at once, others after {waits_s} s, and then one every "
        f"{pause_s:g} s, or less often",
        seen=f"after {took_s} s; too soon: {'; '.join(fast) or 'none'}",
        hint="Socket.IO has a reconnection of its own, which has to stay off.",
    )


def _between(lines: list[Logged]) -> tuple[float, ...]:
    return tuple(round(after.at - before.at, 2) for before, after in pairwise(lines))
