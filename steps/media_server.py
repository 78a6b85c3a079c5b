"""The media server by itself: publishing, playing, its Control API, its recordings, its end."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from environment.expectations import expect
from environment.measuring.media import probe
from environment.proofs.endpoints import ask
from environment.proofs.recording_proofs import prove_same_pictures, prove_same_sound
from environment.runs import bad_data
from environment.runs.media_urls import (
    SESSION_KINDS,
    media_url,
    protocol_named,
    protocol_of,
)
from environment.runs.player import Player
from environment.runs.publisher import Publication, is_ready, publish
from environment.runs.recorder import fetch_recording
from environment.vocabulary import Context, given, then, when
from environment.waiting import wait_for, wait_within

CLIP = "30s-english-counting.mp4"
PICTURES_PER_S = 30
TRACKS = {"H264", "MPEG-4 Audio"}
STAND_IN = "dubspec-mediamtx-stand-in"
SERVER_LOG_HINT = "`docker logs e2e-mediamtx` has a line for each connection."


@given("the media server says which one it is")
def media_server_says(context: Context) -> None:
    """Read its `Server` header, note it in the run's log, compare it with the image it runs."""
    server = context.session.stack().media_server
    name, image = server.server_name(), server.image
    context.session.log_event("media_server_driven", server=name, image=image)
    context.run.evidence("media_server.txt", f"{name}\n{image}\n")
    expect(
        name == (STAND_IN if "mediamtx-offline" in image else "mediamtx"),
        expected="the real MediaMTX or the stand-in, under its own name",
        seen=f"{name!r} from image {image}",
        hint="environment/provision/images.py chooses the image.",
    )


@given("a test stream is published at `{path}`")
@when("another test stream is published at `{path}`")
def stream_published(context: Context, path: str) -> None:
    """Publish the clip in real time at exactly this path, and wait until it can be read."""
    stream_published_over(context, "RTMP", path)


@given("a test stream is published over {protocol} at `{path}`")
@when("another test stream is published over {protocol} at `{path}`")
def stream_published_over(context: Context, protocol: str, path: str) -> None:
    """Publish it so over RTMP or RTSP."""
    notes, stack, begun = context.run.notes, context.session.stack(), time.monotonic()
    server_before = (stack.media_server.path(path) or {}).get("source")
    notes |= {"publication before": notes.get(path), "source before": server_before}
    publication = context.run.cleanup.enter_context(
        publish(stack, context.session.clip(CLIP), path, protocol=protocol_named(protocol))
    )
    publication.wait_active(context.session.settings.timeout(10))
    notes |= {path: publication, "changed": begun}


@given("a player joins `{path}`")
@when("a player joins `{path}`")
def player_joins(context: Context, path: str) -> None:
    """Start an ffmpeg that reads the path into a file, and wait until media has arrived."""
    player_joins_over(context, path, "RTMP")


@given("a player joins `{path}` over {protocol}")
@when("a player joins `{path}` over {protocol}")
def player_joins_over(context: Context, path: str, protocol: str) -> None:
    """Have it read so over RTMP or RTSP."""
    folder = Path(context.run.cleanup.enter_context(TemporaryDirectory(prefix="player-")))
    url = media_url(context.session.stack(), path, protocol_named(protocol))
    player = context.run.cleanup.enter_context(Player(url, folder / "played.flv"))
    player.wait_playing(timeout_s=context.session.settings.timeout(10))
    context.run.notes |= {"player": player, "url": url}


@then("the player receives H.264 video and AAC audio")
def player_receives(context: Context) -> None:
    """Ask ffprobe for the stream at the URL that the player plays."""
    found = probe(context.run.notes["url"], context.session.settings.timeout(15))
    codecs = {stream.kind: stream.codec for stream in found.streams}
    expect(
        codecs == {"video": "h264", "audio": "aac"}
        and context.run.notes["player"].exit_code is None,
        expected="H.264 and AAC, and the player still playing",
        seen=f"{codecs}; player: {context.run.notes['player'].log}",
        hint=SERVER_LOG_HINT,
    )


