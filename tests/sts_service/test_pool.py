"""Real worker processes, with fast engines."""

import asyncio
import base64
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pebble.pool.process
import pytest
import pytest_asyncio

from services.contracts import ErrorCode, Stage
from sts_service import worker
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import Choice, Selection
from sts_service.job import Failure, FragmentJob, Outcome, TimeLimits
from sts_service.pool import WorkerPool, WorkersState
from sts_service.worker import NICENESS
from tests.sts_service.fake_asr import DIE_LEVEL, HANG_LEVEL, MUTE_LEVEL
from tests.sts_service.fake_workers import FAKES
from tests.sts_service.sounds import RATE_HZ, level

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOAD_TIMEOUT_S = 40
"""A process that imports NumPy takes a second, and on a busy machine half a minute."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(FAKES, size=1, load_timeout_s=LOAD_TIMEOUT_S)
    await pool.start()
    yield pool
    await pool.stop()


async def dub(
    pool: WorkerPool,
    peak: float,
    *,
    timeout_s: float = LOAD_TIMEOUT_S,
    delay_s: float = 0.0,
    stages_s: dict[Stage, float] | None = None,
) -> Outcome:
    def taken() -> None:
        pass

    job = FragmentJob(level(peak, 0.1), RATE_HZ, 1, "en", "es", delay_s)
    limits = TimeLimits(timeout_s, stages_s or {})
    return await pool.process(job, share="s", limits=limits, taken=taken)


def hearing_with(model: str | Path) -> Selection:
    return replace(FAKES, asr=Choice("tests.sts_service.fake_asr", model=str(model)))


async def until_usable(pool: WorkerPool) -> None:
    async with asyncio.timeout(LOAD_TIMEOUT_S):
        while not pool.state.usable:  # noqa: ASYNC110 - a process is waited for
            await asyncio.sleep(0.02)


async def test_work_is_done_in_another_process(pool: WorkerPool) -> None:
    outcomes = await asyncio.gather(*(dub(pool, peak) for peak in (0.1, 0.2, 0.3)))
    assert [outcome.transcript for outcome in outcomes] == ["one", "two", "three"]


async def test_sound_comes_and_goes_as_the_wire_has_it(pool: WorkerPool) -> None:
    pcm = level(0.2, 0.1)
    job = FragmentJob(base64.b64encode(pcm), RATE_HZ, 1, "en", "es", in_base64=True)
    outcome = await pool.process(
        job, share="s", limits=TimeLimits(LOAD_TIMEOUT_S), taken=lambda: None
    )
    assert outcome.transcript == "two"
    assert outcome.dubbed_pcm is None
    assert outcome.dubbed_audio is not None
    assert len(outcome.dubbed_audio.pcm()) == len(pcm)


async def test_workers_leave_the_processor_to_who_answers(pool: WorkerPool) -> None:
    (process,) = multiprocessing.active_children()
    assert process.pid is not None
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, ours + NICENESS)


@pytest.mark.skipif(sys.platform != "linux", reason="the policy is one of Linux")
async def test_yielding_workers_compute_only_while_nobody_else_does() -> None:
    pool = WorkerPool(FAKES, size=1, load_timeout_s=LOAD_TIMEOUT_S, yielding=True)
    before = set(multiprocessing.active_children())
    try:
        await pool.start()
        (process,) = set(multiprocessing.active_children()) - before
        assert process.pid is not None
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
    finally:
        await pool.stop()


async def test_a_worker_that_may_not_yield_works_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("not in this sandbox")

    monkeypatch.setattr(os, "nice", lambda _: 0)
    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    monkeypatch.setattr(worker, "_Loaded", type("_Loaded", (), {"engines": None, "info": None}))
    worker.prepare(FAKES, "INFO", yielding=True)
    assert worker.report().asr
    assert "worker_cannot_yield" in capsys.readouterr().out


async def test_a_worker_that_hangs_or_dies_costs_one_fragment(pool: WorkerPool) -> None:
    hung = await dub(pool, HANG_LEVEL, timeout_s=0.3)
    assert hung.failure is not None
    assert hung.failure.code is ErrorCode.TIMEOUT
    died = await dub(pool, DIE_LEVEL)
    assert died.failure is not None
    assert died.failure.code is ErrorCode.MODEL_ERROR
    assert died.failure.retryable
    assert (await dub(pool, 0.4)).transcript == "four"


async def test_a_stage_that_hangs_is_stopped_and_what_was_made_before_it_stays(
    pool: WorkerPool,
) -> None:
    (stuck,) = multiprocessing.active_children()
    hung = await dub(pool, MUTE_LEVEL, timeout_s=30, stages_s={Stage.TTS: 0.3})
    assert hung.failure == Failure(
        ErrorCode.TIMEOUT, "tts was not done within 0.3 s", Stage.TTS, retryable=True
    )
    assert (hung.transcript, hung.translated_text) == ("mute", "mute")
    assert hung.dubbed_pcm is None
    # The engine is not left to itself: its process is gone, and the next fragment has another.
    await asyncio.to_thread(stuck.join, 5)
    assert not stuck.is_alive()
    assert (await dub(pool, 0.3)).transcript == "three"


async def test_stages_share_the_time_of_their_fragment(pool: WorkerPool) -> None:
    hung = await dub(pool, MUTE_LEVEL, timeout_s=0.5, stages_s={Stage.TTS: 20})
    assert hung.failure is not None
    assert hung.failure.message == "not processed within 0.5 s"
    assert hung.failure.stage is Stage.TTS


async def test_a_debug_delay_counts_as_the_recognisers_time(pool: WorkerPool) -> None:
    delayed = await dub(pool, 0.1, delay_s=0.2)
    assert delayed.transcript == "one"
    assert delayed.stage_ms[Stage.ASR] >= 200
    late = await dub(pool, 0.1, timeout_s=0.3, delay_s=5)
    assert late.failure is not None
    assert late.failure.code is ErrorCode.TIMEOUT


async def test_an_idle_worker_that_is_killed_is_replaced(pool: WorkerPool) -> None:
    await dub(pool, 0.1)
    (process,) = multiprocessing.active_children()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    await asyncio.to_thread(process.join, 5)
    first, second = await dub(pool, 0.5), await dub(pool, 0.5)
    # Whether the death is noticed before or during the next fragment, it costs at most that one.
    assert second.transcript == "five"
    assert first.transcript == "five" or (first.failure and first.failure.retryable)


async def test_a_worker_that_died_idle_holds_nothing_back_while_another_can_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = WorkerPool(FAKES, size=2, load_timeout_s=LOAD_TIMEOUT_S)
    await pool.start()
    dead, _ = pool._slots
    loaded, reloading, held = dead.reload, asyncio.Event(), asyncio.Event()

    async def reload() -> None:
        reloading.set()
        await held.wait()
        await loaded()

    monkeypatch.setattr(dead, "reload", reload)
    # As it is when its process died idle, and Pebble gave it up.
    dead._pool.stop()  # type: ignore[no-untyped-call]
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            outcomes = [await dub(pool, peak) for peak in (0.1, 0.2)]
            assert [outcome.transcript for outcome in outcomes] == ["one", "two"]
            await reloading.wait()
            held.set()
            while len(pool._turns._free) < 2:  # noqa: ASYNC110 - a process is waited for
                await asyncio.sleep(0.02)
            assert dead._pool.active
    finally:
        await pool.stop()


async def test_who_waits_may_go_away(pool: WorkerPool) -> None:
    waiting = asyncio.create_task(dub(pool, HANG_LEVEL, timeout_s=0.5))
    await asyncio.sleep(0)
    waiting.cancel()
    assert (await dub(pool, 0.6)).transcript == "six"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("missing", "the model called missing is not there"),
        ("broken", r"Command '\['unpack', 'broken'\]' returned non-zero exit status 1"),
    ],
)
async def test_what_cannot_load_says_why(model: str, why: str) -> None:
    pool = WorkerPool(hearing_with(model), size=1, load_timeout_s=LOAD_TIMEOUT_S)
    with pytest.raises(EngineLoadError, match=why):
        await pool.start()
    await pool.stop()


async def test_engines_that_cannot_be_loaded_again_are_told_of_until_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sts_service.pool.RELOAD_DELAY_S", 0.05)
    model = tmp_path / "model"
    model.touch()
    pool = WorkerPool(hearing_with(model), size=1, load_timeout_s=LOAD_TIMEOUT_S)
    await pool.start()
    assert pool.state == WorkersState(total=1)

    model.unlink()
    assert (await dub(pool, DIE_LEVEL)).failure is not None
    # Waits for the worker that died, and is told that there will be none.
    failed = await dub(pool, 0.1)
    assert failed.failure is not None
    assert failed.failure.retryable
    assert "is not there" in failed.failure.message
    assert not pool.state.usable
    assert "is not there" in pool.state.down[0]

    model.touch()
    await until_usable(pool)
    assert (await dub(pool, 0.1)).transcript == "one"
    await pool.stop()


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param("channels", id="no pipe"),
        pytest.param("launch_process", id="no process"),
        pytest.param("launch_thread", id="no thread"),
    ],
)
async def test_a_worker_that_cannot_be_started_is_tried_again(
    refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sts_service.pool.RELOAD_DELAY_S", 0.05)
    counted: list[None] = []
    pool = WorkerPool(
        FAKES,
        size=1,
        load_timeout_s=LOAD_TIMEOUT_S,
        start_failed=lambda: counted.append(None),
    )
    await pool.start()
    starting = getattr(pebble.pool.process, refused)
    attempts: list[None] = []

    def refuse_twice(*said: Any) -> Any:
        attempts.append(None)
        if len(attempts) > 2:
            return starting(*said)
        error = RuntimeError if refused == "launch_thread" else OSError
        raise error("no more of them are to be had")

    monkeypatch.setattr(pebble.pool.process, refused, refuse_twice)
    # As it is when its process died idle, and Pebble gave it up.
    pool._slots[0]._pool.stop()  # type: ignore[no-untyped-call]
    outcomes = [await dub(pool, 0.1)]
    async with asyncio.timeout(LOAD_TIMEOUT_S):
        while outcomes[-1].transcript is None:
            await asyncio.sleep(0.02)
            outcomes.append(await dub(pool, 0.1))
    assert outcomes[-1].transcript == "one"
    assert len(attempts) > 2
    for outcome in outcomes[:-1]:
        assert outcome.failure is not None
        assert outcome.failure.retryable
        assert "no more of them are to be had" in outcome.failure.message
    assert counted
    await pool.stop()


async def test_another_model_under_the_same_name_is_not_taken_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sts_service.pool.RELOAD_DELAY_S", 0.05)
    model = tmp_path / "model"
    model.write_text("level@1")
    pool = WorkerPool(hearing_with(model), size=1, load_timeout_s=LOAD_TIMEOUT_S)
    await pool.start()

    model.write_text("level@2")
    assert (await dub(pool, DIE_LEVEL)).failure is not None
    failed = await dub(pool, 0.1)
    assert failed.failure is not None
    assert "fake-asr:level@2 instead of fake-asr:level@1; remedy: " in failed.failure.message
    assert not pool.state.usable
    assert pool.state.down[0] in failed.failure.message

    model.write_text("level@1")
    await until_usable(pool)
    assert (await dub(pool, 0.1)).transcript == "one"
    await pool.stop()


async def test_workers_with_different_models_do_not_start() -> None:
    pool = WorkerPool(hearing_with("by-process"), size=2, load_timeout_s=LOAD_TIMEOUT_S)
    with pytest.raises(EngineLoadError, match=r"the asr model is not .* instead of fake-asr:level"):
        await pool.start()
    await pool.stop()
