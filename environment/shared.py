"""Something that is made once, by the first who asks, and shared from then on: failure too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from environment.errors import HarnessError, PortTaken, ProjectPortTaken, SamePortTwice

T = TypeVar("T")


class SharedFailure(HarnessError):  # noqa: N818 - the family's way of naming
    """What is asked for could not be made, and that was told in full where it was first tried."""


class Shared(Generic[T]):
    """Makes its value at the first ``get``; a failure is told in full once, then by name only.

    ``asker`` says on whose behalf the value is being asked for, such as a scenario's name. An
    interruption is no failure: it leaves everything as it was.
    """

    def __init__(self, what: str, make: Callable[[], T], asker: Callable[[], str]) -> None:
        self._what = what
        self._make = make
        self._asker = asker
        self._value: list[T] = []
        self._failure: tuple[str, str] | None = None
        self._reason_to_skip: PortTaken | None = None

    @property
    def made(self) -> T | None:
        """The value if it was made, without making it."""
        return self._value[0] if self._value else None

    def get(self) -> T:
        """Return the value, making it if need be; ``SharedFailure`` if that failed before.

        What makes scenarios be skipped is raised each time as it is.
        """
        if self._reason_to_skip is not None:
            raise self._reason_to_skip
        if self._failure is not None:
            asker, reason = self._failure
            raise SharedFailure(
                f"{self._what} already failed in {asker}: {reason}",
                remedy="see that scenario's report; this one was not tried.",
            )
        if not self._value:
            try:
                self._value.append(self._make())
            except (SamePortTwice, ProjectPortTaken) as twice:
                self._reason_to_skip = twice
                raise
            except Exception as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                self._failure = (self._asker(), reason)
                raise
        return self._value[0]

    def forget(self) -> T | None:
        """Give the value up, and the failure: the next ``get`` makes it anew."""
        value = self.made
        self._value.clear()
        self._failure = self._reason_to_skip = None
        return value
