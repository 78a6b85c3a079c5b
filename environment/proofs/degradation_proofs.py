"""Proofs about degraded streams: complete though not all of it is dubbed, or failed for a reason.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.measuring.media import timeline
from environment.proofs.continuity_proofs import prove_clock_unbroken
from environment.proofs.sent_proofs import prove_dubs_are_theirs
from environment.proofs.service_log import logged
from environment.proofs.survival_proofs import (
    SYNC_WITHIN_MS,
    prove_numbers_whole,
    prove_told_as_heard,
)
from environment.runs.run import longest_standstill
from environment.stack.metrics import Metrics, total

if TYPE_CHECKING:
    from environment.proofs.aftermath import Aftermath
    from environment.runs.live_stream import LiveStream
    from environment.stack.topology import Topology

AS_LONG_WITHIN_S: Final = 0.5
"""FR-037."""
READ_AHEAD_S: Final = 0.5
"""How much of a clip ffmpeg may publish ahead of the time, by its default."""
NO_OUTPUT: Final = "there was never an output stream"
"""What a stream that did not go out is told by, beside the error in the log."""
_KEPT_FATES: Final = frozenset({"dubbed", "original", "silent"})


def prove_complete(aftermath: Aftermath) -> None:
    """Everything that was published came out, dubbed or with its own sound, on one clock (FR-037).

    What is heard in each segment's place is told from the recordings, picture by picture, and is
    in sync with them (SC-005).
    """
    lost = [
        str(fate)
        for fate in aftermath.fates.values()
        if fate.heard not in _KEPT_FATES or abs(fate.skew_ms or 0.0) > SYNC_WITHIN_MS
    ]
    published, came_out = (
        {track.kind: track.duration_s for path in paths for track in timeline(path)}
        for paths in (aftermath.sources, aftermath.outputs)
    )
    expect(
        not lost
        and set(published) == set(came_out) == {"video", "audio"}
        and all(abs(came_out[k] - published[k]) <= AS_LONG_WITHIN_S for k in published),
        expected=f"all that was published, within {AS_LONG_WITHIN_S:g} s: {published}",
        seen=f"{came_out}; neither dubbed nor original, or over {SYNC_WITHIN_MS:g} ms from its "
        f"picture: {lost or 'none'}",
        evidence=aftermath.folder,
        hint="the recordings lie there; aftermath.json has what media-service says.",
    )
    prove_numbers_whole(aftermath)
    prove_told_as_heard(aftermath)
    prove_dubs_are_theirs(aftermath)
    prove_clock_unbroken(aftermath)


def what_was_not_dubbed(aftermath: Aftermath) -> str | None:
    """Say which segments went out with their original audio, and why; None where none did."""
    undubbed = [s for s in aftermath.segments if s["outcome"] == "original"]
    if not undubbed:
        return None
    reasons = sorted({str(segment["reason"]) for segment in undubbed})
    numbers = ", ".join(str(segment["number"]) for segment in undubbed)
    return f"segments {numbers} went out with their original audio: {', '.join(reasons)}"


def prove_degraded(aftermath: Aftermath) -> str:
    """Something of it was not dubbed; say what, to be warned of."""
    undubbed = what_was_not_dubbed(aftermath)
    expect(
        undubbed is not None,
        expected="segments that are not dubbed, to be warned of",
        seen="all of them dubbed",
        evidence=aftermath.folder,
        hint="was anything broken at all? run.log has fault_inflicted.",
    )
    return str(undubbed)


def prove_no_error_logged(stack: Topology, report: Mapping[str, Any], *, since: float) -> None:
    """The log of media-service has no error about the stream."""
    errors = _errors_of(stack, report, since)
    expect(
        not errors,
        expected=f"no error about {report['path_in']} in the log of media-service",
        seen="; ".join(errors),
        hint="`docker logs` of media-service, and /v1/streams.",
    )


def prove_goes_out(stack: Topology, stream: LiveStream, *, since: float) -> None:
    """Its output was on the media server, and the log has no error about it: both, or all is told.

    Had bytes in it, that is, as the media server counts them.
    """
    errors = _errors_of(stack, stream.report, since)
    went_out = any(count > 0 for _at, count in stream.output_bytes)
    expect(
        went_out and not errors,
        expected=f"{stream.path_out} on the media server, and no error in the log",
        seen="; ".join([*([] if went_out else [f"{NO_OUTPUT} {stream.path_out}"]), *errors]),
        hint="`docker logs` of media-service, and /v3/paths/list of the media server.",
    )


def prove_failed_alone(
    stack: Topology, report: Mapping[str, Any], text: str, *, since: float
) -> None:
    """The stream has failed with that error in log and report; its worker is gone, with an error.

    The service itself is healthy (021, edge cases: a worker that exits).
    """
    service = stack.media_service
    said = [
        line
        for line in logged(service, "stream_failed", since=since)
        if line.fields.get("stream_id") == report["stream_id"]
        and line.fields.get("level") == "error"
        and text in str(line.fields.get("error"))
    ]
    worker = report["worker"] or {}
    pid = worker.get("pid")
    # 1: there is no such process; anything else: nobody could look.
    gone = isinstance(pid, int) and service.exec("test", "-e", f"/proc/{pid}").exit_code == 1
    expect(
        said and report["state"] == "failed" and text in (report["error"] or ""),
        expected=f"{text!r} as an error in the log, and in the report of a failed stream",
        seen=f"{len(said)} lines; state {report['state']}, error {report['error']!r}",
        hint="media-service's log: stream_failed.",
    )
    expect(
        worker.get("exit_code") and gone and service.is_answering(),
        expected="the worker gone, with an exit code that is not 0, and the service healthy",
        seen=f"exit code {worker.get('exit_code')}, process {pid} gone: {gone}, answering: "
        f"{service.is_answering()}",
        hint="media-service's log: worker_exited.",
    )


def prove_no_output(stack: Topology, stream: LiveStream) -> None:
    """The media server has no output of the stream, and never had as long as it was followed."""
    state = stack.media_server.path(stream.path_out)
    expect(
        state is None and not stream.output_bytes,
        expected=f"no {stream.path_out} on the media server, at no time",
        seen=(state, stream.output_bytes[-1:]),
        hint="/v3/paths/list of the media server.",
    )


def prove_timed_out(
    aftermath: Aftermath, number: int, limit_s: float, slack_s: float, *, length_s: float
) -> None:
    """That segment was given up when its time was over, neither before nor much later.

    By media-service's word, and by the harness's own clock: the output was silent until then.
    """
    segment = next((s for s in aftermath.segments if s["number"] == number), {})
    took_s = (segment.get("released_at") or 0.0) - (segment.get("cut_at") or 0.0)
    expect(
        segment.get("outcome") == "original"
        and segment.get("reason") == "timeout"
        and limit_s <= took_s <= limit_s + slack_s,
        expected=f"segment {number} with its original audio, {limit_s:g} s after it was cut",
        seen=f"{segment.get('outcome')}, {segment.get('reason')}, after {took_s:.2f} s",
        evidence=aftermath.folder / "aftermath.json",
        hint="FRAGMENT_TIMEOUT_S of media-service; its log: fragment_not_dubbed.",
    )
    still = longest_standstill(aftermath.output_bytes)
    begun_at = next((at for at, count in aftermath.output_bytes if count), 0.0)
    # A segment is cut when its end has been published, the first of them before any output.
    earliest_at = aftermath.began_at + (number + 1) * length_s - READ_AHEAD_S + limit_s
    latest_at = begun_at + number * length_s + limit_s + slack_s
    expect(
        still is not None and earliest_at <= still.over_at <= latest_at,
        expected=f"output that is silent, and goes on {earliest_at - aftermath.began_at:.1f} to "
        f"{latest_at - aftermath.began_at:.1f} s after the stream was published",
        seen="no silence"
        if still is None
        else f"{still.duration_s:.1f} s of silence, over after "
        f"{still.over_at - aftermath.began_at:.1f} s",
        evidence=aftermath.folder / "aftermath.json",
        hint="output_bytes: what the media server had of the output, by the harness's clock.",
    )


def prove_dropped_late(
    stack: Topology, aftermath: Aftermath, number: int, before: Metrics, *, since: float
) -> None:
    """The result of that segment came, after its time, and was dropped, logged and counted."""
    fragment = aftermath.fragments.get(number)
    answered = fragment is not None and fragment.status == "success"
    lines = [
        line.fields.get("sequence_number")
        for line in logged(stack.media_service, "fragment_late", since=since)
    ]
    name = "media_service_results_late_total"
    counted = stack.media_service.metric(name) - total(before, name, {})
    expect(
        answered and number in lines and counted == len(lines),
        expected=f"the late result of segment {number} on the wire, logged, and counted",
        seen=f"result {'seen' if answered else 'not seen'} on the wire, logged for {lines}, "
        f"{counted:g} counted",
        evidence=aftermath.folder / "wire.jsonl",
        hint="media-service's log: fragment_late; its metric results_late.",
    )


def _errors_of(stack: Topology, report: Mapping[str, Any], since: float) -> list[str]:
    """What the log of media-service has for errors of that stream, since a Unix time."""
    return [
        f"{line.event}: {line.fields.get('error')}"
        for event in ("stream_failed", "stream_crashed")
        for line in logged(stack.media_service, event, since=since)
        if line.fields.get("stream_id") == report["stream_id"]
    ]
