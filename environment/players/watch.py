"""Watches a recording in headless Chromium; runs in the players' image, standard library only.

`python3 watch.py FOLDER SECONDS` copies the packets of FOLDER/recording into an MP4, lets
FOLDER/page.html play that, and writes what the page posts, with what the programs said, to
FOLDER/found/findings.json. Its exit status is 0 when there are findings, good or bad.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import threading
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

COPY_TIMEOUT_S = 60
START_TIMEOUT_S = 15
END_TIMEOUT_S = 5
MOST_FINDINGS_BYTES = 8_000_000
TAIL_CHARS = 4000
FOUND = "found"
FLAGS = (
    # The container is the sandbox; only our own page is ever opened.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    # Without it the shell leaves as soon as the page is loaded.
    "--remote-debugging-port=0",
    "--window-size=800,600",
)


class Page(SimpleHTTPRequestHandler):
    """Serves the folder, and takes the findings."""

    findings: dict[str, Any] | None = None
    posted = threading.Event()

    def do_POST(self) -> None:
        """Take the page's findings, once."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MOST_FINDINGS_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        Page.findings = json.loads(self.rfile.read(length))
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()
        Page.posted.set()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: what is asked for is known."""


def copy_to_mp4(folder: Path) -> tuple[int, str]:
    """Put the recording's packets, as they are, into an MP4; ffmpeg's status, and what it said.

    Each of its lines names its level: `[warning]`, `[error]`, `[fatal]`.
    """
    command = [
        *("ffmpeg", "-hide_banner", "-nostdin", "-v", "level+warning", "-y"),
        *("-i", str(folder / "recording"), "-map", "0", "-c", "copy"),
        *("-movflags", "+faststart", str(folder / FOUND / "recording.mp4")),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=COPY_TIMEOUT_S, check=False
    )
    return done.returncode, done.stderr[-TAIL_CHARS:]


def watch(folder: Path, timeout_s: float) -> tuple[dict[str, Any] | None, str]:
    """Let Chromium play the page; what it posted in that time, and what Chromium said."""
    serve = functools.partial(Page, directory=str(folder))
    log = folder / "chromium.log"
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server, log.open("w") as said:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = subprocess.Popen(
            [
                "chromium-headless-shell",
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                f"http://127.0.0.1:{server.server_port}/page.html?seconds={timeout_s:g}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            # The page knows what it lacks; only a browser that never shows it is cut off here.
            Page.posted.wait(timeout_s + START_TIMEOUT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(browser.pid, signal.SIGKILL)
            browser.wait(END_TIMEOUT_S)
            server.shutdown()
    # It misses the desktop's bus, line after line.
    lines = [x for x in log.read_text(errors="replace").splitlines() if "dbus/" not in x]
    return Page.findings, "\n".join(lines)[-TAIL_CHARS:]


def main(folder: Path, timeout_s: float) -> int:
    """Copy, watch, and write down what came of it."""
    (folder / FOUND).mkdir()
    status, complaints = copy_to_mp4(folder)
    findings, said = watch(folder, timeout_s) if status == 0 else (None, "")
    document = {"copy_status": status, "copy_log": complaints, "log": said, "findings": findings}
    (folder / FOUND / "findings.json").write_text(json.dumps(document))
    if findings is None:
        print(complaints if status else f"no findings after {timeout_s:g} s\n{said}")
    return 0 if findings is not None else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
