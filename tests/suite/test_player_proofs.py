"""What the proofs by real players accept, and each kind of harm that they refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.errors import ContainerFailed
from environment.expectations import ExpectationFailed
from environment.proofs import player_proofs
from environment.proofs.player_proofs import (
    Promise,
    prove_audible,
    prove_found_live,
    prove_moving,
    prove_played_to_its_end,
    prove_plays_in_browser,
    prove_plays_live_in_mpv,
    prove_smooth,
)
from environment.runs.playback import BrowserPlayback, LivePlayback, Look
from environment.runs.players import LiveFindings

LENGTH_S = 12.0
PROMISE = Promise(LENGTH_S, head_s=2.0, spoken=((0.0, 6.0), (6.0, 12.0)))
HERE = Path("watched")
LOOK_S = 0.25
FPS = 30

Change = Callable[[Look], dict[str, Any]]


def playback(change: Change | None = None, **changes: Any) -> BrowserPlayback:
    """12 s of a moving picture, with two words of a second each."""
    looks = []
    for number in range(1, round(LENGTH_S / LOOK_S)):
        at_s = number * LOOK_S
        look = Look(
            at_s=at_s,
            brightest=228.0,
            changed_share=None if number == 1 else 0.12,
            level_dbfs=-20.0 if 1 <= at_s % 6 <= 2 else -120.0,
        )
        looks.append(look.model_copy(update=change(look) if change else {}))
    shown = tuple((5 + n / FPS, n / FPS) for n in range(round(LENGTH_S * FPS)))
    sound = BrowserPlayback(
        trouble=None,
        ended=True,
        duration_s=LENGTH_S,
        played_until_s=LENGTH_S,
        width=1280,
        height=720,
        decoded_audio_bytes=90_000,
        pictures=len(shown),
        dropped=3,
        corrupted=0,
        shown=shown,
        samples=tuple(looks),
        events=((0.0, "playing"), (LENGTH_S, "ended")),
        browser="HeadlessChrome",
    )
    return sound.model_copy(update=changes)


def prove_all(seen: BrowserPlayback) -> None:
    for prove in (prove_played_to_its_end, prove_moving, prove_audible, prove_smooth):
        prove(seen, PROMISE, HERE)


def within(start_s: float, end_s: float, **update: Any) -> Change:
    return lambda look: update if start_s < look.at_s < end_s else {}


def held(start_s: float, end_s: float) -> tuple[tuple[float, float], ...]:
    return tuple(
        (at_s, media_s) for at_s, media_s in playback().shown if not (start_s < media_s < end_s)
    )


def test_a_recording_that_plays_as_promised_is_accepted() -> None:
    prove_all(playback())


def test_a_picture_that_is_held_in_the_place_of_a_missed_head_is_accepted() -> None:
    still = within(0, 2, changed_share=0.0)
    prove_all(playback(still, shown=held(0.0, 2.0)))


@pytest.mark.parametrize(
    ("harmed", "seen"),
    [
        (playback(ended=False, played_until_s=8.0, trouble="error 3: PIPELINE"), "error 3"),
        (
            playback(ended=False, played_until_s=8.0, trouble="playback stands still"),
            "stands still",
        ),
        (playback(played_until_s=6.0, duration_s=6.0), "ended at 6.00 s"),
        (playback(played_until_s=13.0, duration_s=13.0), "ended at 13.00 s"),
        (playback(corrupted=1), "1 pictures corrupted"),
        (playback(unreadable=("[flv] [error] Packet corrupt",)), "Packet corrupt"),
        (playback(width=0, height=0), "0x0"),
        (playback(within(5, 6.5, changed_share=0.0)), "still for up to"),
        (playback(within(5, 6.5, brightest=16.0)), "black for up to"),
        (playback(samples=()), "still for up to inf"),
        (playback(within(0, 13, level_dbfs=-120.0)), "-120 dBFS"),
        (playback(within(6, 12, level_dbfs=-120.0)), r"6\.0 to 12\.0 s: -120"),
        (playback(within(6, 12, level_dbfs=-60.0)), r"6\.0 to 12\.0 s: -60"),
        (playback(decoded_audio_bytes=0), "dBFS"),
        (playback(shown=held(7.0, 8.0)), "one held for 1.0"),
        (playback(shown=held(10.0, 12.0)), "one held for 2.0"),
        (playback(shown=()), "one held for inf"),
        (playback(dropped=60), "60 of 360 dropped"),
        (playback(pictures=0, dropped=0), "0 of 0 dropped"),
    ],
)
def test_harm_is_refused(harmed: BrowserPlayback, seen: str) -> None:
    with pytest.raises(ExpectationFailed, match=seen):
        prove_all(harmed)


def test_sound_must_have_been_promised_at_all() -> None:
    with pytest.raises(ExpectationFailed, match="none promised"):
        prove_audible(playback(), replace(PROMISE, spoken=()), HERE)


def test_a_screen_that_hung_is_no_smooth_playback_though_no_picture_was_skipped() -> None:
    shown = tuple((at_s + (at_s > 9), media_s) for at_s, media_s in playback().shown)
    with pytest.raises(ExpectationFailed, match=r"one held for 1\.03 s"):
        prove_smooth(playback(shown=shown), PROMISE, HERE)


class Viewings:
    """A browser that shows what it is told to, viewing by viewing."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *shows: BrowserPlayback | Exception):
        self.shows = list(shows)
        self.session: Any = SimpleNamespace(log_event=lambda *_said, **_fields: None)
        monkeypatch.setattr(player_proofs, "watch", self._watch)

    def _watch(self, *_arguments: object) -> BrowserPlayback:
        shown = self.shows.pop(0)
        if isinstance(shown, Exception):
            raise shown
        return shown

    def prove(self, folder: Path) -> BrowserPlayback:
        return prove_plays_in_browser(Path("output.flv"), PROMISE, self.session, folder)


