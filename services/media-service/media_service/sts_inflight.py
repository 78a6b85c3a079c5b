"""The fragments of one stream that are with STS, and which of them were answered lately."""

from collections import deque
from uuid import UUID

from media_service.sts_exchange import Exchange, Fragment

ANSWERED_KEPT = 64
"""Of so many fragments it is known that an answer to them is not the first."""


class Inflight:
    """The exchanges under way, in the order of their numbers, and who was answered lately."""

    def __init__(self) -> None:
        self._exchanges: dict[UUID, Exchange] = {}
        self._answered: deque[UUID] = deque(maxlen=ANSWERED_KEPT)

    def __len__(self) -> int:
        return len(self._exchanges)

    @property
    def unanswered(self) -> list[Exchange]:
        """Those that STS owes an answer, lowest number first."""
        owed = [known for known in self._exchanges.values() if not known.answer.done()]
        return sorted(owed, key=lambda known: known.fragment.number)

    def add(self, exchange: Exchange) -> None:
        """Take in an exchange that begins."""
        self._exchanges[exchange.fragment.fragment_id] = exchange

    def remove(self, fragment: Fragment) -> Exchange | None:
        """Let a fragment go; None where it was not under way."""
        exchange = self._exchanges.pop(fragment.fragment_id, None)
        if exchange is not None and exchange.answered:
            self._answered.append(fragment.fragment_id)
        return exchange

    def of(self, fragment_id: UUID | None) -> Exchange | None:
        """Return a fragment's exchange, as long as it is under way."""
        return None if fragment_id is None else self._exchanges.get(fragment_id)

    def was_answered(self, fragment_id: UUID) -> bool:
        """Whether a fragment has had its answer, now or lately."""
        exchange = self._exchanges.get(fragment_id)
        return fragment_id in self._answered or (exchange is not None and exchange.answered)
