"""Proofs by real players: what people would see and hear of an output.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from environment.errors import ContainerFailed
from environment.expectations import ExpectationFailed, expect, fail
from environment.measuring.correlation import SILENCE_DBFS
from environment.measuring.media import keyframe_interval_s, probe, read_video_packets
from environment.measuring.sound import level_dbfs
from environment.runs.playback import BrowserPlayback, LivePlayback
from environment.runs.players import FINDINGS, LiveFindings, read_findings, watch

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun
    from environment.session import Session

AS_LONG_WITHIN_S: Final = 0.5
"""How much shorter or longer than its clip a recording may be (SC-004)."""
APART_AT_MOST_S: Final = 0.12
"""SC-005."""
DROPPED_AT_MOST: Final = 0.1
LONGEST_HOLD_S: Final = 0.5
LONGEST_STILL_S: Final = 1.0
_VIEWINGS: Final = 2
_WATCHED: Final = "watched"


@dataclass(frozen=True)
class Promise:
    """What a recording should show: how long it lasts, and when something is to be heard.

    ``head_s`` is for how long one picture may be held at the beginning, in the place of what a
    late join missed. ``spoken`` are (start, end), each with sound somewhere in it.
    """

    length_s: float
    head_s: float
    spoken: tuple[tuple[float, float], ...]


def promise_of(run: PipelineRun) -> Promise:
    """The clip's length, and sound wherever a fragment went out with some."""
    spoken = []
    for fragment in run.fragments:
        sound = fragment.source_audio if fragment.dubbed_audio is None else fragment.dubbed_audio
        if level_dbfs(sound) >= SILENCE_DBFS:
            start_s = fragment.source_start_s
            spoken.append((start_s, start_s + len(sound) / fragment.rate_hz))
    length_s = probe(run.clip).duration_s or 0.0
    return Promise(length_s, keyframe_interval_s(read_video_packets(run.clip)), tuple(spoken))


def view_in_player(run: PipelineRun, session: Session) -> BrowserPlayback:
    """Have a run's recording played to its end by a video player, if it was not before."""
    return _watched(run.output, promise_of(run), session, run.folder / _WATCHED)


def prove_plays_in_player(run: PipelineRun, session: Session) -> BrowserPlayback:
    """A video player opens the recording and plays it smoothly to its end, with every dub heard.

    That dub and picture belong together is for the proofs of sync: no player knows.
    """
    return prove_plays_in_browser(run.output, promise_of(run), session, run.folder / _WATCHED)


def prove_plays_in_browser(
    recording: Path, promise: Promise, session: Session, evidence: Path
) -> BrowserPlayback:
    """Chromium plays the recording, as MP4, to its end: moving, smoothly, and with sound.

    It is watched once, and what was found lies in the folder ``evidence`` for whoever asks again;
    once more where playback was not smooth: what is wrong with a recording is wrong each time,
    while a machine is busy now and then.
    """
    for viewing in range(1, _VIEWINGS + 1):
        folder = evidence if viewing == 1 else evidence.with_name(f"{evidence.name}-again")
        playback = _watched(recording, promise, session, folder)
        prove_played_to_its_end(playback, promise, folder)
        prove_moving(playback, promise, folder)
        prove_audible(playback, promise, folder)
        try:
            prove_smooth(playback, promise, folder)
        except ExpectationFailed as failed:
            if viewing == _VIEWINGS:
                raise
            session.log_event("watched_again", recording=recording, seen=failed.seen)
        else:
            break
    return playback


def prove_played_to_its_end(playback: BrowserPlayback, promise: Promise, evidence: Path) -> None:
    """It was opened, ended by itself without an error, and was as long as it should be (SC-004)."""
    expect(
        playback.trouble is None
        and playback.ended
        and playback.corrupted == 0
        and not playback.unreadable
        and playback.width * playback.height > 0
        and abs(playback.played_until_s - promise.length_s) <= AS_LONG_WITHIN_S,
        expected=f"played to its end, {promise.length_s:.1f} s ± {AS_LONG_WITHIN_S:g} s, without "
        "an error",
        seen=f"{playback.trouble or 'no error'}, {'ended' if playback.ended else 'not ended'} at "
        f"{playback.played_until_s:.2f} s of {playback.duration_s} s, "
        f"{playback.width}x{playback.height}, {playback.corrupted} pictures corrupted; "
        f"{'; '.join(playback.unreadable) or 'all of it readable'}",
        evidence=evidence,
        hint="recording.mp4 there is what was played; `ffmpeg -v error -i` it to `-f null -`.",
    )


