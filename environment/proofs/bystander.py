"""Proof that a stream beside some trouble was dubbed as if nothing had happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from environment.proofs.output_proofs import (
    prove_as_long_as_input,
    prove_dubbed,
    prove_in_sync,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.proofs.wire_proofs import prove_contract_kept, prove_results_in_order
from environment.runs.fragments import collect_fragments, result_order
from environment.runs.recorder import fetch_recording
from environment.runs.run import PipelineRun

if TYPE_CHECKING:
    from environment.runs.publisher import Publication
    from environment.session import Session

# US2-4 and US2-5: what is demanded of every dubbed stream.
SYNC_WITHIN_MS: Final = 120.0
AS_LONG_WITHIN_MS: Final = 500.0


def prove_undisturbed(run: PipelineRun, segments: int) -> None:
    """Every segment was sent, answered, and is in the output: dubbed, whole and in sync, its
    picture untouched.

    The wire says what was sent and answered, the media server's recording what came out; the
    service's own report is not asked.
    """
    prove_contract_kept(run)
    prove_results_in_order(run, segments)
    prove_as_long_as_input(run, AS_LONG_WITHIN_MS)
    prove_nothing_missing(run)
    prove_picture_untouched(run)
    prove_in_sync(run, SYNC_WITHIN_MS)
    prove_dubbed(run)


def collect_run(
    session: Session, publication: Publication, report: dict[str, Any], folder: Path
) -> PipelineRun:
    """Put together what is known of a stream that has finished: recordings, events, report.

    ``report`` is media-service's. The recordings are written to ``folder``. Raises
    ``WaitTimeout`` if one of them is not there.
    """
    stack, stream_id = session.stack(), str(report["stream_id"])
    timeout_s = session.settings.timeout(30)
    source, output = (
        fetch_recording(stack, path, folder / name, timeout_s=timeout_s)
        for path, name in ((report["path_in"], "source"), (report["path_out"], "output"))
    )
    events = tuple(session.observer().events(stream_id))
    metrics = stack.media_service.metrics()
    return PipelineRun(
        stream_name=str(report["name"]),
        stream_id=stream_id,
        path_in=str(report["path_in"]),
        path_out=str(report["path_out"]),
        clip=publication.clip,
        folder=folder,
        published_at=publication.started_at,
        active_at=float(report["ready_at"]),
        ready_at=float(report["ready_at"]),
        detected_at=float(report["detected_at"]),
        processing_at=float(report["processing_at"]),
        publish_ended_at=float(publication.finished_at or report["finished_at"]),
        finished_at=float(report["finished_at"]),
        fragments=collect_fragments(events, report["segments"]),
        result_order=result_order(events),
        report=report,
        source=source,
        output=output,
        events=events,
        violations=tuple(session.observer().violations(stream_id)),
        ffprobe_live=None,
        ffprobe_live_error="not probed",
        metrics_before=metrics,
        metrics_after=metrics,
        media_server=session.system().media_server,
        sts=session.system().sts,
    )
