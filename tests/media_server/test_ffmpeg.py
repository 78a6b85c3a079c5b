"""FFmpeg publishes and plays; what it published is what is played and recorded."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import pytest

from media_server import h264
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


RTSP = ("-rtsp_transport", "tcp")


@pytest.mark.parametrize("played_over", ["rtmp", "rtsp"])
@pytest.mark.parametrize("published_over", ["rtmp", "rtsp"])
async def test_either_protocol_plays_and_records_what_the_other_published(
    running: Running, clip: Path, tmp_path: Path, published_over: str, played_over: str
) -> None:
    target = running.url("live/a/in", published_over)
    # One frame of sound a packet: ffmpeg forgets at the end what waits for its packet to fill.
    form = (
        ("-f", "rtsp", *RTSP, "-max_delay", "25000") if published_over == "rtsp" else ("-f", "flv")
    )
    looped = ("-re", "-stream_loop", "1", "-i", str(clip), "-c", "copy")
    publishing = await _ffmpeg(*looped, *form, target)
    item = await running.until_ready("live/a/in")
    played = tmp_path / "played.flv"
    options = ("-rtmp_live", "live") if played_over == "rtmp" else RTSP
    source = running.url("live/a/in", played_over)
    playing = await _ffmpeg(*options, "-i", source, "-c", "copy", str(played))
    assert (await _finished(publishing))[0] == 0
    assert (await _finished(playing))[0] == 0
    await running.until_gone("live/a/in")

    assert item["source"]["type"] == {"rtmp": "rtmpConn", "rtsp": "rtspSession"}[published_over]
    assert item["tracks"] == ["H264", "MPEG-4 Audio"]
    assert item["tracks2"][0]["codecProps"]["width"] == 320
    (recording,) = running.recorded("live/a/in")
    recorded, got = _slices(recording), _slices(played)
    assert len(recorded) == 2 * FRAMES
    assert [digest for _, digest in recorded] == [digest for _, digest in _slices(clip)] * 2
    # A player that joins late misses the head and then nothing; each picture keeps its time.
    assert 15 <= len(got) <= len(recorded)
    assert [digest for _, digest in got] == [digest for _, digest in recorded[-len(got) :]]
    away_ms = [
        mine - theirs for (mine, _), (theirs, _) in zip(got, recorded[-len(got) :], strict=True)
    ]
    assert max(away_ms[1:]) - min(away_ms[1:]) <= 2


def _slices(path: Path) -> list[tuple[int, str]]:
    """Time in ms of each picture, and a hash of its slices: parameter sets may come and go."""
    found = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            if packet.size and packet.pts is not None:
                slices = b"".join(
                    unit for unit in h264.units(bytes(packet)) if h264.unit_type(unit) in (1, 5)
                )
                time_ms = round(1000 * packet.pts * packet.time_base)
                found.append((time_ms, hashlib.md5(slices, usedforsecurity=False).hexdigest()))
    return found


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
            (f"rtmpAddress: 127.0.0.1:0\nrtspAddress: 127.0.0.1:{port}", "already in use"),
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
        rtspAddress: 127.0.0.1:0
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
