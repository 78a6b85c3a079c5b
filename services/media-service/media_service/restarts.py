"""Counts the workers that a stream uses up, and says when it has had enough of them."""

from __future__ import annotations

from collections import deque

from media_service.worker_end import OUTPUT_FAILURES, End, refused

MAX_RESTARTS = 3
"""How many workers in a row may end without having sent out a segment that none had before."""
MAX_DEATHS = 5
"""How many may die within ``WINDOW_SEGMENTS``, though each has sent something out before."""
WINDOW_SEGMENTS = 10
_OF_THE_SOURCE = ("timestamp_jump", "source_changed")
"""Why a worker ends that has done what could be done."""


class Restarts:
    """The workers of one stream that have ended; ``enough`` says why there is to be no other.

    A worker that sends out one segment and dies of the next, as every one after it will, gets the
    stream on by nothing: what counts is how far the stream has come, not that a worker sent.
    """

    def __init__(self, released_to: int = -1) -> None:
        self._released_to = released_to
        self._fruitless = 0
        self._deaths: deque[int] = deque()

    def count(self, end: End, *, released_to: int, excused: bool) -> None:
        """Take in how a worker ended; ``released_to`` is the last segment that has gone out.

        What is ``excused`` is no fault of a worker's, and will end by itself.
        """
        got_on = released_to > self._released_to
        self._released_to = max(self._released_to, released_to)
        if got_on or (end.ok and end.fruitful):
            self._fruitless = 0
        elif not excused:
            self._fruitless += 1
        if not (end.ok or excused or end.reason in _OF_THE_SOURCE):
            self._deaths.append(self._released_to)
        while self._deaths and self._deaths[0] <= self._released_to - WINDOW_SEGMENTS:
            self._deaths.popleft()

    def enough(self, end: End) -> End | None:
        """Return how the stream ends if the worker that ended so was the last; None for not yet."""
        if self._fruitless > MAX_RESTARTS:
            if end.reason in OUTPUT_FAILURES:
                return refused(end, workers=self._fruitless)
            return end
        if len(self._deaths) <= MAX_DEATHS:
            return None
        message = (
            f"{end.message}: {len(self._deaths)} workers ended within {WINDOW_SEGMENTS} segments; "
            "see each one's end in the log"
        )
        return End(False, end.reason, message, fruitful=end.fruitful)
