"""A stream on the air and what is seen of it from beside, while a scenario breaks things."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import requests

from environment.errors import HarnessError
from environment.runs.bad_data import cut_clip
from environment.runs.output_watch import OutputWatch
from environment.runs.publisher import Publication, publish
from environment.runs.run import longest_standstill_s
from environment.runs.stream_log import StreamLog
from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.scenario import ScenarioRun
    from environment.session import Session
    from environment.stack.topology import Topology

Report = dict[str, Any]
"""A stream's report, as /v1/streams of media-service has it."""

POLL_S: Final = 0.2
FIRST_WITHIN_S: Final = 60.0
"""A segment of six seconds, 30 s for its dub, and as much again for a slow machine."""
REST_S: Final = 120.0
_TIMEOUT_S: Final = 2.0
_ENDED: Final = frozenset({"finished", "failed"})
_MAX_CHANGES: Final = 1000


@dataclass(frozen=True)
class Change:
    """What media-service's /health said newly of its peers; None where it did not answer."""

    at: float
    sts_connected: bool | None
    media_server_reachable: bool | None


class LiveStream:
    """Follows one published path until it is closed; a context manager, with a thread of its own.

    ``reports`` are the last that media-service said of each stream it made of the path, by
    ``stream_id``: one, if it goes on as the same stream. What cannot be asked because somebody is
    away is asked again. Whatever else ends the following is raised, as ``HarnessError``, by who
    asks for a report or waits for one, and at the end.
    """

    def __init__(self, session: Session, publication: Publication) -> None:
        self.publication = publication
        self.path_in = publication.path
        self.path_out = f"{publication.path.removesuffix('/in')}/out"
        self.began_at = time.time()
        self.reports: dict[str, Report] = {}
        self.changes: list[Change] = []
        self._stack: Topology = session.stack()
        self._timeout = session.settings.timeout
        self._log = StreamLog(session.store.log)
        self._watch = OutputWatch(self.path_out, self._stack.media_server.path)
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._follow, name="live stream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join(4 * _TIMEOUT_S)
        if error is None:
            self._check_followed()

    @property
    def report(self) -> Report:
        """The last report of the newest stream. Raises ``HarnessError`` before there is one."""
        self._check_followed()
        if not self.reports:
            raise HarnessError(f"media-service has not reported {self.path_in}.")
        return list(self.reports.values())[-1]

    @property
    def segments(self) -> list[Report]:
        """The segments of the last report, by number; none before there is one."""
        found = self.report["segments"] if self.reports else []
        return sorted(found, key=lambda segment: int(segment["number"]))

    @property
    def longest_silence_s(self) -> float:
        """The longest time without a byte of output, between its first and its last."""
        return longest_standstill_s(self._watch.samples)

    @property
    def output_bytes(self) -> tuple[tuple[float, int], ...]:
        """What the media server had received of the output, and when that was read."""
        return tuple(self._watch.samples)

    def wait_segments(
        self, what: str, count: int, wanted: Callable[[Report], bool], *, timeout_s: float
    ) -> list[Report]:
        """Wait until ``count`` segments are as ``wanted``; return those, by number.

        ``timeout_s`` is a deadline before E2E_TIMEOUT_MULTIPLIER. Raises ``WaitTimeout`` with
        what became of the segments, ``HarnessError`` if the stream ends before.
        """

        def probe() -> list[Report]:
            found = [segment for segment in self.segments if wanted(segment)]
            if len(found) >= count:
                return found
            if self.reports and self.report["state"] in _ENDED:
                error = self.report["error"]
                raise HarnessError(f"{self.path_in} is {self.report['state']} already: {error}")
            raise NotYet(self.outcomes())

        return wait_for(
            f"{count} segments of {self.path_in} {what}",
            probe,
            timeout_s=self._timeout(timeout_s),
            alive=self._check_followed,
        )

    def wait_ended(self, *, timeout_s: float) -> Report:
        """Wait until its newest stream is finished or failed; return the report."""

        def probe() -> Report:
            if not self.reports or self.report["state"] not in _ENDED:
                raise NotYet(self.outcomes())
            return self.report

        return wait_for(
            f"{self.path_in} to be finished",
            probe,
            timeout_s=self._timeout(timeout_s),
            alive=self._check_followed,
        )

    def outcomes(self) -> str:
        """Say in a line what became of each segment, for an error's reader."""
        state = self.report["state"] if self.reports else "not reported"
        said = ", ".join(
            f"{s['number']} {s['outcome']}{'/' + s['reason'] if s['reason'] else ''}"
            for s in self.segments
        )
        return f"{state}: {said or 'no segment'}"

    def _follow(self) -> None:
        try:
            while not self._ended.wait(POLL_S):
                self._look()
        except Exception as error:  # noqa: BLE001 - the thread's edge: told to whoever asks next
            self._error = error

    def _look(self) -> None:
        self._look_at_service()
        try:
            self._watch.look()
        except NotYet:
            # The media server is away: that is what the scenario is about.
            return

    def _check_followed(self) -> None:
        if self._error is not None:
            kind = type(self._error).__name__
            raise HarnessError(
                f"{self.path_in} is followed no longer: {kind}: {self._error}",
                remedy="the scenario's evidence has the traceback.",
            ) from self._error

    def _look_at_service(self) -> None:
        service = self._stack.media_service
        try:
            health = service.get("/health", timeout_s=_TIMEOUT_S)
            streams = service.get("/v1/streams", timeout_s=_TIMEOUT_S)["streams"]
        except (requests.RequestException, HarnessError):
            self._note(None, None)
            return
        self._note(health["sts"]["connected"], health["media_server"]["reachable"])
        for report in streams:
            if report["path_in"] == self.path_in:
                self.reports[report["stream_id"]] = report
                self._log.follow(report)

    def _note(self, sts: bool | None, media_server: bool | None) -> None:
        last = self.changes[-1] if self.changes else None
        if last is None or (last.sts_connected, last.media_server_reachable) != (sts, media_server):
            self.changes.append(Change(time.time(), sts, media_server))
            del self.changes[:-_MAX_CHANGES]


def put_on_the_air(run: ScenarioRun, clip: Path, said: str) -> LiveStream:
    """Publish ``clip`` at the scenario's own path for ``said``; follow it, to the scenario's end.

    Returns once its first segment has gone out dubbed: all three services are at work.
    """
    stream = run.cleanup.enter_context(LiveStream(run.session, run.publish(clip, said)))
    stream.wait_segments("on the air", 1, is_dubbed, timeout_s=FIRST_WITHIN_S)
    return stream


def put_rest_on_the_air(run: ScenarioRun, stream: LiveStream, clip: Path, from_s: float) -> None:
    """Publish ``clip`` from there on at the stream's path, in place of a publication that is over.

    Returns once the media server has it. No picture comes twice where ``from_s`` is late enough.
    """
    folder = Path(run.cleanup.enter_context(TemporaryDirectory(prefix="rest-")))
    rest = cut_clip(clip, REST_S, folder / clip.name, start_s=from_s)
    publication = publish(run.session.stack(), rest, stream.path_in, on_event=run.session.log_event)
    run.cleanup.callback(publication.stop)
    stream.publication = publication
    publication.wait_active(run.session.settings.timeout(FIRST_WITHIN_S))


def is_dubbed(segment: Report) -> bool:
    """Whether a segment has gone out with its dub."""
    return bool(segment["outcome"] == "dubbed" and segment["released_at"])
