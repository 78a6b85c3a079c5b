"""Real players: what ffprobe, mpv and headless Chromium make of a live output and a recording."""

from __future__ import annotations

from environment.expectations import expect
from environment.proofs.player_proofs import (
    prove_found_live,
    prove_plays_in_player,
    prove_plays_live_in_mpv,
    view_in_player,
)
from environment.runs.players import ask_versions, play_live
from environment.runs.stream_reports import wait_for_output
from environment.vocabulary import Context, given, then, when

SETTLED_S = 3
"""By then the picture that a late join holds at the beginning is over."""


@given("real players stand by in a container of their own")
def players_stand_by(context: Context) -> None:
    """Build their image if it is not there, and let each say who it is, as an ordinary user."""
    versions = ask_versions(context.session)
    context.session.log_event("players_ready", programs=versions.programs)
    expect(
        versions.user_id != 0,
        expected="players that run as an ordinary user of their container",
        seen=f"user {versions.user_id}",
        hint="USER in environment/players/Dockerfile.",
    )


@when("ffprobe inspects the live output while mpv plays it for {seconds:d} seconds")
def both_play(context: Context, seconds: int) -> None:
    """Wait until the output is on the air; open it twice, by the media server's name."""
    stack, timeout = context.session.stack(), context.session.settings.timeout
    report = wait_for_output(stack, context.run.notes["path"], SETTLED_S, timeout_s=timeout(40))
    folder = context.run.artifacts / "live"
    context.run.notes["folder"] = folder
    context.run.notes["live"] = play_live(context.session, report["path_out"], seconds, folder)


@then("ffprobe has found one H.264 and one AAC track")
def ffprobe_has_found(context: Context) -> None:
    """Find both, with what a player needs to know of them."""
    prove_found_live(context.run.notes["live"], context.run.notes["folder"])


@then(
    "mpv has played {seconds:d} seconds of moving picture and of sound, in step and without an "
    "error"
)
def mpv_has_played(context: Context, seconds: int) -> None:
    """Read its log, its own figures, and what its filters saw and heard."""
    playback = context.run.notes["live"].playback
    prove_plays_live_in_mpv(playback, seconds, context.run.notes["folder"])


@given("the whole clip was dubbed and recorded")
def clip_recorded(context: Context) -> None:
    """Take the shared run of the 30 s clip."""
    context.session.pipeline_run()


@when("Chromium plays the recording, made into MP4")
def chromium_plays(context: Context) -> None:
    """Play it in real time, unless it was watched before; what was found is kept beside it."""
    view_in_player(context.session.pipeline_run(), context.session)


@then("a moving picture is seen smoothly to its end, and every dub is heard")
def seen_and_heard(context: Context) -> None:
    """Hold what the page saw and heard against the clip's length and the dubs of the wire."""
    prove_plays_in_player(context.session.pipeline_run(), context.session)
