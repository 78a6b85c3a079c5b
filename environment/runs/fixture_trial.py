"""Trying a publishing fixture: what it has done when a test gets control, and when it is over."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from environment.runs.output_watch import received_bytes
from environment.runs.process_table import Process, publishers
from environment.runs.publisher import is_ready
from environment.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from environment.runs.publisher import Publication
    from environment.stack.topology import Topology

GONE_TIMEOUT_S: Final = 5.0
_CONTROL_TIMEOUT_S: Final = 5.0


@dataclass(frozen=True)
class Moment:
    """One look from outside: at the process table, and at the media server's Control API.

    ``processes`` are the ffmpegs that publish to the fixture's URL; ``ready`` whether the path can
    be read, ``received_bytes`` what it has received.
    """

    processes: tuple[Process, ...]
    ready: bool
    received_bytes: int


@dataclass(frozen=True)
class FixtureTrial:
    """What a publishing fixture did around a test.

    ``begun`` is the moment at which the test got control, ``later`` one while it still had it,
    ``over`` the first one behind the teardown. ``pid`` is the fixture's own word; ``path_gone_s``
    how long after the teardown the media server no longer had the stream.
    """

    path: str
    url: str
    pid: int
    begun: Moment
    later: Moment
    over: Moment
    path_gone_s: float


def try_fixture(
    stack: Topology,
    layer: AbstractContextManager[object],
    set_up: Callable[[], Publication],
) -> FixtureTrial:
    """Set a fixture up in a layer of its own, have control as a test has, and leave the layer.

    Raises ``WaitTimeout`` if nothing is received while the test has control, or if the stream
    stays after it.
    """

    def look() -> Moment:
        return _look(stack, publication)

    with layer:
        publication = set_up()
        begun = look()
        later = wait_for(
            f"{publication.path} to receive more while the test has control",
            lambda: seen if (seen := look()).received_bytes > begun.received_bytes else None,
            timeout_s=stack.settings.timeout(_CONTROL_TIMEOUT_S),
        )
    over, over_at = look(), time.monotonic()
    wait_for(
        f"{publication.path} to be gone after the teardown",
        lambda: not look().ready,
        timeout_s=stack.settings.timeout(GONE_TIMEOUT_S),
        interval_s=0.05,
    )
    return FixtureTrial(
        path=publication.path,
        url=publication.url,
        pid=publication.pid,
        begun=begun,
        later=later,
        over=over,
        path_gone_s=time.monotonic() - over_at,
    )


def _look(stack: Topology, publication: Publication) -> Moment:
    item = stack.media_server.path(publication.path) or {}
    ours = tuple(found for found in publishers() if found.publishes_to == publication.url)
    return Moment(ours, is_ready(item), received_bytes(item))