@then("the Control API lists `{path}` as ready, with its source and tracks")
def api_lists(context: Context, path: str) -> None:
    """Find the path in the list, with the same facts as when it is asked for by itself."""
    server = context.session.stack().media_server
    item = next((item for item in server.paths() if item["name"] == path), {})
    source, alone = item.get("source") or {}, server.path(path) or {}
    kind = SESSION_KINDS[protocol_of(context.run.notes[path].url)]
    expect(
        (is_ready(item), source.get("type"), _tracks(item)) == (True, kind, TRACKS)
        and source == alone.get("source")
        and (item.get("readyTime") or item.get("availableTime")),
        expected=f"ready, H264 and MPEG-4 Audio, a source of kind {kind}, a ready time",
        seen=(item, alone),
        hint=SERVER_LOG_HINT,
    )


@then("the Control API shows {count:d} reader of `{path}`, over {protocol}")
def api_shows_reader(context: Context, count: int, path: str, protocol: str) -> None:
    """Find so many readers of that kind, each with an id, and no other."""
    kind = SESSION_KINDS[protocol_named(protocol)]
    readers = (context.session.stack().media_server.path(path) or {}).get("readers") or []
    expect(
        [reader.get("type") for reader in readers] == [kind] * count
        and all(reader.get("id") for reader in readers),
        expected=f"{count} reader of the kind {kind}, with its id",
        seen=readers,
        hint=SERVER_LOG_HINT,
    )


@then("the Control API counts more and more bytes of `{path}`")
def api_counts_bytes(context: Context, path: str) -> None:
    """Read the counter twice: it must have grown within three seconds."""
    server = context.session.stack().media_server
    first = _received_bytes(server.path(path) or {})
    wait_for(
        f"the byte count of {path} to grow beyond {first}",
        lambda: _received_bytes(server.path(path) or {}) > first,
        timeout_s=context.session.settings.timeout(3),
    )


@when("the publisher of `{path}` ends")
def publisher_ends(context: Context, path: str) -> None:
    """End ffmpeg in order: it says goodbye and closes."""
    context.run.notes["changed"] = time.monotonic()
    context.run.notes[path].stop()


@when("the publisher of `{path}` is killed")
def publisher_killed(context: Context, path: str) -> None:
    """Kill ffmpeg: nothing is said any more, the connection just ends."""
    context.run.notes["changed"] = time.monotonic()
    context.run.notes[path].kill()


@then("the Control API no longer shows `{path}` as ready within {limit_s:d} seconds")
def api_forgets(context: Context, path: str, limit_s: int) -> None:
    """Wait until the path is gone or not ready, and hold the time against the bound."""
    server = context.session.stack().media_server
    wait_within(
        f"{path} gone",
        lambda: not is_ready(server.path(path) or {}),
        limit_s=limit_s,
        settings=context.session.settings,
        since=context.run.notes["changed"],
        hint=SERVER_LOG_HINT,
    )


@when("the Control API is asked for `{path}`")
def api_asked(context: Context, path: str) -> None:
    """GET it over the published port."""
    context.run.notes["answer"] = ask(context.session.stack().api_url + path)


@then("the Control API answers with status {status:d} and an error in words")
def api_answers_error(context: Context, status: int) -> None:
    """Find the status, and an `error` that is not empty."""
    answer = context.run.notes["answer"]
    expect(
        answer.status == status and answer.body.get("error"),
        expected=f"{status} and an error in words",
        seen=answer,
        hint=SERVER_LOG_HINT,
    )


@then("the Control API answers with status {status:d} and `{key}` ending in `{ending}`")
def api_answers_setting(context: Context, status: int, key: str, ending: str) -> None:
    """Find the status, and the setting with its value."""
    answer = context.run.notes["answer"]
    expect(
        answer.status == status and str(answer.body.get(key, "")).endswith(ending),
        expected=f"{status} and {key} ending in {ending}",
        seen=answer,
        hint="services/mediamtx/mediamtx.yml is the configuration of both servers.",
    )


@given("{seconds:d} seconds of the clip are published at `{said}` and end")
def part_published(context: Context, seconds: int, said: str) -> None:
    """Publish the beginning of the clip at the scenario's own path, to its end."""
    part_published_over(context, seconds, "RTMP", said)


@given("{seconds:d} seconds of the clip are published over {protocol} at `{said}` and end")
def part_published_over(context: Context, seconds: int, protocol: str, said: str) -> None:
    """Publish it so over RTMP or RTSP."""
    folder = Path(context.run.cleanup.enter_context(TemporaryDirectory(prefix="clip-")))
    part = bad_data.cut_clip(context.session.clip(CLIP), seconds, folder / "part.mp4")
    publication = context.run.publish(part, said, protocol=protocol_named(protocol))
    publication.wait_finished(context.session.settings.timeout(seconds + 10))
    context.run.notes |= {"part": part, "folder": folder}


