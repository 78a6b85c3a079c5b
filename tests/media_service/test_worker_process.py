"""The real child process, without media."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from media_service.protocol import Failed, Heartbeat, Hello, Message, Start
from media_service.worker_process import WorkerFrozenError, WorkerPool, WorkerProcess
from tests.media_service.clips import make_clip

NOWHERE = Start("/nonexistent/in.flv", "/nonexistent/out.flv", 6.0, 30.0, 0.0)


async def last_words(worker: WorkerProcess) -> list[Message]:
    heard: list[Message] = []
    while (message := await worker.receive()) is not None:
        heard.append(message)
    return heard


async def test_a_stream_without_audio_ends_the_process_with_an_error(tmp_path: Path) -> None:
    silent = make_clip(tmp_path / "silent.mkv", seconds=1, audio=False)
    start = Start(str(silent), str(tmp_path / "out.flv"), 6.0, 30.0, 0.0, tracks=1)
    worker = await WorkerProcess.spawn()
    await worker.send(start)
    heard = await last_words(worker)
    assert isinstance(heard[0], Hello)
    assert [m.reason for m in heard if isinstance(m, Failed)] == ["no_audio"]
    assert any(isinstance(m, Heartbeat) for m in heard)
    assert await worker.close() == 1
    await worker.send(start)


async def test_a_frozen_process_is_noticed_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await WorkerProcess.spawn()
    assert isinstance(await worker.receive(), Hello)
    os.kill(worker.pid, signal.SIGSTOP)
    monkeypatch.setattr("media_service.worker_process.HEARTBEAT_TIMEOUT_S", 0.1)
    with pytest.raises(WorkerFrozenError):
        await worker.receive()
    worker.kill()
    assert await worker.close() == -signal.SIGKILL


async def test_without_its_supervisor_the_process_ends() -> None:
    worker = await WorkerProcess.spawn()
    await worker.send(NOWHERE)
    assert isinstance(await worker.receive(), Hello)
    # What the kernel does to the pipe when the supervisor dies.
    assert await worker.close() == 3


async def test_a_spare_process_is_kept_and_a_dead_one_not_given_out() -> None:
    pool = WorkerPool()
    pool.warm_up()
    first = await pool.take()
    second = await pool.take()
    assert first.pid != second.pid
    assert first.exit_code is second.exit_code is None
    await pool.close()
    for worker in (first, second):
        worker.kill()
        async with asyncio.timeout(5):
            await worker.close()


async def test_a_server_that_accepts_and_says_nothing_freezes_one_process_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    clip = make_clip(tmp_path / "clip.flv", seconds=1)
    worker = await WorkerProcess.spawn()
    await worker.send(Start(str(clip), f"rtmp://127.0.0.1:{port}/live/a/out", 1.0, -2.0, 0.0))
    monkeypatch.setattr("media_service.worker_process.HEARTBEAT_TIMEOUT_S", 1.5)
    with pytest.raises(WorkerFrozenError):
        await last_words(worker)
    worker.kill()
    assert await worker.close() == -signal.SIGKILL
    server.close()
