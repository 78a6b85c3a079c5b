"""A random sequence of faults, drawn from a seed: what is struck when, for how long."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from environment.faults.link_program import Shape
from environment.faults.outages import cut_off, killed, paused, stopped, throttled

if TYPE_CHECKING:
    from environment.faults.link import Link
    from environment.runs.publisher import Publication
    from environment.stack.topology import Topology

Victim = Literal["sts", "way", "media", "server", "source"]
"""Who is struck: sts-service, the way to it, media-service, the media server, the publisher."""

FIRST_AT_S: Final = 12.0
QUIET_S: Final = (10.0, 15.0)
"""Between the end of a fault and the next: time for a segment or two."""


@dataclass(frozen=True)
class Kind:
    """A fault that may strike: whom, and for how long, at least and at most."""

    name: str
    victim: Victim
    shortest_s: float
    longest_s: float


KINDS: Final = (
    Kind("sts-service stopped", "sts", 3, 10),
    Kind("sts-service killed", "sts", 3, 10),
    Kind("sts-service paused", "sts", 3, 14),
    Kind("sts-service cut off", "sts", 3, 14),
    Kind("sts-service slow", "way", 6, 12),
    Kind("link slow", "way", 6, 12),
    Kind("link silent", "sts", 3, 14),
    Kind("media-service stopped", "media", 0.5, 2),
    Kind("media-service killed", "media", 0.5, 2),
    Kind("media server stopped", "server", 0.5, 3),
    Kind("media server killed", "server", 0.5, 3),
    Kind("publisher killed", "source", 0.5, 3),
)


@dataclass(frozen=True)
class Strike:
    """One fault of a sequence; ``at_s`` counts from the sequence's beginning."""

    at_s: float
    lasts_s: float
    kind: Kind

    @property
    def until_s(self) -> float:
        """When it is undone."""
        return self.at_s + self.lasts_s

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s: {self.kind.name} for {self.lasts_s:.1f} s"


def draw(dice: random.Random, seconds: float) -> tuple[Strike, ...]:
    """Draw a sequence that is over, and quiet again, after that many seconds.

    No kind comes twice before each has come once; no two faults are there at once.
    """
    strikes: list[Strike] = []
    bag: list[Kind] = []
    at_s = FIRST_AT_S
    while True:
        if not bag:
            bag = dice.sample(KINDS, len(KINDS))
        kind = bag.pop()
        strike = Strike(at_s, dice.uniform(kind.shortest_s, kind.longest_s), kind)
        if strike.until_s + QUIET_S[0] > seconds:
            return tuple(strikes)
        strikes.append(strike)
        at_s = strike.until_s + dice.uniform(*QUIET_S)


def faults_for(
    stack: Topology, link: Link, publication: Callable[[], Publication]
) -> Mapping[str, Callable[[], AbstractContextManager[object]]]:
    """Each kind's fault, by its name; ``publication`` gives the one that is on the air."""

    @contextmanager
    def publisher_killed() -> Iterator[None]:
        publication().kill()
        yield

    sts, media, server = stack.sts_service, stack.media_service, stack.media_server
    return {
        "sts-service stopped": lambda: stopped(sts),
        "sts-service killed": lambda: killed(sts),
        "sts-service paused": lambda: paused(sts),
        "sts-service cut off": lambda: cut_off(sts),
        "sts-service slow": lambda: throttled(sts, 0.4),
        "link slow": lambda: link.shaped(Shape(latency_ms=80, jitter_ms=40, loss_percent=0.2)),
        "link silent": lambda: link.shaped(Shape(silent=True)),
        "media-service stopped": lambda: stopped(media),
        "media-service killed": lambda: killed(media),
        "media server stopped": lambda: stopped(server),
        "media server killed": lambda: killed(server),
        "publisher killed": publisher_killed,
    }
