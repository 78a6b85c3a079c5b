"""FFmpeg publishes and plays; what it published is what is played and recorded."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.media_server.conftest import Running

SOURCE_FOLDER = Path(__file__).parents[2] / "services/mediamtx/offline"
FRAMES, FRAME_RATE = 45, 30


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half of H.264 with a keyframe each half second, and of AAC."""
    path = tmp_path_factory.mktemp("clip") / "clip.flv"
    picture = f"testsrc2=size=320x180:rate={FRAME_RATE}:duration={FRAMES / FRAME_RATE}"
    sound = f"sine=sample_rate=48000:duration={FRAMES / FRAME_RATE}"
    _run(
        *("ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound),
        *("-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-g", "15", "-c:a", "aac"),
        str(path),
    )
    return path


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout


def _packets(path: Path) -> list[tuple[Any, ...]]:
    """Kind, DTS, size and content hash of every packet."""
    shown = "packet=codec_type,dts,size,data_hash"
    command = ("ffprobe", "-v", "error", "-show_data_hash", "md5", "-of", "json")
    packets = json.loads(_run(*command, "-show_entries", shown, str(path)))["packets"]
    return [(p["codec_type"], p["dts"], p["size"], p["data_hash"]) for p in packets]


async def _ffmpeg(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *("ffmpeg", "-v", "error", "-nostdin", *arguments), stderr=asyncio.subprocess.PIPE
    )


async def _finished(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(15):
        _, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode()


async def test_what_is_published_is_played_and_recorded(
    running: Running, clip: Path, tmp_path: Path
) -> None:
    url = running.url("live/a/in")
    publishing = await _ffmpeg("-re", "-i", str(clip), "-c", "copy", "-f", "flv", url)
    item = await running.until_ready("live/a/in")
    played = tmp_path / "played.flv"
    playing = await _ffmpeg("-rtmp_live", "live", "-i", url, "-c", "copy", str(played))
    assert await _finished(publishing) == (0, "")
    assert await _finished(playing) == (0, "")
    await running.until_gone("live/a/in")

    (recording,) = running.recorded("live/a/in")
    source = _packets(clip)
    assert _packets(recording) == source
    got = _packets(played)
    assert got
    # A late player misses the head and then nothing; FFmpeg counts from the first packet it got.
    assert [(p[0], p[2:]) for p in got[-40:]] == [(p[0], p[2:]) for p in source[-40:]]
    assert item["confName"] == "~^live/.+/(in|out)$"
    assert item["source"]["type"] == "rtmpConn"
    assert item["tracks"] == ["H264", "MPEG-4 Audio"]
    assert item["tracks2"][1]["codecProps"] == {"sampleRate": 48000, "channelCount": 1}
    assert item["available"] is True
    assert item["online"] is True
    assert item["readyTime"] == item["availableTime"]
    assert item["bytesReceived"] == item["inboundBytes"] > 0


async def test_publishing_on_the_other_paths_is_not_recorded(running: Running, clip: Path) -> None:
    arguments = ("-i", str(clip), "-c", "copy", "-f", "flv", running.url("studio/one"))
    assert await _finished(await _ffmpeg(*arguments)) == (0, "")
    await running.until_gone("studio/one")
    assert not running.recordings.exists()


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        (("-c:v", "flv1", "-c:a", "aac"), "unsupported video codec (Sorenson H.263)"),
        (("-c:v", "copy", "-c:a", "libmp3lame", "-ar", "44100"), "unsupported audio codec (MPEG-1"),
    ],
)
async def test_other_codecs_are_refused(
    running: Running, clip: Path, encoding: tuple[str, ...], said: str
) -> None:
    url = running.url("live/a/in")
    status, _ = await _finished(await _ffmpeg("-re", "-i", str(clip), *encoding, "-f", "flv", url))
    assert status != 0
    await running.until_logged(said)


def test_sigterm_ends_everything_cleanly_and_at_once(clip: Path, tmp_path: Path) -> None:
    process, port = _server(tmp_path)
    url = f"rtmp://127.0.0.1:{port}/live/a/in"
    publisher = subprocess.Popen(
        [
            "ffmpeg",
            *["-v", "quiet", "-re", "-stream_loop", "-1", "-i"],
            str(clip),
            *["-c", "copy", "-f", "flv"],
            url,
        ]
    )
    try:
        _line_with(process, "creating segment")
        player = subprocess.Popen(
            ["ffmpeg", "-v", "quiet", "-rtmp_live", "live", "-i", url, "-f", "null", "-"]
        )
        _line_with(process, "is reading from path")
        started_s = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0
        assert time.monotonic() - started_s < 1.0
        assert player.wait(timeout=5) == 0
    finally:
        process.kill()
        publisher.kill()
        publisher.wait()
    (recording,) = (tmp_path / "recordings/live/a/in").glob("*.flv")
    assert _run("ffmpeg", "-v", "error", "-i", str(recording), "-f", "null", "-") == ""


def test_an_unusable_configuration_or_port_is_said_in_one_line(tmp_path: Path) -> None:
    process, port = _server(tmp_path)
    try:
        for content, said in [
            ("readTimeout: soon", "readTimeout: 'soon' is not a duration"),
            (f"rtmpAddress: 127.0.0.1:{port}", "address already in use"),
        ]:
            other = _start(tmp_path, content)
            output, _ = other.communicate(timeout=10)
            assert other.returncode == 2
            assert said in output.splitlines()[-1]
    finally:
        process.terminate()
        process.wait(timeout=5)


def _server(folder: Path) -> tuple["subprocess.Popen[str]", int]:
    process = _start(
        folder,
        f"""
        rtmpAddress: 127.0.0.1:0
        pathDefaults: {{recordPath: {folder}/recordings/%path/%s-%f, record: true}}
        paths: {{all_others: }}
        """,
    )
    line = _line_with(process, "[RTMP] listener opened on 127.0.0.1:")
    return process, int(line.rpartition(":")[2])


def _start(folder: Path, config: str) -> "subprocess.Popen[str]":
    file = folder / "mediamtx.yml"
    file.write_text(config)
    environment = os.environ | {"MTX_CONFIG": str(file), "PYTHONPATH": str(SOURCE_FOLDER)}
    return subprocess.Popen(
        [sys.executable, "-m", "media_server"], env=environment, stdout=subprocess.PIPE, text=True
    )


def _line_with(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    raise AssertionError(f"the server ended without {text!r}")