@then("the recording of `{said}` is those {seconds:d} seconds, picture for picture and sound")
def recording_complete(context: Context, said: str, seconds: int) -> None:
    """Fetch the recording and compare it with what was published.

    Pictures by their slices and their times, sound by finding it, unchanged, beside them.
    """
    notes, stack = context.run.notes, context.session.stack()
    timeout_s = stack.settings.timeout(30)
    path = context.run.path(said)
    recording = fetch_recording(stack, path, notes["folder"] / "got", timeout_s=timeout_s)
    offset_s = prove_same_pictures(notes["part"], recording, count=seconds * PICTURES_PER_S)
    prove_same_sound(notes["part"], recording, offset_s=offset_s)


@then("the first publisher is turned out within {limit_s:d} seconds")
def first_turned_out(context: Context, limit_s: int) -> None:
    """Wait until the first ffmpeg has ended by itself, counting from the second's start."""
    first: Publication = context.run.notes["publication before"]
    wait_within(
        "the first publisher turned out",
        lambda: not first.running,
        limit_s=limit_s,
        settings=context.session.settings,
        since=context.run.notes["changed"],
        evidence=lambda: first.log[-1000:],
        hint=SERVER_LOG_HINT,
    )


@then("`{path}` has a new source")
def has_new_source(context: Context, path: str) -> None:
    """Wait until the path can be read from another source; the second must be publishing."""
    server = context.session.stack().media_server
    item = wait_for(
        f"{path} to be ready again",
        lambda: next((i for i in server.paths() if i["name"] == path and is_ready(i)), None),
        timeout_s=context.session.settings.timeout(5),
    )
    expect(
        item["source"] != context.run.notes["source before"] and context.run.notes[path].running,
        expected="ready again, with another source, and the second publisher at work",
        seen=item,
        hint="overridePublisher in services/mediamtx/mediamtx.yml.",
    )


@then("the player ends by itself within {limit_s:d} seconds")
def player_ends(context: Context, limit_s: int) -> None:
    """Wait for the player's exit: the server must have told it that the stream is over."""
    player: Player = context.run.notes["player"]
    wait_within(
        "the player ended by itself",
        lambda: player.exit_code is not None,
        limit_s=limit_s,
        settings=context.session.settings,
        since=context.run.notes["changed"],
        evidence=lambda: player.log[-1000:],
        hint=SERVER_LOG_HINT,
    )


@then("`{path}` is published and played as before")
def stream_undisturbed(context: Context, path: str) -> None:
    """See publisher and player at work, and bytes still coming in."""
    player: Player = context.run.notes["player"]
    expect(
        context.run.notes[path].running and player.exit_code is None,
        expected="publisher and player still at work",
        seen=f"publisher: {context.run.notes[path].log[-500:]}; player: {player.log[-500:]}",
        hint=SERVER_LOG_HINT,
    )
    api_counts_bytes(context, path)


@when("the media server container is stopped")
def media_server_stopped(context: Context) -> None:
    """Send SIGTERM and time its end; the hooks heal the stack afterwards."""
    stack = context.session.stack()
    begun = time.monotonic()
    context.run.notes["exit code"] = stack.media_server.stop()
    context.run.notes["took_s"] = time.monotonic() - begun


@then("it has ended within {limit_s:d} second, with exit code {code:d}")
def has_ended(context: Context, limit_s: int, code: int) -> None:
    """Compare time and exit code; the engine's own share of the time is included."""
    took_s, seen = context.run.notes["took_s"], context.run.notes["exit code"]
    expect(
        seen == code and took_s <= limit_s,
        expected=f"exit code {code} within {limit_s} s of SIGTERM",
        seen=f"exit code {seen} after {took_s:.2f} s",
        hint=SERVER_LOG_HINT,
    )


def _tracks(item: dict[str, Any]) -> set[str]:
    return set(item.get("tracks") or [track.get("codec") for track in item.get("tracks2", [])])


def _received_bytes(item: dict[str, object]) -> int:
    return int(str(item.get("bytesReceived", item.get("inboundBytes", 0))))
