"""The output's quality: probed, dubbed on the wire and in its bytes, and played.

All of it is about the recorded run of US2, which the first step that asks for it makes.
"""

from __future__ import annotations

from environment.expectations import expect
from environment.measuring.sound import level_dbfs, read_audio
from environment.proofs.output_proofs import (
    prove_as_long_as_input,
    prove_codecs,
    prove_decodes,
    prove_dubbed,
    prove_in_sync,
    prove_nothing_missing,
    prove_picture_untouched,
)
from environment.proofs.player_proofs import prove_plays_in_player, view_in_player
from environment.proofs.quality_proofs import (
    prove_audible,
    prove_loudness,
    prove_no_clicks,
    prove_no_drift,
    prove_picture_moves,
)
from environment.proofs.validation_proofs import (
    fingerprints,
    prove_active,
    prove_complete,
    prove_dubs_received,
    prove_fingerprint_differs,
    prove_lasts,
    prove_recorded_codecs,
)
from environment.proofs.wire_proofs import prove_contract_kept, prove_nothing_unseen
from environment.vocabulary import Context, given, then, when

SYNC_WITHIN_MS = 120


@given("full pipeline completed")
def pipeline_completed(context: Context) -> None:
    """Find the recorded run's stream finished, every segment out, and its output ended."""
    prove_complete(context.session.pipeline_run())


@then("stream has H.264 video and AAC audio")
def stream_has_both(context: Context) -> None:
    """Compare the codecs, live and in the recording."""
    run = context.session.pipeline_run()
    prove_codecs(run, video="h264", audio="aac")
    prove_recorded_codecs(run)


@then("duration is {seconds:d}s (+/- {tolerance_ms:d}ms)")
def duration_is(context: Context, seconds: int, tolerance_ms: int) -> None:
    """Ask ffprobe of the recording; hold each track against the clip as well."""
    run = context.session.pipeline_run()
    lasts_s = prove_lasts(run.output, seconds, tolerance_ms)
    prove_as_long_as_input(run, tolerance_ms)
    context.session.log_event("output_lasts", stream=run.stream_name, seconds=round(lasts_s, 3))


@given("output stream active")
def output_active(context: Context) -> None:
    """Find it growing on the media server, by its Control API, while ffprobe read it."""
    prove_active(context.session.pipeline_run())


@when("Socket.IO events monitored")
def events_monitored(context: Context) -> None:
    """Find the observer to have been there all the time, and a whole conversation on its record."""
    run = context.session.pipeline_run()
    prove_nothing_unseen(run, context.session.observer())
    prove_contract_kept(run)


@then("all segments received `fragment:processed` with dubbed_audio field populated")
def all_segments_dubbed(context: Context) -> None:
    """Find for each segment of media-service's report one result, with a dub that is no silence."""
    prove_dubs_received(context.session.pipeline_run())


@given("output audio extracted")
def audio_extracted(context: Context) -> None:
    """Decode the sound of the recording; it must not be silence."""
    run = context.session.pipeline_run()
    track = read_audio(run.output)
    expect(
        level_dbfs(track.samples) > -50,
        expected="sound in the recorded output",
        seen=f"{level_dbfs(track.samples):.0f} dBFS in {track.end_s - track.start_s:.1f} s",
        evidence=run.output,
        hint="listen to the recording.",
    )


@when("spectral fingerprint computed and compared to original")
def fingerprints_compared(context: Context) -> None:
    """Compare what came out with the clip, six seconds at a time; as a control, what went in."""
    run = context.session.pipeline_run()
    found = fingerprints(run)
    context.run.notes["fingerprints"] = found
    context.session.log_event(
        "fingerprints_compared",
        stream=run.stream_name,
        output=[str(window.verdict) for window in found.output],
    )


@then("audio differs significantly (confirming dubbing occurred, not passthrough)")
def audio_differs(context: Context) -> None:
    """Find each window dubbed, and in each segment the dub of the wire and nothing else."""
    run = context.session.pipeline_run()
    prove_fingerprint_differs(run, context.run.notes["fingerprints"])
    prove_dubbed(run)


@given("output stream recorded to file")
def recorded_to_file(context: Context) -> None:
    """Find the recording of the output that the media server made, with both its tracks."""
    run = context.session.pipeline_run()
    prove_complete(run)
    prove_recorded_codecs(run)


@when("video player opens file")
def player_opens(context: Context) -> None:
    """Have a real player, headless Chromium, play it from its beginning, unless it has before."""
    view_in_player(context.session.pipeline_run(), context.session)


@then("video plays smoothly")
def plays_smoothly(context: Context) -> None:
    """Hold what the player saw against the clip; find no hole, and a picture that moves as its."""
    run = context.session.pipeline_run()
    prove_plays_in_player(run, context.session)
    prove_nothing_missing(run)
    moves = prove_picture_moves(run)
    context.session.log_event("picture_examined", stream=run.stream_name, found=str(moves))


@then("dubbed audio is audible and synchronized")
@then("dubbed audio is audible and synchronized with video")
def audible_and_synchronised(context: Context) -> None:
    """Find each dub in the recording, loud enough, as loud as the original, and at its picture."""
    run = context.session.pipeline_run()
    prove_dubbed(run)
    quietest_lufs, louder_lu = prove_audible(run), prove_loudness(run)
    report, drift = prove_in_sync(run, SYNC_WITHIN_MS), prove_no_drift(run)
    context.session.log_event(
        "sound_examined",
        stream=run.stream_name,
        quietest_lufs=round(quietest_lufs, 1),
        louder_lu=round(louder_lu, 1),
        worst_skew_ms=report.worst_ms,
        drift=str(drift),
    )


@then("no corruption artifacts")
@then("no corruption or artifacts")
def no_corruption(context: Context) -> None:
    """Find the clip's own pictures, no click where segments meet, no complaint of a decoder."""
    run = context.session.pipeline_run()
    prove_picture_untouched(run)
    prove_no_clicks(run)
    prove_decodes(run)
