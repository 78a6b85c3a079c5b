"""Reading what the players leave behind: mpv's words and log, the page's findings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from environment.runs.playback import BrowserPlayback, read_live_playback
from environment.runs.players import FINDINGS, read_findings

SAID = """ (+) Video --vid=1 (h264 1280x720 30.000fps)
 (+) Audio --aid=1 (aac 2ch 48000Hz)
AO: [null] 48000Hz stereo 2ch s16p
\x1b[KSTATUS 0.480000 0.214000 0 0 14\r\x1b[KSTATUS 1.000000 0.150000 1 0 30
\x1b[KSTATUS 5.500000 -0.012000 1 0 165\r
\x1b[KSTATUS 9.966000 0.000012 4 1 299

Exiting... (End of file)
"""
LOG = """[   0.133][v][cplayer] Command line options: '--vf=lavfi=[freezedetect=d=1]'
[   4.265][d][ffmpeg] blackdetect: black_min_duration:1 pixel_black_th:0.100000
[   6.396][w][cplayer] Audio device underrun detected.
[  16.438][v][ffmpeg] Parsed_volumedetect_0: mean_volume: -22.7 dB
[  16.438][v][ffmpeg] Parsed_volumedetect_0: max_volume: -6.0 dB
"""
TROUBLED = """[   2.545][v][ffmpeg] freezedetect: lavfi.freezedetect.freeze_start: 0.013
[   3.000][i][ffmpeg] blackdetect: black_start:1.2 black_end:3.4 black_duration:2.2
[   3.100][e][ffmpeg/video] h264: error while decoding MB 11 2
[   3.200][f][cplayer] Could not initialise
"""


def test_what_mpv_said_becomes_figures() -> None:
    playback = read_live_playback(0, SAID, LOG)
    assert playback.codecs == {"video": "h264", "audio": "aac"}
    assert playback.played_s == pytest.approx(9.486)
    assert (playback.pictures, playback.dropped) == (299, 5)
    assert playback.apart_s == pytest.approx(0.012), "the first second is for settling"
    assert playback.loudest_dbfs == -6.0
    assert playback.complaints == ()
    assert playback.stills == ()


def test_errors_and_still_or_black_pictures_are_read_from_the_log() -> None:
    playback = read_live_playback(0, SAID, LOG + TROUBLED)
    assert playback.complaints == (
        "[ffmpeg/video] h264: error while decoding MB 11 2",
        "[cplayer] Could not initialise",
    )
    assert playback.stills == ("freeze_start: 0.013", "black_start:1.2")


def test_an_mpv_that_never_played_has_played_nothing() -> None:
    playback = read_live_playback(2, "Failed to open rtmp://x\n", "[ 1.0][e][ffmpeg] refused\n")
    assert playback.exit_status == 2
    assert (playback.played_s, playback.pictures, playback.dropped_share) == (0.0, 0, 1.0)
    assert playback.apart_s == float("inf")
    assert playback.loudest_dbfs is None
    assert playback.complaints == ("[ffmpeg] refused",)


def posted(**changes: object) -> dict[str, object]:
    return {
        "trouble": None,
        "ended": True,
        "duration_s": 2.0,
        "played_until_s": 2.0,
        "width": 16,
        "height": 16,
        "decoded_audio_bytes": 1,
        "pictures": 60,
        "dropped": 3,
        "corrupted": 0,
        "shown": [[10.0, 0.0], [10.1, 0.1], [10.9, 0.9], [11.0, 1.5]],
        "samples": [
            {"at_s": 0.5, "brightest": 9, "changed_share": None, "level_dbfs": -120},
            {"at_s": 1.0, "brightest": 9, "changed_share": 0.0, "level_dbfs": -30.5},
            {"at_s": 1.5, "brightest": 200, "changed_share": 0.5, "level_dbfs": -12},
        ],
        "events": [[0, "playing"]],
        "browser": "HeadlessChrome",
        **changes,
    }


COPY_LOG = "[mp4 @ 0x1] [warning] odd\n[flv @ 0x2] [error] Packet corrupt (dts = 6021).\n"


def left(folder: Path, findings: object) -> Path:
    document = {"findings": findings, "copy_log": COPY_LOG, "log": ""}
    (folder / FINDINGS).write_text(json.dumps(document))
    return folder


def test_the_pages_findings_are_read(tmp_path: Path) -> None:
    playback = read_findings(left(tmp_path, posted()))
    assert playback is not None
    assert playback.dropped_share == 0.05
    assert playback.longest_hold_s() == pytest.approx(0.8)
    assert playback.longest_hold_s(after_s=0.9) == pytest.approx(0.6)
    assert playback.longest_still_s() == pytest.approx(0.5)
    assert playback.longest_black_s() == pytest.approx(0.5)
    assert playback.loudest_dbfs(0.0, 1.0) == -30.5
    assert playback.loudest_dbfs(1.0, 2.0) == -12
    assert playback.loudest_dbfs(5.0, 6.0) == -120
    assert playback.unreadable == ("[flv @ 0x2] [error] Packet corrupt (dts = 6021).",)


def test_a_picture_that_stays_until_the_end_was_held_so_long() -> None:
    shown = ((10.0, 0.0), (10.1, 0.1))
    playback = BrowserPlayback.model_validate(posted(shown=shown))
    assert playback.longest_hold_s() == pytest.approx(1.9)


def test_where_nothing_was_found_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert read_findings(tmp_path) is None
    assert read_findings(left(tmp_path, None)) is None


def test_findings_of_another_page_are_not_taken_for_these(tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        read_findings(left(tmp_path, posted(speed=2)))


def test_nobody_who_looked_saw_a_picture_that_never_changed() -> None:
    assert BrowserPlayback.model_validate(posted(samples=())).longest_still_s() == float("inf")
