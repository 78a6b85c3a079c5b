"""Making a pipeline run: publish a clip, follow it through the system, keep what came out."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests

from environment.errors import HarnessError, WaitTimeout
from environment.evidence.artifacts import gather, save_container_logs, write_events, write_json
from environment.runs.fragments import collect_fragments, result_order
from environment.runs.live_probe import LiveProbe
from environment.runs.media_urls import Protocol
from environment.runs.observer import Observer
from environment.runs.output_watch import OutputWatch
from environment.runs.publisher import Publication, publish, require_clip
from environment.runs.recorder import fetch_recording
from environment.runs.run import PipelineFailed, PipelineRun
from environment.runs.stream_log import StreamLog
from environment.stack.blueprint import STS_SERVICE
from environment.waiting import NotYet, wait_for

if TYPE_CHECKING:
    from environment.session import Session
    from environment.stack.metrics import Metrics
    from environment.stack.topology import Topology

RUN_TIMEOUT_S: Final = 180.0
"""FR-019: the run is given up, and has failed, after this."""
ACTIVE_TIMEOUT_S: Final = 10.0
COMPLETE_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.2
"""How often the stream's report and the output's growth are looked at."""


def run_pipeline(
    session: Session, clip: Path, *, name: str = "run", protocol: Protocol | None = None
) -> PipelineRun:
    """Publish ``clip`` under a fresh stream name and record everything until the output ended.

    The run is written to ``artifacts/<run>/pipeline-<stream>/`` whether it succeeds or not.
    Waits first until media-service is idle, so that its counters tell of this run alone. Without
    a ``protocol`` it is published over the one of the topology's text.
    Raises ``FileNotFoundError`` for a missing clip, ``PipelineFailed`` for all that goes wrong
    with the stream.
    """
    require_clip(clip)
    attempt = Attempt(session, clip, session.new_stream_name(name), protocol=protocol)
    attempt.wait_idle()
    return attempt.record()


class CalledOff(HarnessError):  # noqa: N818 - the family's way of naming
    """A run was given up because nobody waits for it any more."""


class Attempt:
    """One try to make a pipeline run, alone or beside others.

    ``probe_live``: have ffprobe look at the output while it is live. ``under_way`` is set once
    media-service takes the stream's media in, or the attempt is over; setting ``called_off`` from
    another thread ends it.
    """

    """The making of one run, and what is known of it when it fails half-way."""

    def __init__(
        self,
        session: Session,
        clip: Path,
        stream: str,
        *,
        timeout_s: float = RUN_TIMEOUT_S,
        probe_live: bool = True,
        protocol: Protocol | None = None,
        called_off: threading.Event | None = None,
    ) -> None:
        self.session = session
        self.protocol = protocol
        self.timeout_s = timeout_s
        self.probe_live = probe_live
        self.under_way = threading.Event()
        self._called_off = called_off or threading.Event()
        self.settings = session.settings
        self.log = session.store.log
        self.clip = clip
        self.stream = stream
        self.path_in = f"live/{stream}/in"
        self.path_out = f"live/{stream}/out"
        self.folder = session.artifacts / f"pipeline-{stream}"
        self.stack: Topology = session.stack()
        self.observer: Observer = session.observer()
        self.report: dict[str, Any] = {}
        self.began_at = time.time()
        self.input_state: dict[str, Any] = {}
        self.watch = OutputWatch(self.path_out, self.stack.media_server.path)
        self._stream_log = StreamLog(self.log)

    def wait_idle(self) -> None:
        """Wait until media-service carries no other stream, so that its counters tell of this one.

        A failure leaves the evidence that a failed run leaves.
        """
        try:
            self.stack.media_service.wait_idle()
        except Exception as error:
            raise self.failed(error) from error

    def record(self) -> PipelineRun:
        """Make the run, and write it and the containers' logs to its folder.

        Raises ``PipelineFailed``, or ``CalledOff``, of which nothing is kept.
        """
        try:
            run = self.make()
            run.write()
        except CalledOff:
            raise
        except Exception as error:
            # Whatever it is, such as a report without a field: the evidence must not be lost.
            raise self.failed(error) from error
        finally:
            self.under_way.set()
        for trouble in self.keep_logs():
            self.session.log_event("evidence_missing", what=trouble)
        return run

    def make(self) -> PipelineRun:
        """Publish, follow, and gather what came out; nothing is written yet."""
        timeout = self.settings.timeout
        media = self.stack.media_service
        before, sts_before = media.metrics(), self._sts_metrics()
        with (
            publish(
                self.stack, self.clip, self.path_in, protocol=self.protocol, on_event=self.log
            ) as publication,
            LiveProbe(self.stack.rtmp_url(self.path_out)) as live,
        ):
            active_at = publication.wait_active(timeout(ACTIVE_TIMEOUT_S))
            output_gone_at = self._until_gone(publication, live, timeout(self.timeout_s))
            live.poll()
            published_at = publication.started_at
            publish_ended_at = publication.wait_finished(timeout(ACTIVE_TIMEOUT_S))
        stream_id = str(self.report["stream_id"])
        self._wait_complete(stream_id)
        source = fetch_recording(self.stack, self.path_in, self.folder / "source")
        output = fetch_recording(self.stack, self.path_out, self.folder / "output")
        events = tuple(self.observer.events(stream_id))
        return PipelineRun(
            stream_name=self.stream,
            stream_id=stream_id,
            path_in=self.path_in,
            path_out=self.path_out,
            clip=self.clip,
            folder=self.folder,
            published_at=published_at,
            active_at=active_at,
            ready_at=float(self.report["ready_at"] or active_at),
            detected_at=float(self.report["detected_at"]),
            processing_at=float(self.report["processing_at"]),
            publish_ended_at=publish_ended_at,
            finished_at=float(self.report["finished_at"]),
            output_gone_at=output_gone_at,
            output_bytes=tuple(self.watch.samples),
            input_state=self.input_state,
            fragments=collect_fragments(events, self.report["segments"]),
            result_order=result_order(events),
            report=self.report,
            source=source,
            output=output,
            events=events,
            violations=tuple(self.observer.violations(stream_id)),
            ffprobe_live=live.result,
            ffprobe_live_error=live.error or self._why_not_probed(live),
            metrics_before=before,
            metrics_after=media.metrics(),
            sts_metrics_before=sts_before,
            sts_metrics_after=self._sts_metrics(),
            media_server=self.session.system().media_server,
            sts=self.session.system().sts,
        )

    def failed(self, error: Exception) -> PipelineFailed:
        """Keep what there is, and say where."""
        said = str(error) if isinstance(error, HarnessError) else f"{type(error).__name__}: {error}"
        self.log("pipeline_run_failed", stream=self.stream, error=said.splitlines()[0])
        missing = self.keep_logs()
        events = self.observer.events(since=self.began_at)
        missing += gather("events", partial(write_events, self.folder / "events.jsonl", events))
        for path, name in ((self.path_in, "source"), (self.path_out, "output")):
            missing += gather(f"recording of {path}", partial(self._recording, path, name))
        write_json(
            self.folder / "run.json",
            {"error": said, "report": self.report, "evidence_missing": missing},
        )
        return PipelineFailed(
            f"The pipeline run of {self.clip.name} as {self.path_in} failed: "
            f"{said.rstrip('. ')}. Its evidence lies in {self.folder}.",
            folder=self.folder,
            report=self.report,
            remedy="read media-service.log and run.json there, from the last `at` backwards.",
        )

    def keep_logs(self) -> list[str]:
        """Save the containers' logs since the run began; return what could not be had."""
        return save_container_logs(self.stack, self.folder, since=self.began_at)

    def _recording(self, path: str, name: str) -> Path:
        return fetch_recording(self.stack, path, self.folder / name, timeout_s=5.0)

    def _until_gone(self, publication: Publication, live: LiveProbe, timeout_s: float) -> float:
        """Follow the stream until it has finished and its output is gone; return when it went."""

        def probe() -> float:
            self.watch.look()
            report = self._look()
            if not self.input_state and report.get("processing_at"):
                self.input_state = self.stack.media_server.path(self.path_in) or {}
            if self.probe_live and (report.get("output") or {}).get("first_packet_at"):
                live.start() if not live.started else live.poll()
            if report["state"] == "failed":
                raise HarnessError(f"media-service gave the stream up: {report.get('error')}.")
            if report["state"] == "finished":
                return self.watch.check_gone()
            raise NotYet(_progress_of(report))

        def alive() -> None:
            publication.check()
            if self._called_off.is_set():
                raise CalledOff(f"The run of {self.clip.name} was called off.")

        return wait_for(
            f"{self.path_in} to be dubbed to its end",
            probe,
            timeout_s=timeout_s,
            interval_s=POLL_S,
            alive=alive,
        )

    def _sts_metrics(self) -> Metrics | None:
        ours = STS_SERVICE in self.stack.containers
        return self.stack.sts_service.metrics() if ours else None

    def _why_not_probed(self, live: LiveProbe) -> str | None:
        if not self.probe_live:
            return "it was not to be probed"
        return None if live.started else "the output never began"

    def _look(self) -> dict[str, Any]:
        try:
            streams = self.stack.media_service.streams()
        except requests.RequestException as error:
            status = self.stack.media_service.status
            if status != "running":
                raise HarnessError(
                    f"media-service is {status} in the middle of the run."
                ) from error
            raise NotYet(f"media-service does not answer: {error}") from error
        for report in streams:
            if report["path_in"] == self.path_in:
                self.report = report
                self._stream_log.follow(report)
                if report.get("processing_at"):
                    self.under_way.set()
                return report
        raise NotYet("media-service has not detected the stream")

    def _wait_complete(self, stream_id: str) -> None:
        timeout_s = self.settings.timeout(COMPLETE_TIMEOUT_S)
        try:
            self.observer.wait_for_event(stream_id, "stream:complete", timeout_s=timeout_s)
        except WaitTimeout as error:
            # Scenarios about the wire judge that; the run itself has its output.
            self.log("stream_complete_not_seen", stream_id=stream_id, seen=error.last_seen)


def _progress_of(report: Mapping[str, Any]) -> str:
    segments = report.get("segments", [])
    done = sum(segment.get("outcome") != "pending" for segment in segments)
    return f"state {report['state']}, {done} of {len(segments)} segments done"
