"""Proofs about publishing: a clip as it is known, the stream made of it, the fixture around it.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from environment.expectations import expect
from environment.measuring.media import MediaInfo, probe
from environment.measuring.transcript import counting_words, normalise
from environment.runs.media_urls import SESSION_KINDS, Protocol
from environment.runs.publisher import is_ready
from fixtures.sidecar import read_sidecar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from environment.runs.fixture_trial import FixtureTrial
    from environment.runs.nested import NestedRun
    from environment.runs.nested_tests import PublishedByTest
    from environment.runs.publisher import Publication

TRACKS: Final = {"H264", "MPEG-4 Audio"}
"""What the Control API calls H.264 and AAC."""
SOUND_RATE_HZ: Final = 48_000
_LENGTH_WITHIN_S: Final = 0.05
_PROBE_TIMEOUT_S: Final = 15.0
_SERVER_LOG: Final = "`docker logs e2e-mediamtx` has a line for each connection."
_CLIP: Final = "`git checkout -- fixtures`, or `make fixtures`."


def prove_known_clip(clip: Path, seconds: float) -> None:
    """The clip is, byte for byte, the one that its description is about, and has the right form.

    H.264 and AAC at 48 kHz (FR-026), and that long.
    """
    said, found = read_sidecar(clip), probe(clip)
    digest = hashlib.sha256(clip.read_bytes()).hexdigest()
    expect(
        digest == said.sha256
        and _codecs(found) == {"video": "h264", "audio": "aac"}
        and found.audio is not None
        and found.audio.sample_rate_hz == SOUND_RATE_HZ
        and abs((found.duration_s or 0.0) - seconds) <= _LENGTH_WITHIN_S,
        expected=f"H.264 and AAC at {SOUND_RATE_HZ} Hz, {seconds:g} s, SHA-256 {said.sha256[:12]}…",
        seen=f"SHA-256 {digest[:12]}…, {found}",
        evidence=clip,
        hint=_CLIP,
    )


def prove_counts(clip: Path, seconds: int) -> None:
    """By its description the clip counts from one, a number a second, as long as it lasts."""
    words = read_sidecar(clip).words
    late = [
        word.text
        for second, word in enumerate(words)
        if not second <= word.start_s < word.end_s <= second + 1
    ]
    expect(
        normalise(" ".join(word.text for word in words))
        == normalise(" ".join(counting_words(1, seconds)))
        and not late,
        expected=f"the numbers from one to {seconds}, each within its own second (FR-026)",
        seen=f"{[word.text for word in words]}, not in their second: {late}",
        evidence=clip.with_suffix(".json"),
        hint=_CLIP,
    )


def prove_active_within(publication: Publication, limit_s: float, *, timeout_s: float) -> float:
    """The Control API reports the stream active that soon after the start of ffmpeg.

    ``timeout_s`` is how long to wait in order to learn how late it was. Returns the seconds.
    """
    took_s = publication.wait_active(max(limit_s, timeout_s)) - publication.started_at
    expect(
        took_s <= limit_s,
        expected=f"{publication.path} active within {limit_s:g} s of the start of ffmpeg (US6)",
        seen=f"after {took_s:.2f} s",
        hint=_SERVER_LOG,
    )
    return took_s


def prove_tracks(item: Mapping[str, Any] | None, path: str, *, over: Protocol = "rtmp") -> None:
    """A path item of the Control API shows H.264 and AAC, published over that protocol."""
    source = SESSION_KINDS[over]
    item = item or {}
    tracks = item.get("tracks") or [track.get("codec") for track in item.get("tracks2", [])]
    expect(
        is_ready(dict(item))
        and sorted(tracks) == sorted(TRACKS)
        and (item.get("source") or {}).get("type") == source,
        expected=f"{path} ready, with {sorted(TRACKS)}, from an {over.upper()} connection",
        seen=item,
        hint=_SERVER_LOG,
    )


def prove_same_media(clip: Path, url: str, *, timeout_s: float = _PROBE_TIMEOUT_S) -> None:
    """What ffprobe sees at the URL is what it sees in the clip: codecs, size, rates, channels."""
    wanted, seen = _facts(probe(clip)), _facts(probe(url, timeout_s))
    expect(
        seen == wanted,
        expected=f"the media of {clip.name} at {url}: {wanted}",
        seen=seen,
        hint="ffmpeg publishes with `-c copy`; the media server passes packets on.",
    )


def prove_process_started(trial: FixtureTrial) -> None:
    """The process table has the fixture's ffmpeg, and no other one that publishes there."""
    seen = [process.pid for process in trial.begun.processes]
    expect(
        seen == [trial.pid],
        expected=f"one ffmpeg that publishes to {trial.url}: process {trial.pid}",
        seen=[str(process) for process in trial.begun.processes],
        hint="environment/publishing.py has the fixture, environment/runs/publisher.py its ffmpeg.",
    )


