"""When a stream's results go to its client: in order, also where the connection broke."""

from collections.abc import Iterable
from uuid import UUID

from sts_service.fragments import Fragment


class Delivery:
    """The results whose turn has come and that were not sent yet.

    A client that comes back sends again what it has no result of, and hears those first: until
    then, for ``patience_s`` at most, newer results are held. While nobody is connected nothing is
    held, since all that was answered is then asked for again. Times are monotonic seconds.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self._attached = True
        self._held: list[Fragment] = []
        self._owed: dict[UUID, None] = {}
        self._owed_until = 0.0

    @property
    def empty(self) -> bool:
        """Whether all results were sent that were not sent before."""
        return not self._held

    @property
    def patient_until(self) -> float | None:
        """When results are sent that are held now; ``None`` where none is."""
        return self._owed_until if self._held and self._owed else None

    def detach(self) -> None:
        """The connection is lost."""
        self._attached = False
        self._held.clear()
        self._owed.clear()

    def attach(self, owed: Iterable[UUID], *, now: float) -> None:
        """There is a connection again, whose client may not have these answers."""
        self._attached = True
        self._held.clear()
        self._owed = dict.fromkeys(owed)
        self._owed_until = now + self._patience_s

    def put(self, fragment: Fragment) -> None:
        """Add the next result."""
        if self._attached:
            self._held.append(fragment)

    def holds(self, fragment: Fragment) -> bool:
        """Whether a fragment's result is still to be sent."""
        return fragment in self._held

    def settled(self, fragment_id: UUID) -> None:
        """The client asked for this answer again, or said that it has it."""
        self._owed.pop(fragment_id, None)

    def moved_on(self) -> list[UUID]:
        """The client sent something new: what it did not ask for again it has. Return that."""
        had = list(self._owed)
        self._owed.clear()
        return had

    def due(self, *, now: float) -> list[Fragment]:
        """Return the results to send now, in order; each is returned once."""
        if self._owed and now < self._owed_until:
            return []
        due, self._held = self._held, []
        return due
