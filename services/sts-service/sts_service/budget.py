"""How many bytes of sound the service holds, and that no stream keeps them from the others."""

from collections.abc import Callable


def _nothing_to_spare() -> bool:
    return False


class Budget:
    """Counts bytes up to a limit.

    One half is set aside in equal parts, for as many streams as there may be ``places``; of the
    other half a stream gets as much as the others leave it. ``spare`` has somebody give back what
    can be done without, and says whether there was anything.
    """

    def __init__(
        self, limit_bytes: int, *, places: int, spare: Callable[[], bool] = _nothing_to_spare
    ) -> None:
        self.spare = spare
        self.set_aside_bytes = limit_bytes // (2 * places)
        self.common_bytes = limit_bytes - places * self.set_aside_bytes
        self.common_held_bytes = 0
        self.held_bytes = 0

    def share(self) -> "Share":
        """Return a share that holds nothing yet; there may be as many as there are places."""
        return Share(self)


class Share:
    """What one stream holds: the part set aside for it, and of the common half what is still free.

    It gets no more of that half than is free, so one alone has half of it, and who comes next
    finds some too.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held_bytes = 0

    @property
    def left_bytes(self) -> int:
        """How many bytes more this share may hold now."""
        budget = self._budget
        free = budget.common_bytes - budget.common_held_bytes
        own = budget.set_aside_bytes - self.held_bytes
        return max(0, own, own + free)

    def take(self, size_bytes: int) -> bool:
        """Hold so many bytes more; False, and none held, where that is over the share.

        Whatever is spared for it, by anybody, is no reason to refuse.
        """
        while size_bytes > self.left_bytes:
            if not self._budget.spare():
                return False
        self._change(size_bytes)
        return True

    def give_back(self, size_bytes: int) -> None:
        """Hold so many bytes less."""
        self._change(-size_bytes)

    def _change(self, by_bytes: int) -> None:
        before = self._in_common()
        self.held_bytes += by_bytes
        self._budget.held_bytes += by_bytes
        self._budget.common_held_bytes += self._in_common() - before

    def _in_common(self) -> int:
        return max(0, self.held_bytes - self._budget.set_aside_bytes)
