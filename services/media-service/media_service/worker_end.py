"""How a worker's work for a stream ended, and why."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from media_service.protocol import NOTHING_TO_READ

OUTPUT_FAILURES = ("output_failed", "output_blocked")


@dataclass(frozen=True)
class End:
    """How one worker's work ended; ``fruitful`` where it has sent anything out."""

    ok: bool
    reason: str = ""
    message: str = ""
    retryable: bool = False
    fruitful: bool = False


TOO_SHORT = End(False, "input_too_short", "the source ended before it was heard")


def found_nothing(end: End) -> bool:
    """Whether there was no sound to be found, and nothing on disk."""
    return end.reason in NOTHING_TO_READ and not end.fruitful


def refused(end: End, *, workers: int) -> End:
    """Return the end of a stream whose output ``workers`` in a row could not publish."""
    message = f"{end.message}: {workers} workers could not publish; check the media server"
    return End(False, "output_refused", message, fruitful=end.fruitful)


def cause_of_death(exit_code: int, memory_kills_since: int) -> End:
    """Return how a worker ended that has not said so itself."""
    if exit_code == -signal.SIGKILL and memory_kills_since:
        message = "the kernel ended the worker process: the container's memory ran out"
        return End(False, "out_of_memory", message, retryable=True)
    if exit_code < 0:
        known = {number.value: number.name for number in signal.Signals}
        name = known.get(-exit_code, f"signal {-exit_code}")
        message = f"the worker process was ended by {name}"
        return End(False, "worker_killed", message, retryable=True)
    message = f"the worker process died, exit code {exit_code}"
    return End(False, "worker_died", message, retryable=True)
