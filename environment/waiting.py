"""The suite's only waiter: a deadline, a liveness check at each poll, and an error that tells."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from environment.errors import WaitTimeout
from environment.expectations import expect

if TYPE_CHECKING:
    from environment.settings import Settings

T = TypeVar("T")


class NotYet(Exception):  # noqa: N818 - a probe's answer, not an error
    """Raised by a probe that has something to say about what it saw instead of the condition."""


def wait_for(
    what: str,
    probe: Callable[[], T | None],
    *,
    timeout_s: float,
    interval_s: float = 0.1,
    alive: Callable[[], None] | None = None,
    evidence: Callable[[], str] | None = None,
) -> T:
    """Poll `probe` until it returns something truthy, and return that.

    Args:
        what: the condition, as a noun phrase for the error ("e2e-mediamtx to be healthy").
        probe: returns the value waited for, or something falsy; may raise `NotYet` to say what
            it saw. It must come back by itself: a probe that blocks delays the deadline.
        timeout_s: the deadline, already multiplied (`Settings.timeout`).
        interval_s: the pause between two polls.
        alive: raises when waiting has become pointless, such as for a dead container.
        evidence: gathered once, at the deadline, and carried by the error.

    Raises:
        WaitTimeout: the deadline passed; it says what was last seen.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = probe()
        except NotYet as seen:
            last_seen = str(seen)
        else:
            if value:
                return value
            last_seen = "nothing" if value is None else repr(value)
        if alive is not None:
            alive()
        remaining_s = deadline - time.monotonic()
        if remaining_s <= 0:
            raise WaitTimeout(
                what,
                timeout_s=timeout_s,
                last_seen=last_seen,
                evidence=evidence() if evidence is not None else "",
            )
        time.sleep(min(interval_s, remaining_s))


def wait_within(
    what: str,
    probe: Callable[[], T | None],
    *,
    limit_s: float,
    settings: Settings,
    since: float | None = None,
    interval_s: float = 0.05,
    evidence: Callable[[], str] | None = None,
    hint: str = "run.log has the times of what happened before.",
) -> T:
    """Wait as `wait_for` does, then hold the time it took against a bound that a text states.

    E2E_TIMEOUT_MULTIPLIER stretches the waiting, so that a slow machine learns how long it took;
    it never stretches the bound.

    Args:
        limit_s: the text's bound, as it stands there.
        since: the monotonic time from which the text counts; by default this call.

    Raises:
        WaitTimeout: it did not come about in the stretched time either.
        ExpectationFailed: it did, but too late.
    """
    begun = time.monotonic() if since is None else since
    timeout_s = max(limit_s, settings.timeout(limit_s))
    value = wait_for(what, probe, timeout_s=timeout_s, interval_s=interval_s, evidence=evidence)
    took_s = time.monotonic() - begun
    expect(
        took_s <= limit_s,
        expected=f"{what} within {limit_s:g} s",
        seen=f"after {took_s:.2f} s",
        hint=hint,
    )
    return value
