"""The pipeline: from the published clip over its segments to the fragments that come back.

All of US2 looks at one recorded run: the first step that asks for it makes it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from environment.expectations import expect
from environment.measuring.media import probe
from environment.proofs import examination, inside
from environment.proofs.conversation_proofs import prove_in_turn
from environment.proofs.endpoints import ask, speaks_rtmp
from environment.proofs.freshness_proofs import prove_made_now
from environment.proofs.metric_proofs import prove_processing_time_counted, prove_sts_counted
from environment.proofs.network_proofs import prove_connected, prove_sends_to
from environment.proofs.speech_proofs import (
    prove_another_voice,
    prove_dubs_say_their_translation,
    prove_same_numbers,
    prove_translated_to,
    prove_words_of_the_clip,
)
from environment.proofs.wire_proofs import (
    WHOLE_RUN_S,
    prove_contract_kept,
    prove_counted,
    prove_fragments_hold_the_source,
    prove_fragments_in_place,
    prove_nothing_unseen,
    prove_processing_within,
    prove_results_in_order,
    prove_success_within,
    prove_transcripts_logged,
    prove_whole_run_within,
)
from environment.stack.blueprint import STS_SERVICE
from environment.vocabulary import Context, given, then, when


@given("both containers running with MediaMTX accessible")
def both_run_with_media_server(context: Context) -> None:
    """Find both running, and the media server answering on its API and its RTMP port."""
    stack = context.session.stack()
    statuses = {name: container.status for name, container in stack.containers.items()}
    expect(
        set(statuses.values()) == {"running"}
        and ask(f"{stack.api_url}/v3/paths/list").status == 200
        and speaks_rtmp("localhost", stack.media_server.host_port(1935)),
        expected="all containers running, the media server answering on API and RTMP",
        seen=statuses,
        hint="`docker ps -a`, and `docker logs` of the one that does not run.",
    )


@when("test fixture ({seconds:d}s English video) is published to `{url}`")
def fixture_published(context: Context, seconds: int, url: str) -> None:
    """Make the recorded run, or take it up; its clip and its path are those of the text.

    It must be this session's own: published since it began, recorded by its media server.
    """
    run = context.session.pipeline_run()
    duration_s = probe(run.clip).duration_s or 0.0
    expect(
        abs(duration_s - seconds) < 0.05
        and run.path_in.startswith("live/")
        and run.path_in.endswith("/in"),
        expected=f"{seconds} s published to {url}, under a stream name of its own (FR-029)",
        seen=f"{run.clip.name}, {duration_s:.3f} s, at {run.path_in}",
        evidence=run.folder,
        hint="fixtures/streams holds the clip, environment/runs/run.py publishes it.",
    )
    prove_made_now(run, context.session.stack(), since=context.session.started_at)


@then("media-service detects stream and starts processing within {limit_s:d} seconds")
def detected_within(context: Context, limit_s: int) -> None:
    """Time it from the start of ffmpeg to the first decoded media, and to the wire."""
    prove_processing_within(context.session.pipeline_run(), limit_s)


@given("media-service processing stream")
def processing_stream(context: Context) -> None:
    """Find the stream in media-service's report, with picture and sound taken in."""
    run = context.session.pipeline_run()
    taken_in = run.report["input"] or {}
    expect(
        taken_in.get("video_codec") == "h264" and taken_in.get("audio_codec") == "aac",
        expected="a stream with H.264 and AAC taken in",
        seen=run.report,
        evidence=run.folder / "run.json",
        hint="media-service's /v1/streams tells the state and the error of each stream.",
    )


@when("{seconds:d} seconds of audio accumulated")
def audio_accumulated(context: Context, seconds: int) -> None:
    """Find every fragment to be that long, and its sound in the source, one after the other."""
    run = context.session.pipeline_run()
    prove_nothing_unseen(run, context.session.observer())
    prove_fragments_in_place(run, seconds)


@then("segment is sent to STS-service container via Socket.IO at `{url}`")
def segment_sent(context: Context, url: str) -> None:
    """Prove what was sent, by whom and where to: conversation, order, sound, endpoint, peers."""
    run, stack = context.session.pipeline_run(), context.session.stack()
    prove_contract_kept(run)
    prove_in_turn(run)
    prove_fragments_hold_the_source(run)
    service, endpoint = stack.media_service, stack.resolve_inside(url)
    prove_sends_to(service, endpoint)
    connection = inside.wait_for_connection(service, urlsplit(endpoint).port or 80)
    prove_connected(stack, connection, service, stack.sts_service)


