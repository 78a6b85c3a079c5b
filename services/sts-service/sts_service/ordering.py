"""Results in sequence order, whatever order the work finishes in."""

from typing import Generic, TypeVar

T = TypeVar("T")

MAX_GAP = 1_000


class OutOfSequence(ValueError):  # noqa: N818 - says what the number is
    """A sequence number whose turn is over, or absurdly far ahead."""


class Sequencer(Generic[T]):
    """Holds finished results back until everything admitted before them is finished too.

    Gaps are allowed, since a client gives up segments whose time is over: the order is that of
    the numbers admitted. A late number is still admitted while nothing above it was released.
    """

    def __init__(self, next_sequence: int) -> None:
        self._floor = next_sequence
        self._admitted: set[int] = set()
        self._finished: dict[int, T] = {}

    @property
    def pending(self) -> int:
        """How many were admitted and not yet released."""
        return len(self._admitted)

    @property
    def next_sequence(self) -> int:
        """The lowest number that is above all that were admitted."""
        return max(self._admitted, default=self._floor - 1) + 1

    def admit(self, sequence: int) -> None:
        """Take a number in; ``OutOfSequence`` says why not."""
        if sequence < self._floor:
            raise OutOfSequence(f"sequence {sequence} is over, {self.next_sequence} is next")
        if sequence in self._admitted:
            raise OutOfSequence(f"sequence {sequence} is already in work")
        if sequence > self.next_sequence + MAX_GAP:
            raise OutOfSequence(
                f"sequence {sequence} is more than {MAX_GAP} ahead of {self.next_sequence}"
            )
        self._admitted.add(sequence)

    def finish(self, sequence: int, result: T) -> list[T]:
        """Take the result of an admitted number; return those whose turn has come, in order."""
        if sequence not in self._admitted:
            raise ValueError(f"sequence {sequence} was never admitted")
        self._finished[sequence] = result
        released = []
        while self._admitted and (lowest := min(self._admitted)) in self._finished:
            self._admitted.remove(lowest)
            self._floor = lowest + 1
            released.append(self._finished.pop(lowest))
        return released