def prove_stream_published(trial: FixtureTrial) -> None:
    """The media server had the stream when the test got control."""
    expect(
        trial.begun.ready,
        expected=f"{trial.path} readable on the media server once the fixture yields",
        seen=trial.begun,
        hint=_SERVER_LOG,
    )


def prove_control_yielded(trial: FixtureTrial) -> None:
    """The stream went on while the test had control."""
    expect(
        trial.later.ready
        and trial.later.received_bytes > trial.begun.received_bytes
        and [process.pid for process in trial.later.processes] == [trial.pid],
        expected=f"{trial.path} being published while the test has control",
        seen=(trial.begun, trial.later),
        hint="the fixture yields in the middle; what is behind that is its teardown.",
    )


def prove_torn_down(trial: FixtureTrial, limit_s: float) -> None:
    """Behind the teardown there is no such ffmpeg, and soon no such stream (FR-028)."""
    expect(
        not trial.over.processes and trial.path_gone_s <= limit_s,
        expected=f"no ffmpeg at {trial.url} behind the teardown, the stream gone in {limit_s:g} s",
        seen=f"{[str(p) for p in trial.over.processes]}, gone after {trial.path_gone_s:.2f} s",
        hint="the fixture must stop its publication in a `finally`.",
    )


def prove_all_but_one_passed(
    nested: NestedRun, outcomes: Mapping[str, str], count: int, *, failing: str
) -> None:
    """That many tests ran; all passed but ``failing``, which failed as it was meant to."""
    wanted = {name: "failed" if name == failing else "passed" for name in outcomes}
    expect(
        len(outcomes) == count
        and outcomes == wanted
        and failing in outcomes
        and "a failure, on purpose" in nested.output,
        expected=f"all {count} tests passed but {failing!r}, which fails on purpose",
        seen=outcomes,
        evidence=nested.log_file,
        hint="its scenarios expect to be alone on their media server.",
    )


def prove_one_after_another(
    published: Sequence[PublishedByTest], *, most_at_once: int, left: Sequence[int]
) -> None:
    """Each test's stream ended before the next began, and no ffmpeg is left (FR-028).

    ``most_at_once`` is how many the process table ever had, ``left`` which of them it still has.
    """
    overlapping = [
        (before.path, after.path)
        for before, after in pairwise(published)
        if before.ended_at is None or before.ended_at > after.started_at
    ]
    endless = [each.path for each in published if each.ended_at is None]
    expect(
        len(published) > 1 and not overlapping and not endless and most_at_once == 1 and not left,
        expected="one stream after another, each ended before the next begins, no ffmpeg left",
        seen=f"{len(published)} streams; overlapping: {overlapping}; never ended: {endless}; "
        f"ffmpegs at once: {most_at_once}; left: {list(left)}",
        hint="run.log has publish_started and publish_ended of each.",
    )


def prove_fresh_streams(
    published: Sequence[PublishedByTest], tests: Sequence[str], urls: Mapping[int, str]
) -> None:
    """Each test published once, under a name that no other had, and was on the air (FR-029).

    ``urls`` is what the process table had, by process id.
    """
    unseen = [each.path for each in published if not urls.get(each.pid, "").endswith(each.path)]
    expect(
        [each.test for each in published] == list(tests)
        and len({each.path for each in published}) == len(published)
        and len({each.pid for each in published}) == len(published)
        and all(each.active_at is not None for each in published)
        and not unseen,
        expected=f"a stream of its own for each of {list(tests)}, active, by an ffmpeg of its own",
        seen=f"{[str(each) for each in published]}; not seen in the process table: {unseen}",
        hint="Session.new_stream_name counts; ScenarioRun.path keeps what a scenario got.",
    )


def prove_alone(own_path: str, ready_paths: Sequence[str], publishing_to: Sequence[str]) -> None:
    """The stream is the only input on the media server, by the only ffmpeg of this run.

    Outputs do not count: a dub is a segment late, and may outlast what it was made of.
    """
    inputs = [path for path in ready_paths if not path.endswith("/out")]
    expect(
        inputs == [own_path]
        and len(publishing_to) == 1
        and publishing_to[0].endswith(f"/{own_path}"),
        expected=f"{own_path} and nothing else published, by one ffmpeg",
        seen=f"on the media server: {inputs}; in the process table: {list(publishing_to)}",
        hint="an earlier scenario's teardown has not ended its ffmpeg.",
    )


def _codecs(info: MediaInfo) -> dict[str, str]:
    return {stream.kind: stream.codec for stream in info.streams}


def _facts(info: MediaInfo) -> dict[str, tuple[object, ...]]:
    return {
        stream.kind: (
            stream.codec,
            stream.profile,
            stream.width,
            stream.height,
            None if stream.fps is None else round(stream.fps),
            stream.sample_rate_hz,
            stream.channels,
        )
        for stream in info.streams
    }
