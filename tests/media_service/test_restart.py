"""The whole service, ended in mid-stream and started again: what comes out, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from media_service.spool_names import CHECKPOINT, unpublished
from tests.media_service.clips import RATE, make_clip
from tests.media_service.fake_sts import FakeSts
from tests.media_service.test_restoring import sound_times
from tests.media_service.test_service import MediaServer, Service, feed, until

pytestmark = pytest.mark.timeout(180)


class Scene:
    """A media server, an STS, and a service that can be started again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.media_server = MediaServer()
        self.sts = FakeSts()
        self.services: list[Service] = []
        self._feeding: asyncio.Task[None] | None = None
        for kind in ("in", "out"):
            (folder / "live/a" / kind).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(folder / "live/a/in")

    @property
    def output(self) -> Path:
        return self.folder / "live/a/out"

    async def start(self, **environment: str) -> Service:
        service = await Service.start(
            MEDIAMTX_API_URL=self.media_server.url,
            MEDIAMTX_RTMP_URL=f"file:{self.folder}",
            STS_SERVICE_URL=f"http://127.0.0.1:{self.sts.port}",
            SEGMENT_DURATION_S="1",
            **environment,
        )
        self.services.append(service)
        return service

    def publish(self, clip: Path) -> None:
        self._feeding = asyncio.create_task(feed(clip, self.folder / "live/a/in", stalls=False))
        self.media_server.publish()

    async def unpublish(self) -> None:
        self.media_server.items = []
        if self._feeding is not None:
            self._feeding.cancel()
            await asyncio.gather(self._feeding, return_exceptions=True)

    async def close(self) -> None:
        await self.unpublish()
        for service in self.services:
            await service.close()
        await self.sts.stop()
        await self.media_server.stop()


@asynccontextmanager
async def _scene(folder: Path) -> AsyncIterator[Scene]:
    scene = Scene(folder)
    await scene.media_server.start()
    await scene.sts.start()
    try:
        yield scene
    finally:
        await scene.close()


async def streams(service: Service) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session:
        answer = await (await session.get(f"{service.url}/v1/streams")).json()
    listed: list[dict[str, Any]] = answer["streams"]
    return listed


async def ended(service: Service) -> dict[str, Any]:
    """Return the one stream's report once it has ended."""
    await until(lambda: bool(service.told("stream_finished") or service.told("stream_failed")))
    (report,) = await streams(service)
    return report


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_goes_on_where_it_was(tmp_path: Path, number: signal.Signals) -> None:
    clip = make_clip(tmp_path / "clip.flv", seconds=12)
    later = make_clip(tmp_path / "later.flv", seconds=3, first_s=14)
    async with _scene(tmp_path) as scene:
        first = await scene.start()
        scene.publish(clip)
        await until(lambda: len(first.told("segment_released")) >= 2)
        (before,) = await streams(first)
        await first.end(number)
        shutil.copy(scene.output, tmp_path / "first.flv")
        await scene.unpublish()
        second = await scene.start()
        scene.publish(later)
        await second.wait_for("stream_resumed")
        await until(lambda: len(second.told("segment_released")) >= 3)
        await scene.unpublish()
        report = await ended(second)

    assert report["stream_id"] == before["stream_id"]
    assert report["state"] == "finished"
    numbers = [segment["number"] for segment in report["segments"]]
    assert numbers == list(range(len(numbers)))
    assert {segment["outcome"] for segment in report["segments"]} <= {"dubbed", "original"}
    (interruption,) = report["interruptions"]
    assert interruption["reason"] == "service_restarted"
    resumed = report["segments"][interruption["number"]]
    last = report["segments"][interruption["number"] - 1]
    gap_s = resumed["start_s"] - last["start_s"] - last["duration_s"]
    assert interruption["gap_s"] == pytest.approx(gap_s, abs=1e-5)
    assert gap_s > 1
    assert interruption["output_gap_s"] is not None
    if number == signal.SIGKILL:
        assert interruption["recovered"]
        assert interruption["output_gap_s"] == pytest.approx(0, abs=0.03)
    sounds = [*sound_times(tmp_path / "first.flv"), *sound_times(scene.output)]
    gaps = [after - one for one, after in pairwise(sounds)]
    assert min(gaps) > 0
    # Beside what nobody could read, a packet of sound may be missing at the seam.
    assert sorted(gaps)[-2:] == [
        pytest.approx(1024, abs=1100),
        pytest.approx(gap_s * RATE, abs=2200),
    ]