def prove_moving(playback: BrowserPlayback, promise: Promise, evidence: Path) -> None:
    """What was seen kept changing, and was not black."""
    still_s = playback.longest_still_s(promise.head_s)
    black_s = playback.longest_black_s(promise.head_s)
    expect(
        still_s < LONGEST_STILL_S and black_s < LONGEST_STILL_S,
        expected=f"a picture that moves and is not black, each second from {promise.head_s:g} s on",
        seen=f"still for up to {still_s:.2f} s, black for up to {black_s:.2f} s",
        evidence=evidence / FINDINGS,
        hint="`samples` there: what the page saw four times a second.",
    )


def prove_audible(playback: BrowserPlayback, promise: Promise, evidence: Path) -> None:
    """Sound was heard wherever some was promised."""
    heard = [(place, playback.loudest_dbfs(*place)) for place in promise.spoken]
    expect(
        playback.decoded_audio_bytes > 0
        and heard
        and all(level >= SILENCE_DBFS for _, level in heard),
        expected=f"sound in each of {len(heard)} segments, from {SILENCE_DBFS:g} dBFS on",
        seen=[f"{start:.1f} to {end:.1f} s: {level:.0f} dBFS" for (start, end), level in heard]
        or f"none promised, {playback.decoded_audio_bytes} bytes of sound decoded",
        evidence=evidence / FINDINGS,
        hint="`samples` there: what the page heard four times a second.",
    )


def prove_smooth(playback: BrowserPlayback, promise: Promise, evidence: Path) -> None:
    """Its pictures came when they should."""
    hold_s = playback.longest_hold_s(promise.head_s)
    expect(
        hold_s <= LONGEST_HOLD_S and playback.dropped_share <= DROPPED_AT_MOST,
        expected=f"no picture held for longer than {LONGEST_HOLD_S:g} s, "
        f"at most {DROPPED_AT_MOST:.0%} dropped",
        seen=f"one held for {hold_s:.2f} s, {playback.dropped} of {playback.pictures} dropped",
        evidence=evidence / FINDINGS,
        hint="`shown` there; on a busy machine any player stutters, and then twice.",
    )


def prove_plays_live_in_mpv(playback: LivePlayback, seconds: float, evidence: Path) -> None:
    """mpv played picture and sound for that long, without an error, in step and in motion."""
    faults = _live_faults(playback, seconds)
    expect(
        not faults,
        expected=f"H.264 and AAC played for {seconds:g} s: no error, a moving picture, sound, "
        f"both within {APART_AT_MOST_S * 1000:g} ms, at most {DROPPED_AT_MOST:.0%} dropped",
        seen="; ".join(faults),
        evidence=evidence,
        hint="mpv.log there; a machine without a free core makes any player stutter.",
    )


def prove_found_live(findings: LiveFindings, evidence: Path) -> None:
    """ffprobe found one H.264 and one AAC track, with all that a player needs to know of them."""
    streams: Sequence[Mapping[str, Any]] = findings.probed.get("streams", [])
    found = {str(stream.get("codec_type")): stream for stream in streams}
    video, audio = found.get("video", {}), found.get("audio", {})
    expect(
        not findings.probe_complaints
        and len(streams) == 2
        and (video.get("codec_name"), audio.get("codec_name")) == ("h264", "aac")
        and min(int(video.get("width", 0)), int(video.get("height", 0))) > 0
        and int(audio.get("sample_rate", 0)) > 0
        and int(audio.get("channels", 0)) > 0,
        expected="one H.264 track with its size, one AAC track with its rate and channels",
        seen=(
            findings.probe_complaints,
            [
                {key: s.get(key) for key in ("codec_name", "width", "height", "sample_rate")}
                for s in streams
            ],
        ),
        evidence=evidence / "ffprobe.json",
        hint="the sequence headers, which media-service sends first.",
    )


def _live_faults(playback: LivePlayback, seconds: float) -> list[str]:
    faults = [*playback.complaints, *playback.stills]
    if playback.exit_status:
        faults.append(f"exit status {playback.exit_status}")
    if playback.codecs != {"video": "h264", "audio": "aac"}:
        faults.append(f"tracks {playback.codecs}")
    if playback.played_s < seconds:
        faults.append(f"played for {playback.played_s:.1f} s")
    if playback.loudest_dbfs is None or playback.loudest_dbfs < SILENCE_DBFS:
        faults.append(f"a peak of {playback.loudest_dbfs} dBFS")
    if playback.apart_s > APART_AT_MOST_S:
        faults.append(f"sound and picture {playback.apart_s:.3f} s apart")
    if playback.dropped_share > DROPPED_AT_MOST:
        faults.append(f"{playback.dropped} of {playback.pictures} pictures dropped")
    return faults


def _watched(
    recording: Path, promise: Promise, session: Session, evidence: Path
) -> BrowserPlayback:
    try:
        return read_findings(evidence) or watch(session, recording, promise.length_s, evidence)
    except ContainerFailed as error:
        fail(
            expected=f"{recording.name} opened and played by Chromium",
            seen=error.message,
            evidence=evidence,
            hint=error.remedy or "findings.json there has what ffmpeg and Chromium said.",
        )
