"""One timer, set to the earliest of several times."""

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls ``ring`` once when the time has come that it was last set to; times are monotonic."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, *times: float | None) -> None:
        """Ring at the earliest of these times, and at no other; ``None`` is never."""
        self.stop()
        due = [at for at in times if at is not None]
        if due:
            delay_s = max(0.0, min(due) - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def stop(self) -> None:
        """Do not ring. A second call is idle."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
