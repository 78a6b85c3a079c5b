"""What is broken in a scenario right now, and how it is undone: in time, or with the scenario."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from environment.errors import HarnessError
from environment.stack.topology import EventSink

T = TypeVar("T")


class Faults:
    """The faults of one scenario, by name; a fault is a context manager that undoes itself.

    ``cleanup`` is the scenario's: what was not undone before is undone with it, the last first,
    whatever happened.
    """

    def __init__(self, cleanup: ExitStack, *, on_event: EventSink) -> None:
        self._cleanup = cleanup
        self._on_event = on_event
        self._present: dict[str, ExitStack] = {}

    @property
    def present(self) -> tuple[str, ...]:
        """The names of what is broken now, the oldest first."""
        return tuple(self._present)

    def inflict(self, name: str, fault: AbstractContextManager[T]) -> T:
        """Enter ``fault``; what it gives is returned. Raises ``HarnessError`` if it is there."""
        if name in self._present:
            raise HarnessError(f"There is already the fault: {name}.", remedy="undo it first.")
        undoing = ExitStack()
        given = undoing.enter_context(fault)
        self._present[name] = undoing
        self._cleanup.callback(self._end, name, undoing)
        self._on_event("fault_inflicted", fault=name)
        return given

    def undo(self, name: str) -> None:
        """Undo it now. Raises ``HarnessError`` if there is no such fault, or undoing fails."""
        undoing = self._present.get(name)
        if undoing is None:
            raise HarnessError(
                f"There is no such fault: {name}.",
                remedy=f"present are: {', '.join(self._present) or 'none'}.",
            )
        self._end(name, undoing)

    def undo_all(self, beginning: str) -> None:
        """Undo all whose names begin so. Raises ``HarnessError`` if there is none."""
        names = [name for name in self._present if name.startswith(beginning)]
        for name in names or [beginning]:
            self.undo(name)

    def _end(self, name: str, undoing: ExitStack) -> None:
        if self._present.get(name) is not undoing:
            return
        del self._present[name]
        undoing.close()
        self._on_event("fault_undone", fault=name)
