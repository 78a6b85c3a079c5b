"""A rate limit that allows bursts."""


class TokenBucket:
    """Holds up to ``burst`` tokens and gains ``rate_per_s`` each second; times are monotonic."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def charge(self, cost: float, *, now: float) -> float:
        """Pay ``cost`` and return 0, or return how many seconds that many tokens take to come.

        What costs more than a whole burst is paid with a full bucket.
        """
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate_per_s)
        self._at = now
        due = min(cost, self._burst)
        if self._tokens >= due:
            self._tokens -= due
            return 0.0
        return due / self._rate_per_s
