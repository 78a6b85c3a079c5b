"""Results in sequence order, whatever order the work finishes in."""

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_GAP = 1_000


class OutOfSequence(ValueError):  # noqa: N818 - says what the number is
    """A sequence number whose turn is over, or absurdly far ahead."""


class Sequencer(Generic[T]):
    """Holds finished results back until everything before them is finished too, or given up.

    A number that was skipped is missed from then on, for ``patience_s``: until that is over it
    may still be admitted, and what comes after it waits. Times are monotonic seconds.
    """

    def __init__(self, next_sequence: int, *, patience_s: float) -> None:
        self._next = next_sequence
        self._patience_s = patience_s
        self._admitted: set[int] = set()
        self._finished: dict[int, T] = {}
        # Ascending, in numbers as in times: a gap only ever opens above those before it.
        self._missed_until: dict[int, float] = {}

    @property
    def pending(self) -> int:
        """How many were admitted and not yet released."""
        return len(self._admitted)

    @property
    def next_sequence(self) -> int:
        """The lowest number that is above all that were admitted."""
        return self._next

    @property
    def patient_until(self) -> float | None:
        """When the first of the missed numbers is given up, if any is missed."""
        return next(iter(self._missed_until.values()), None)

    def admit(self, sequence: int, *, now: float) -> range:
        """Take a number in; return those that it skipped. ``OutOfSequence`` says why not."""
        self._give_up(now)
        if sequence in self._admitted:
            raise OutOfSequence(f"sequence {sequence} is already in work")
        if sequence in self._missed_until:
            del self._missed_until[sequence]
            self._admitted.add(sequence)
            return range(0)
        if sequence < self._next:
            raise OutOfSequence(f"sequence {sequence} is over, {self._next} is next")
        if sequence > self._next + MAX_GAP:
            raise OutOfSequence(f"sequence {sequence} is more than {MAX_GAP} ahead of {self._next}")
        skipped = range(self._next, sequence)
        self._missed_until |= dict.fromkeys(skipped, now + self._patience_s)
        self._admitted.add(sequence)
        self._next = sequence + 1
        return skipped

    def finish(self, sequence: int, result: T) -> None:
        """Take the result of an admitted number."""
        if sequence not in self._admitted:
            raise ValueError(f"sequence {sequence} was never admitted")
        self._finished[sequence] = result

    def released(self, *, now: float) -> list[T]:
        """Return the results whose turn has come, in order; each is returned once."""
        self._give_up(now)
        first_missed = next(iter(self._missed_until), self._next)
        released = []
        while self._admitted:
            lowest = min(self._admitted)
            if lowest > first_missed or lowest not in self._finished:
                break
            self._admitted.remove(lowest)
            released.append(self._finished.pop(lowest))
        return released

    def _give_up(self, now: float) -> None:
        for sequence, until in list(self._missed_until.items()):
            if until > now:
                return
            del self._missed_until[sequence]
