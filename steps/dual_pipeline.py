"""The pipeline of the two compose projects, in specification 019's words.

All of its stories 1 and 6 look at one recorded run, as those of specification 021 do at theirs.
"""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs import inside
from environment.proofs.availability_proofs import (
    first_dub_at,
    prove_available_within,
    prove_first_segment_ready,
)
from environment.proofs.conversation_proofs import prove_in_turn
from environment.proofs.dual_proofs import (
    prove_ingested_over,
    prove_over_host_port,
    prove_taken_from_outside,
    prove_translations_logged,
)
from environment.proofs.network_proofs import prove_sends_to
from environment.proofs.output_proofs import (
    prove_as_long_as_input,
    prove_codecs,
    prove_in_sync,
    prove_live_on_rtmp,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.proofs.speech_proofs import (
    prove_another_voice,
    prove_dubs_say_their_translation,
    prove_same_numbers,
    prove_translated_to,
    prove_words_of_the_clip,
)
from environment.proofs.validation_proofs import (
    prove_complete,
    prove_lasts,
    prove_recorded_codecs,
)
from environment.proofs.wire_proofs import (
    prove_contract_kept,
    prove_fragments_hold_the_source,
    prove_processing_within,
    prove_success_within,
    prove_transcripts_logged,
)
from environment.runs.media_urls import protocol_named
from environment.stack.blueprint import STS_SERVICE
from environment.vocabulary import Context, given, then, when


@then("WorkerRunner connects and starts ingesting within {limit_s:d} seconds")
def ingests_within(context: Context, limit_s: int) -> None:
    """Time it from the start of ffmpeg to the first decoded media; find who published and how."""
    run, stack = context.session.pipeline_run(), context.session.dual_stack()
    prove_processing_within(run, limit_s)
    prove_ingested_over(stack, run, stack.settings.ingest_protocol)


@given("WorkerRunner ingesting {protocol} stream")
def ingesting(context: Context, protocol: str) -> None:
    """Find its codecs in media-service's report; the media server must have it read over that."""
    run, stack = context.session.pipeline_run(), context.session.dual_stack()
    taken_in = run.report["input"] or {}
    expect(
        taken_in.get("video_codec") == "h264" and taken_in.get("audio_codec") == "aac",
        expected=f"a stream with H.264 and AAC taken in over {protocol}",
        seen=run.report,
        evidence=run.folder / "run.json",
        hint="media-service's /v1/streams tells the state and the error of each stream.",
    )
    prove_ingested_over(stack, run, protocol_named(protocol))


@then("segment is sent to real STS service via Socket.IO at `{url}`")
def segment_sent_over_host(context: Context, url: str) -> None:
    """Prove what was sent, and that it goes over this host's port into the other project."""
    run, stack = context.session.pipeline_run(), context.session.dual_stack()
    prove_contract_kept(run)
    prove_in_turn(run)
    prove_fragments_hold_the_source(run)
    service, endpoint = stack.media_service, stack.resolve_inside(url)
    prove_sends_to(service, endpoint)
    connection = inside.wait_for_connection(service, stack.outside(3000))
    prove_over_host_port(stack, connection, endpoint, service)
    prove_taken_from_outside(stack, stack.sts_service)


@given("real STS service receives audio fragment")
def real_sts_receives(context: Context) -> None:
    """Find sts-service's acknowledgement of every fragment; it must name engines that are none."""
    run = context.session.pipeline_run()
    acknowledged = [f.sequence_number for f in run.fragments if f.acked_at]
    expect(
        acknowledged == list(range(len(run.fragments)))
        and acknowledged
        and run.sts.get("profile") not in {None, "echo"},
        expected="an acknowledgement of each fragment by real engines (FR-011)",
        seen=(acknowledged, run.sts),
        evidence=run.folder / "events.jsonl",
        hint="STS_PROFILE picks the engines; an echo never counts as dubbing.",
    )


@then(
    "dubbed audio (Spanish) returns via `fragment:processed` event within {limit_s:d} seconds "
    "(real processing time)"
)
def dubbed_in_real_time(context: Context, limit_s: int) -> None:
    """Check each result: success, in time, Spanish words, and those words heard in its audio."""
    run = context.session.pipeline_run()
    prove_success_within(run, limit_s)
    prove_translated_to(run, "es")
    prove_another_voice(run)
    prove_dubs_say_their_translation(run)


@then("sync delta is less than {limit_ms:d}ms and output is remuxed")
def in_sync_and_remuxed(context: Context, limit_ms: int) -> None:
    """Measure every segment's skew; find the clip's own pictures beside the dub in one stream."""
    run = context.session.pipeline_run()
    report = prove_in_sync(run, limit_ms)
    context.session.log_event(
        "skew_measured", stream=run.stream_name, worst_ms=report.worst_ms, each=str(report)
    )
    prove_picture_untouched(run)
    prove_recorded_codecs(run)


@given("remuxed segment ready")
def remuxed_segment_ready(context: Context) -> None:
    """Find the first segment's dub back, and taken into the output."""
    prove_first_segment_ready(context.session.pipeline_run())


@when("output pipeline publishes to RTMP")
def output_publishes(context: Context) -> None:
    """Find the output published over RTMP: its report has the URL, ffprobe read it there."""
    run = context.session.pipeline_run()
    prove_live_on_rtmp(run)
    url = str((run.report["output"] or {}).get("url"))
    expect(
        url == f"{context.session.settings.mediamtx_rtmp_url}/{run.path_out}",
        expected=f"{context.session.settings.mediamtx_rtmp_url}/{run.path_out}",
        seen=url,
        evidence=run.folder / "run.json",
        hint="MEDIAMTX_RTMP_URL in the compose file.",
    )


@then("output stream is available at `{url}` within {limit_s:d} second")
def output_available_within(context: Context, url: str, limit_s: int) -> None:
    """Time it from the first dub's return to the output on the media server."""
    run = context.session.pipeline_run()
    took_s = prove_available_within(run, limit_s)
    context.session.log_event(
        "output_available", said=url, path=run.path_out, after_s=round(took_s, 3)
    )
    expect(
        run.path_out.endswith("/out") and first_dub_at(run) > 0,
        expected=f"{url}, under this run's name for it",
        seen=run.path_out,
        hint="environment/runs/pipeline.py names the streams.",
    )


@then("RTMP output duration matches input duration (+/- {tolerance_ms:d}ms)")
def rtmp_output_matches(context: Context, tolerance_ms: int) -> None:
    """Compare picture and sound of the recorded output with the clip; nothing may be missing."""
    run = context.session.pipeline_run()
    prove_as_long_as_input(run, tolerance_ms)
    prove_nothing_missing(run)


@then("real transcripts and translations are recorded in logs")
def transcripts_and_translations_logged(context: Context) -> None:
    """Find every transcript and translation in the log; the words are the clip's, and Spanish."""
    run = context.session.pipeline_run()
    log = run.service_log(STS_SERVICE)
    prove_transcripts_logged(run, log)
    prove_translations_logged(run, log)
    words = prove_words_of_the_clip(run)
    prove_same_numbers(run)
    context.session.log_event("words_compared", stream=run.stream_name, result=str(words))


@then("stream reports {count:d} streams (video + audio)")
def reports_streams(context: Context, count: int) -> None:
    """Count what ffprobe saw live, one of each kind; the recording has the same."""
    run = context.session.pipeline_run()
    kinds = sorted(str(s.get("codec_type")) for s in (run.ffprobe_live or {}).get("streams", []))
    expect(
        kinds == ["audio", "video"] and len(kinds) == count,
        expected=f"{count} streams, video and audio",
        seen=kinds,
        evidence=run.folder / "run.json",
        hint="media-service's log: output connected.",
    )
    prove_recorded_codecs(run)


@then("video codec is H.264")
def video_codec(context: Context) -> None:
    """Compare the codecs that ffprobe saw live."""
    prove_codecs(context.session.pipeline_run(), video="h264", audio="aac")


@then("audio codec is AAC")
def audio_codec(context: Context) -> None:
    """Compare the codecs that ffprobe saw live."""
    prove_codecs(context.session.pipeline_run(), video="h264", audio="aac")


@when("ffprobe extracts duration")
def duration_extracted(context: Context) -> None:
    """Have ffprobe look at the recording of the whole output: a live stream has no length."""
    prove_complete(context.session.pipeline_run())


@then("duration is {seconds:d} seconds (+/- {tolerance_ms:d}ms tolerance for segment boundaries)")
def duration_within(context: Context, seconds: int, tolerance_ms: int) -> None:
    """Compare it with the text's, and each track with the clip."""
    run = context.session.pipeline_run()
    lasts_s = prove_lasts(run.output, seconds, tolerance_ms)
    prove_as_long_as_input(run, tolerance_ms)
    context.session.log_event("output_lasts", stream=run.stream_name, seconds=round(lasts_s, 3))