async def test_a_corrupt_checkpoint_is_put_aside(tmp_path: Path, segment_dir: Path) -> None:
    names = ["half-00000001", "other-00000002", "empty-00000003", "none-00000004"]
    for name, content in zip(names, (b'{"version": 1, "writ', b"[]", b""), strict=False):
        (segment_dir / name).mkdir(parents=True)
        (segment_dir / name / CHECKPOINT).write_bytes(content)
    (segment_dir / names[-1]).mkdir()
    clip = make_clip(tmp_path / "clip.flv", seconds=3)
    async with _scene(tmp_path) as scene:
        service = await scene.start()
        scene.publish(clip)
        await service.wait_for("segment_released")
        assert len(service.told("checkpoint_corrupt")) == 4
        assert len(await streams(service)) == 1
        await service.end(signal.SIGKILL)
        again = await scene.start()
        await again.wait_for("checkpoint_taken_up")
        assert not again.told("checkpoint_corrupt")
    aside = sorted(path.name for path in segment_dir.glob("corrupt-*"))  # noqa: ASYNC240
    assert sorted(name.split("-", 2)[2] for name in aside) == sorted(names)


async def test_without_a_folder_to_write_the_service_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    clip = make_clip(tmp_path / "clip.flv", seconds=3)
    async with _scene(tmp_path) as scene:
        service = await scene.start(SEGMENT_DIR=str(tmp_path / "file/segments"))
        scene.publish(clip)
        await until(lambda: len(service.told("segment_released")) >= 2)
        (report,) = await streams(service)
        assert report["spool"]["error"] == "Not a directory"
        assert service.told("checkpoint_not_written")
        assert len(service.told("spool_failed")) == 2
        code, _ = await service.end()
        assert code == 0


async def test_an_output_that_is_refused_fails_the_stream_and_keeps_what_was_read(
    tmp_path: Path, segment_dir: Path
) -> None:
    clip = make_clip(tmp_path / "clip.flv", seconds=12)
    async with _scene(tmp_path) as scene:
        scene.output.mkdir()
        service = await scene.start()
        scene.publish(clip)
        report = await ended(service)
        assert report["state"] == "failed"
        assert "cannot publish" in report["error"]
        assert report["worker"]["exit_code"] == 1
        outcomes = [segment["outcome"] for segment in report["segments"]]
        assert outcomes
        assert set(outcomes) == {"kept"}
        kept = [segment["number"] for segment in report["segments"]]
        assert unpublished(segment_dir / report["stream_id"]) == kept == report["spool"]["segments"]
        assert service.told("segments_kept")[0]["numbers"] == kept
        failed = service.told("stream_failed")[0]
        assert failed["reason"] == "output_refused"
        workers = report["workers"]
        await asyncio.sleep(1)
        (report,) = await streams(service)
        assert report["workers"] == workers == 4
        async with aiohttp.ClientSession() as session:
            assert (await session.get(f"{service.url}/health")).status == 200
            text = await (await session.get(f"{service.url}/metrics")).text()
        assert f"media_service_segments_kept_total {len(kept)}.0" in text
    json.dumps(report)


async def test_a_media_server_that_is_gone_is_waited_for(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.flv", seconds=12)
    later = make_clip(tmp_path / "later.flv", seconds=3)
    async with _scene(tmp_path) as scene:
        service = await scene.start()
        scene.publish(clip)
        await service.wait_for("segment_released")
        # The API goes first; then the source breaks off and the output takes nothing more.
        scene.media_server.down = True
        await until(lambda: bool(service.told("media_server_lost")))
        worker = (await streams(service))[0]["worker"]["pid"]
        os.kill(worker, signal.SIGKILL)
        await service.wait_for("stream_waiting")
        (report,) = await streams(service)
        assert report["state"] == "waiting"
        assert report["interruptions"][0]["reason"] == "media_server_lost"
        shutil.copy(scene.output, tmp_path / "first.flv")
        await scene.unpublish()
        scene.media_server.down = False
        await service.wait_for("segments_recovered")
        scene.publish(later)
        scene.media_server.items[0]["source"]["id"] = "2"
        await service.wait_for("stream_resumed")
        await until(lambda: len(service.told("segment_released")) >= 6)
        await scene.unpublish()
        report = await ended(service)

    numbers = [segment["number"] for segment in report["segments"]]
    assert numbers == list(range(len(numbers)))
    assert {segment["outcome"] for segment in report["segments"]} <= {"dubbed", "original"}
    assert report["workers"] == 2, service.lines
    sounds = [*sound_times(tmp_path / "first.flv"), *sound_times(scene.output)]
    assert all(one < next_ for one, next_ in pairwise(sounds))