JERKY = playback(dropped=100)


def test_a_machine_that_was_busy_once_is_no_fault_of_the_recording(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fine = playback()
    assert Viewings(monkeypatch, JERKY, fine).prove(tmp_path) == fine


def test_a_recording_that_stutters_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ExpectationFailed, match="100 of 360 dropped"):
        Viewings(monkeypatch, JERKY, JERKY, playback()).prove(tmp_path)


def test_what_is_wrong_with_the_recording_is_not_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    viewings = Viewings(monkeypatch, playback(decoded_audio_bytes=0), playback())
    with pytest.raises(ExpectationFailed, match="dBFS"):
        viewings.prove(tmp_path)
    assert len(viewings.shows) == 1


def test_a_recording_that_cannot_be_opened_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unplayable = ContainerFailed("Chromium cannot play it: moov atom not found")
    with pytest.raises(ExpectationFailed, match="moov atom not found"):
        Viewings(monkeypatch, unplayable).prove(tmp_path)


LIVE = LivePlayback(
    exit_status=0,
    codecs={"video": "h264", "audio": "aac"},
    played_s=10.4,
    pictures=298,
    dropped=2,
    apart_s=0.001,
    loudest_dbfs=-6.0,
    complaints=(),
    stills=(),
)


def test_a_live_stream_that_plays_is_accepted() -> None:
    prove_plays_live_in_mpv(LIVE, 10, HERE)


@pytest.mark.parametrize(
    ("harm", "seen"),
    [
        ({"exit_status": 2}, "exit status 2"),
        ({"complaints": ("[ffmpeg/video] h264: concealing errors",)}, "concealing errors"),
        ({"stills": ("freeze_start: 3.2",)}, "freeze_start"),
        ({"codecs": {"video": "h264"}}, "tracks"),
        ({"codecs": {"video": "hevc", "audio": "aac"}}, "hevc"),
        ({"played_s": 9.9}, r"played for 9\.9 s"),
        ({"loudest_dbfs": None}, "peak of None"),
        ({"loudest_dbfs": -91.0}, r"peak of -91\.0 dBFS"),
        ({"apart_s": 0.15}, r"0\.150 s apart"),
        ({"dropped": 31}, "31 of 298"),
        ({"pictures": 0, "dropped": 0}, "0 of 0"),
    ],
)
def test_a_live_stream_that_plays_badly_is_refused(harm: dict[str, Any], seen: str) -> None:
    with pytest.raises(ExpectationFailed, match=seen):
        prove_plays_live_in_mpv(replace(LIVE, **harm), 10, HERE)


VIDEO = {"codec_type": "video", "codec_name": "h264", "width": 1280, "height": 720}
AUDIO = {"codec_type": "audio", "codec_name": "aac", "sample_rate": "48000", "channels": 1}


def test_what_ffprobe_should_find_is_accepted() -> None:
    prove_found_live(LiveFindings({"streams": [VIDEO, AUDIO]}, "", LIVE), HERE)


def test_an_ffprobe_that_complains_is_not_content() -> None:
    found = LiveFindings({"streams": [VIDEO, AUDIO]}, "non-existing PPS 0 referenced", LIVE)
    with pytest.raises(ExpectationFailed, match="non-existing PPS"):
        prove_found_live(found, HERE)


@pytest.mark.parametrize(
    "streams",
    [
        [],
        [VIDEO],
        [VIDEO, AUDIO, AUDIO],
        [VIDEO | {"codec_name": "hevc"}, AUDIO],
        [VIDEO | {"width": 0}, AUDIO],
        [VIDEO, AUDIO | {"sample_rate": "0"}],
    ],
)
def test_what_ffprobe_should_not_find_is_refused(streams: list[dict[str, Any]]) -> None:
    with pytest.raises(ExpectationFailed, match=r"one H\.264 track"):
        prove_found_live(LiveFindings({"streams": streams}, "", LIVE), HERE)
