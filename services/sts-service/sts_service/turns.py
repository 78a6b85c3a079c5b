"""Who gets the next free worker: those who wait take turns, one share after another."""

import asyncio
from collections import OrderedDict, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Hands out what is free. However many of one share wait, each share is served in its turn.

    Within a share, who came first is served first.
    """

    def __init__(self) -> None:
        self._free: deque[T] = deque()
        self._waiting: OrderedDict[str, deque[asyncio.Future[T]]] = OrderedDict()

    @property
    def any_free(self) -> bool:
        """Whether ``take`` would not have to wait."""
        return bool(self._free)

    async def take(self, share: str) -> T:
        """Return what is free, waiting for it; raises what ``refuse`` was told."""
        if self._free:
            return self._free.popleft()
        turn: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(share, deque()).append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            # It may have been handed over in the very moment in which the waiter went away.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give(turn.result())
            raise

    def give(self, thing: T) -> None:
        """Take something free, or free again; hand it to whoever is next."""
        while self._waiting:
            share, turns = self._waiting.popitem(last=False)
            while turns and turns[0].done():
                turns.popleft()
            if not turns:
                continue
            turns.popleft().set_result(thing)
            if turns:
                self._waiting[share] = turns
            return
        self._free.append(thing)

    def refuse(self, error: Exception) -> None:
        """Tell all who wait that there is nothing to wait for."""
        for turns in self._waiting.values():
            for turn in turns:
                if not turn.done():
                    turn.set_exception(error)
        self._waiting.clear()
