"""Publications, with a program in ffmpeg's place and with the real one writing to a file."""

import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from environment.errors import ToolUnavailable, WaitTimeout
from environment.runs.media_urls import media_url, protocol_named
from environment.runs.publisher import Publication, PublishFailed, publish_argv, require_clip
from environment.stack.topology import Topology
from environment.waiting import wait_for

READY = {"name": "live/x/in", "ready": True}


class Events:
    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, object]]] = []

    def __call__(self, event: str, /, **fields: object) -> None:
        self.seen.append((event, fields))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.seen]


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shell script named ffmpeg, first on PATH; tests write its body."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "ffmpeg"
    script.write_text("#!/bin/sh\nexec sleep 30\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return script


def publication(tmp_path: Path, events: Events, state: dict[str, Any] | None = None) -> Publication:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    return Publication(
        clip, "rtmp://nowhere/live/x/in", "live/x/in", path_state=lambda _: state, on_event=events
    )


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/status").exists()


def test_leaving_the_block_ends_ffmpeg(tmp_path: Path, fake_ffmpeg: Path, events: Events) -> None:
    with suppress(ZeroDivisionError), publication(tmp_path, events) as running:
        pid = running.pid
        assert running.running
        assert os.getsid(pid) == pid
        1 / 0  # noqa: B018
    assert not alive(pid)
    assert running.exit_code == -15
    assert events.names == ["publish_started", "publish_ended"]


def test_a_forgotten_publication_ends_with_its_last_reference(
    tmp_path: Path, fake_ffmpeg: Path, events: Events
) -> None:
    forgotten = publication(tmp_path, events).start()
    pid = forgotten.pid
    del forgotten
    wait_for("ffmpeg to be gone", lambda: not alive(pid), timeout_s=5)


def test_active_is_what_the_media_server_says(
    tmp_path: Path, fake_ffmpeg: Path, events: Events
) -> None:
    with publication(tmp_path, events, READY) as running:
        assert running.started_at <= running.wait_active(1) <= time.time()
    with (
        publication(tmp_path, events, None) as running,
        pytest.raises(WaitTimeout, match="does not know the path"),
    ):
        running.wait_active(0.1)


def test_ffmpegs_own_words_are_kept(tmp_path: Path, fake_ffmpeg: Path, events: Events) -> None:
    fake_ffmpeg.write_text("#!/bin/sh\necho 'Connection refused' >&2\nexit 1\n")
    with publication(tmp_path, events) as running:
        with pytest.raises(PublishFailed, match=r"exit code 1.*\n.*Connection refused"):
            running.wait_active(5)
        with pytest.raises(PublishFailed, match="Connection refused"):
            running.wait_finished(5)


def test_a_publisher_that_dies_says_nothing_more(
    tmp_path: Path, fake_ffmpeg: Path, events: Events
) -> None:
    with publication(tmp_path, events) as running:
        running.kill()
        assert running.exit_code == -9
    assert events.seen[-1][1]["stopped"] is True


def test_a_missing_clip_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.mp4 is missing.*make fixtures"):
        require_clip(tmp_path / "absent.mp4")


def test_no_ffmpeg_is_said(tmp_path: Path, events: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolUnavailable, match=r"ffmpeg is not installed\. Remedy"):
        publication(tmp_path, events).start()


def test_realtime_is_asked_for_or_not() -> None:
    assert "-re" in publish_argv(Path("a.mp4"), "rtmp://h/p", realtime=True)
    assert "-re" not in publish_argv(Path("a.mp4"), "rtmp://h/p", realtime=False)


def test_the_urls_protocol_is_spoken() -> None:
    over_rtsp = publish_argv(Path("a.mp4"), "rtsp://h/p", realtime=True)
    assert over_rtsp[-1] == "rtsp://h/p"
    assert (over_rtsp[over_rtsp.index("-f") + 1], over_rtsp[-4]) == ("rtsp", "tcp")
    assert "flv" in publish_argv(Path("a.mp4"), "rtmp://h/p", realtime=True)


def test_a_path_is_reached_over_either_protocol() -> None:
    class Server:
        def host_port(self, inside: int) -> int:
            return {8554: 40_001}[inside]

    class Stack:
        media_server = Server()

        def rtmp_url(self, path: str) -> str:
            return f"rtmp://engine:40000/{path}"

    stack = cast(Topology, Stack())
    assert media_url(stack, "live/a/in", "rtmp") == "rtmp://engine:40000/live/a/in"
    assert media_url(stack, "live/a/in", "rtsp") == "rtsp://engine:40001/live/a/in"
    assert [protocol_named(said) for said in ("RTMP", "rtsp")] == ["rtmp", "rtsp"]
    with pytest.raises(ValueError, match="neither RTMP nor RTSP"):
        protocol_named("HLS")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_the_real_ffmpeg_takes_the_command_line(tmp_path: Path, events: Events) -> None:
    clip = Path(__file__).parents[2] / "fixtures/streams/30s-english-counting.mp4"
    out = tmp_path / "out.flv"
    with Publication(
        clip, str(out), "live/x/in", path_state=lambda _: READY, realtime=False, on_event=events
    ) as running:
        running.wait_finished(10)
    assert out.read_bytes()[:3] == b"FLV"
    assert "Video: h264" in running.log
