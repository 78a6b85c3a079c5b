"""The program that watches a recording in the players' container, with a browser of our own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from environment.runs import players
from environment.settings import REPO_ROOT

WATCH = Path(players.__file__).parents[1] / "players" / "watch.py"
CLIP = REPO_ROOT / "fixtures" / "streams" / "30s-english-counting.mp4"
BROWSER = f"""#!{sys.executable}
import sys, time, urllib.request
page = sys.argv[-1]
place = page.partition("page.html")[0]
recording = urllib.request.urlopen(place + "found/recording.mp4").read()
print("[1:dbus/bus.cc(405)] no bus", file=sys.stderr)
print("a word of the browser's", file=sys.stderr, flush=True)
if b"page" in urllib.request.urlopen(page).read():
    body = b'{{"bytes": %d}}' % len(recording)
    urllib.request.urlopen(place + "findings", data=body)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the container is given: a recording and a page; and a browser that never leaves."""
    browser = tmp_path / "bin" / "chromium-headless-shell"
    browser.parent.mkdir()
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    given = tmp_path / "players"
    given.mkdir()
    (given / "recording").write_bytes(CLIP.read_bytes())
    (given / "page.html").write_text("a page")
    return given


def watch(folder: Path, timeout_s: float = 20.0) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(WATCH), str(folder), str(timeout_s)],
        env={"PATH": f"{folder.parent / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        timeout=50,
        check=False,
    )
    document = json.loads((folder / "found" / players.FINDINGS).read_text())
    return done.returncode, document


def test_the_recording_is_served_and_the_findings_are_kept(folder: Path) -> None:
    status, document = watch(folder)
    recording = folder / "found" / "recording.mp4"
    assert status == 0
    assert document["findings"] == {"bytes": recording.stat().st_size}
    assert (document["copy_status"], document["copy_log"]) == (0, "")
    assert document["log"] == "a word of the browser's"


def test_a_page_that_never_tells_is_waited_for_no_longer(folder: Path) -> None:
    (folder / "page.html").write_text("nothing")
    status, document = watch(folder, timeout_s=-13)
    assert status == 1
    assert document["findings"] is None


def test_what_no_one_can_read_is_told(folder: Path) -> None:
    (folder / "recording").write_bytes(b"no media at all" * 100)
    status, document = watch(folder)
    assert status == 1
    assert document["findings"] is None
    assert "Invalid data" in document["copy_log"]
