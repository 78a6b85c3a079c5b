"""The output stream: in sync, as long as the input, playable, and dubbed."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.output_proofs import (
    prove_as_long_as_input,
    prove_codecs,
    prove_decodes,
    prove_dubbed,
    prove_in_sync,
    prove_live_on_rtmp,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.vocabulary import Context, given, then, when


@given("dubbed audio received")
def dubbed_audio_received(context: Context) -> None:
    """Find dubbed audio in the result of every fragment of the recorded run."""
    run = context.session.pipeline_run()
    without = [f.sequence_number for f in run.fragments if f.dubbed_audio is None]
    expect(
        run.fragments and not without,
        expected="dubbed audio for every fragment",
        seen=f"{len(run.fragments)} fragments, none for {without}",
        evidence=run.folder / "run.json",
        hint="the error of a failed fragment is in run.json.",
    )


@when("media-service remuxes A/V segments")
@when("video and audio segments are paired by A/V sync")
def segments_remuxed(context: Context) -> None:
    """Find the packets of both tracks in the report of the output that media-service made."""
    run = context.session.pipeline_run()
    made = run.report["output"] or {}
    expect(
        made.get("video_packets") and made.get("audio_packets"),
        expected="an output with packets of picture and sound",
        seen=made,
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected, segment released.",
    )


@then("sync delta is less than {limit_ms:d}ms and output publishes to RTMP")
def in_sync_on_rtmp(context: Context, limit_ms: int) -> None:
    """Measure every segment's skew, find the picture untouched, and the output live on RTMP."""
    run = context.session.pipeline_run()
    report = prove_in_sync(run, limit_ms)
    context.session.log_event(
        "skew_measured", stream=run.stream_name, worst_ms=report.worst_ms, each=str(report)
    )
    prove_picture_untouched(run)
    prove_live_on_rtmp(run)


@then("output duration matches input (+/- {tolerance_ms:d}ms)")
def duration_matches(context: Context, tolerance_ms: int) -> None:
    """Compare picture and sound of the recorded output with the clip; nothing may be missing."""
    run = context.session.pipeline_run()
    prove_as_long_as_input(run, tolerance_ms)
    prove_nothing_missing(run)


@given("output stream available")
def output_available(context: Context) -> None:
    """Find the recording of the output that the media server made."""
    run = context.session.pipeline_run()
    expect(
        run.output.is_file() and run.output.stat().st_size > 0,
        expected="the media server's recording of the output",
        seen=f"nothing at {run.output}",
        hint="the `record` of its path in services/mediamtx/mediamtx.yml.",
    )


@when("ffprobe inspects `{url}`")
@when("ffprobe inspects output stream `{url}`")
def ffprobe_inspects(context: Context, url: str) -> None:
    """Take what ffprobe saw at that URL, under this run's name for it, while it was live."""
    run = context.session.pipeline_run()
    prove_live_on_rtmp(run)
    expect(
        run.path_out == f"live/{run.stream_name}/{url.rsplit('/', 1)[-1]}",
        expected=f"{url}, under this run's name for it",
        seen=run.path_out,
        hint="environment/runs/pipeline.py probes the output while it is live.",
    )


@then("stream is playable with H.264 video and dubbed AAC audio")
def playable_and_dubbed(context: Context) -> None:
    """Check codecs, decode all of it, and find the dub in it rather than the original (SC-004)."""
    run = context.session.pipeline_run()
    prove_codecs(run, video="h264", audio="aac")
    prove_decodes(run)
    prove_dubbed(run)
