"""A steady output: what a player receives that joins while a stream is being dubbed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from environment.expectations import expect
from environment.measuring.arrivals import receive, steadiness
from environment.runs.bad_data import cut_clip
from environment.runs.stream_reports import wait_for_output
from environment.vocabulary import Context, given, then, when

KINDS = ("video", "audio")


@given("{seconds:d} seconds of the clip are being dubbed")
def part_being_dubbed(context: Context, seconds: int) -> None:
    """Publish the beginning of the clip in real time."""
    folder = Path(context.run.cleanup.enter_context(TemporaryDirectory(prefix="clip-")))
    clip = context.session.clip("30s-english-counting.mp4")
    part = cut_clip(clip, seconds, folder / "part.mp4")
    publication = context.run.publish(part, "live/steady/in")
    publication.wait_active(context.session.settings.timeout(10))
    context.run.notes["path"] = publication.path


@when("a player joins the output {late:d} seconds late and listens for {seconds:d} seconds")
def player_listens(context: Context, late: int, seconds: int) -> None:
    """Wait until the output has been on the air for that long; play it, noting each arrival."""
    stack, timeout = context.session.stack(), context.session.settings.timeout
    report = wait_for_output(stack, context.run.notes["path"], late, timeout_s=timeout(40))
    url = stack.rtmp_url(report["path_out"])
    reception = receive(url, seconds, timeout_s=timeout(10))
    context.run.notes["tracks"] = [steadiness(reception, kind) for kind in KINDS]
    context.run.notes["listened_s"] = seconds


@then("each second brings a second of picture and of sound, within {percent:d} percent")
def as_fast_as_time(context: Context, percent: int) -> None:
    """Compare how far the clock of each track went with the time it took to come."""
    tracks, listened_s = context.run.notes["tracks"], context.run.notes["listened_s"]
    expect(
        all(
            abs(track.rate - 1) * 100 <= percent and track.elapsed_s > listened_s / 2
            for track in tracks
        ),
        expected=f"1 s of each track a second, within {percent} %, for most of {listened_s} s",
        seen=[str(track) for track in tracks],
        hint="the pacer of media-service, and `stalls` in /v1/streams.",
    )


@then("neither of them is ever silent for {limit_s:g} second")
def never_silent(context: Context, limit_s: float) -> None:
    """Compare the longest time without a packet of each track with the bound."""
    tracks = context.run.notes["tracks"]
    context.session.log_event("output_received", tracks=[str(track) for track in tracks])
    expect(
        all(track.longest_silence_s < limit_s for track in tracks),
        expected=f"a packet of each track at least every {limit_s:g} s",
        seen=[str(track) for track in tracks],
        hint="the pacer of media-service, and `stalls` in /v1/streams.",
    )