@given("STS-service receives audio fragment")
def fragment_received(context: Context) -> None:
    """Find sts-service's acknowledgement of every fragment that was sent."""
    run = context.session.pipeline_run()
    acknowledged = [fragment.sequence_number for fragment in run.fragments if fragment.acked_at]
    expect(
        acknowledged == list(range(len(run.fragments))) and acknowledged,
        expected="an acknowledgement of each fragment, numbered from 0",
        seen=acknowledged,
        evidence=run.folder / "events.jsonl",
        hint="sts-service's log: fragment received.",
    )


@when("ASR + Translation + TTS pipeline completes")
def pipeline_completes(context: Context) -> None:
    """Find all three stages timed in every result, by engines that are not an echo (FR-016)."""
    run = context.session.pipeline_run()
    stages = examination.stage_timings(run)
    expect(
        run.sts.get("profile") not in {None, "echo"}
        and len(stages) == len(run.fragments)
        and all({"asr_ms", "translation_ms", "tts_ms"} <= set(timings) for timings in stages),
        expected="recognition, translation and synthesis in every result, with real engines",
        seen=(run.sts, stages),
        evidence=run.folder / "events.jsonl",
        hint="STS_PROFILE picks the engines; /health of sts-service names them.",
    )


@then("dubbed audio (Spanish) returns via `fragment:processed` event within {limit_s:d} seconds")
def dubbed_audio_returns(context: Context, limit_s: int) -> None:
    """Check each result: success, in time, Spanish words, and those words heard in its audio."""
    run = context.session.pipeline_run()
    prove_success_within(run, limit_s)
    prove_translated_to(run, "es")
    prove_another_voice(run)
    prove_dubs_say_their_translation(run)


@given("full {seconds:d}-second stream processed")
def full_stream_processed(context: Context, seconds: int) -> None:
    """Find the run finished, with the whole clip published, inside the bounds of US2 and FR-019."""
    run = context.session.pipeline_run()
    published_s = run.publish_ended_at - run.published_at
    expect(
        run.report["state"] == "finished" and published_s > seconds - 1,
        expected=f"{seconds} s published, the stream finished",
        seen=f"{published_s:.1f} s published, state {run.report['state']}",
        evidence=run.folder / "run.json",
        hint="media-service's /v1/streams tells the error of a failed stream.",
    )
    prove_whole_run_within(run, WHOLE_RUN_S)


@when("all segments complete")
def all_segments_complete(context: Context) -> None:
    """Find an end for every segment of the report: none pending, none left to the original."""
    run = context.session.pipeline_run()
    outcomes = [(s["number"], s["outcome"], s["reason"]) for s in run.report["segments"]]
    expect(
        all(outcome == "dubbed" or reason == "tail" for _number, outcome, reason in outcomes),
        expected="every segment dubbed",
        seen=outcomes,
        evidence=run.folder / "run.json",
        hint="the reason says why a segment's original sound went out.",
    )


@then("{count:d} segments were processed")
def segments_processed(context: Context, count: int) -> None:
    """Count the results on the wire: all, in order, none twice; the metrics agree (FR-044)."""
    run = context.session.pipeline_run()
    prove_results_in_order(run, count)
    prove_counted(run, "media_service_fragments_sent_total", count)
    for labels in ({"status": "success"}, {}):
        prove_counted(run, "media_service_fragments_processed_total", count, **labels)
    prove_counted(run, "media_service_fragments_fallback_total", 0)
    prove_counted(run, "media_service_fragment_processing_seconds_count", count)
    prove_processing_time_counted(run)
    prove_sts_counted(run)


@then("real transcripts logged")
def transcripts_logged(context: Context) -> None:
    """Find every transcript logged, with the clip's words in it, its numbers translated."""
    run = context.session.pipeline_run()
    prove_transcripts_logged(run, run.service_log(STS_SERVICE))
    words = prove_words_of_the_clip(run)
    prove_same_numbers(run)
    context.session.log_event("words_compared", stream=run.stream_name, result=str(words))
