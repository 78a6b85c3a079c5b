"""A worker that ends in the middle, and the next one that goes on where it was."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from media_service.protocol import (
    Began,
    Failed,
    Finished,
    InputEnded,
    OutputConnected,
    Read,
    Released,
    Report,
    Restored,
    Result,
    SegmentCut,
    Start,
)
from media_service.spool_names import unpublished
from media_service.worker.ingest import Reading
from media_service.worker.output import OUTPUT_OFFSET_S
from media_service.worker.pacer import Pacer
from media_service.worker.pipeline import Pipeline
from media_service.worker.waiting_room import VideoQueue
from tests.media_service.clips import RATE, make_clip
from tests.media_service.test_pipeline import Clock, carry, dubbed, of, onsets, packets, sound

SEGMENT_S = 1.0


class Mortal:
    """A worker whose output stands still for ever at ``dies_at_s``, as a killed one's does."""

    def __init__(self, source: Path, output: Path, folder: Path, dies_at_s: float) -> None:
        self.told: list[Report] = []
        self.dead = threading.Event()
        self._read = threading.Event()
        self._clock = Clock()
        self._dies_at_s = dies_at_s
        self._changed = threading.Condition()
        start = Start(
            str(source), str(output), SEGMENT_S, 5.0, time.monotonic(), spool_folder=str(folder)
        )
        self._pipeline = Pipeline(start, self._tell, Pacer(self._sleep, lambda: self._clock.now_s))
        self._pipeline.begin()
        assert self.dead.wait(10), self.told

    def _tell(self, report: Report) -> None:
        self.told.append(report)
        if isinstance(report, InputEnded):
            self._read.set()
        if isinstance(report, SegmentCut) and report.number < 2:
            self._pipeline.resolve(dubbed(report))

    def _sleep(self, seconds: float) -> None:
        if self._clock.now_s + seconds > self._dies_at_s:
            # What waits for the disk gets there: no more will come.
            assert self._read.wait(10)
            self._pipeline._spool.close()
            self.dead.set()
            threading.Event().wait()
        self._clock.sleep(seconds)


def sound_times(path: Path) -> list[int]:
    """Each AAC packet's time, in samples from the stream's time zero."""
    with av.open(str(path)) as container:
        return [
            round((float((p.pts or 0) * p.time_base) - OUTPUT_OFFSET_S) * RATE / 48) * 48
            for p in container.demux(audio=0)
            if p.size
        ]


def keyframes(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [
            float((p.pts or 0) * p.time_base) for p in container.demux(video=0) if p.is_keyframe
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "spool"
    made.mkdir()
    return made


def standing(dead: Mortal) -> dict[str, Any]:
    began = of(dead.told, Began)[0]
    return {"zero_s": began.zero_s, "zero_at": began.zero_at}


def test_a_new_worker_goes_on_with_the_very_next_sample(
    clip: Path, tmp_path: Path, folder: Path
) -> None:
    first, second = tmp_path / "first.flv", tmp_path / "second.flv"
    dead = Mortal(clip, first, folder, dies_at_s=3.3)
    assert unpublished(folder) == [1, 2, 3]
    told = carry(
        Path(),
        second,
        lambda cut: Result(cut.number, "original", RATE, 2),
        **{**standing(dead), "input_url": "", "spool_folder": str(folder)},
    )
    restored = of(told, Restored)[0]
    assert restored.numbers == [1, 2, 3]
    assert isinstance(told[-1], Finished)
    # Only those go to STS once more whose dub is not on disk.
    assert [(cut.number, bool(cut.pcm)) for cut in of(told, SegmentCut)] == [
        (1, False),
        (2, True),
        (3, True),
    ]
    assert [(r.number, r.outcome) for r in of(told, Released)] == [
        (1, "dubbed"),
        (2, "original"),
        (3, "original"),
    ]
    before, after = sound_times(first), sound_times(second)
    assert after[0] - before[-1] == pytest.approx(1024, abs=49)
    assert all(one < next_ for one, next_ in pairwise([*before, *after]))
    assert of(told, OutputConnected)[0].position_s == pytest.approx(
        restored.position_s if restored.position_s is not None else -1
    )
    assert unpublished(folder) == []
    whole = tmp_path / "whole.flv"
    carry(clip, whole, lambda cut: dubbed(cut) if cut.number < 2 else original_of(cut))
    joined = np.zeros(4 * RATE, np.float32)
    for part in (first, second):
        heard = sound(part)[: 4 * RATE]
        joined[: len(heard)] += heard
    assert onsets(joined) == pytest.approx(onsets(sound(whole)), abs=70)


def original_of(cut: SegmentCut) -> Result:
    return Result(cut.number, "original", RATE, 2)


def test_the_picture_comes_back_with_a_keyframe_and_never_twice(
    clip: Path, tmp_path: Path, folder: Path
) -> None:
    first, second = tmp_path / "first.flv", tmp_path / "second.flv"
    dead = Mortal(clip, first, folder, dies_at_s=3.3)
    carry(Path(), second, **{**standing(dead), "input_url": "", "spool_folder": str(folder)})
    before, after = packets(first), packets(second)
    source = packets(clip)
    first_s = before[-1][0] - OUTPUT_OFFSET_S + 0.01
    keyframe = next(p for p in source if p[0] in keyframes(clip) and p[0] > first_s)
    assert after[0][2] == keyframe[2]
    assert after[0][1] > before[-1][1]
    # Held until its own time, then every picture in its place.
    shown = [(round(pts - OUTPUT_OFFSET_S, 3), h) for pts, _, h in after]
    own = shown.index((round(keyframe[0], 3), keyframe[2]))
    assert [h for _, h in shown[own:]] == [h for pts, _, h in source if pts >= keyframe[0]]


def test_what_is_on_disk_goes_out_before_what_is_read_now(
    clip: Path, tmp_path: Path, folder: Path
) -> None:
    dead = Mortal(clip, tmp_path / "first.flv", folder, dies_at_s=3.3)
    later = make_clip(tmp_path / "later.flv", seconds=1, first_s=5.0)
    known = {**standing(dead), "zero_at": time.time() - 5.0, "first_number": 4, "from_s": 3.5}
    second = tmp_path / "second.flv"
    told = carry(later, second, **{**known, "spool_folder": str(folder)})
    assert [r.number for r in of(told, Released)] == [1, 2, 3, 4, 5]
    began = of(told, Began)[0]
    assert began.number == 4
    assert began.start_s == pytest.approx(5.0, abs=0.03)
    gaps = [after - before for before, after in pairwise(sound_times(second))]
    # The clock goes on over what nobody could read, and never back.
    assert min(gaps) > 0
    assert [gap for gap in gaps if gap > 1200] == [pytest.approx(1.46 * RATE, abs=1500)]
    shown = packets(second)
    assert all(one[1] < next_[1] for one, next_ in pairwise(shown))
    assert onsets(sound(second))[-1] / RATE == pytest.approx(5.0, abs=0.0015)


@pytest.mark.parametrize("step_s", [0.0, 3600.0], ids=["", "the wall's clock is put right"])
def test_a_source_that_comes_back_in_time_goes_on_in_the_same_output(
    step_s: float, clip: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = time.time
    output, told = tmp_path / "out.flv", list[Report]()
    again = make_clip(tmp_path / "again.flv", seconds=1.2)
    reads = iter([Read(str(again), time.monotonic(), another=True)])
    held = threading.Event()

    def tell(report: Report) -> None:
        told.append(report)
        if isinstance(report, InputEnded) and (command := next(reads, None)) is not None:
            threading.Timer(0.2, lambda: come_back(command)).start()
        elif isinstance(report, SegmentCut) and not report.tail:
            pipeline.resolve(original_of(report))

    def come_back(command: Read) -> None:
        monkeypatch.setattr(time, "time", lambda: wall() + step_s)
        pipeline.read(command)
        held.set()

    clock = Clock()

    def sleep(seconds: float) -> None:
        assert held.wait(10)
        clock.sleep(seconds)

    start = Start(str(clip), str(output), 1.0, 5.0, time.monotonic(), spool_folder=str(folder))
    pipeline = Pipeline(start, tell, Pacer(sleep, lambda: clock.now_s))
    pipeline.begin()
    assert pipeline.done.wait(20), told
    assert isinstance(told[-1], Finished)
    first, second = of(told, Began)
    assert (first.number, second.number) == (0, 4)
    # A file is read faster than time passes: what comes next lies right behind.
    assert second.start_s == pytest.approx(3.5, abs=0.06)
    assert [r.number for r in of(told, Released)] == [0, 1, 2, 3, 4, 5]
    assert len(of(told, OutputConnected)) == 1
    assert all(one < next_ for one, next_ in pairwise(sound_times(output)))
    assert len(packets(output)) == len(packets(clip)) + len(packets(again))
    late = Read(str(again), time.monotonic())
    pipeline.read(late)
    assert isinstance(told[-1], Finished)


def test_the_end_of_one_reading_does_not_shut_the_next_ones_queues(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = make_clip(tmp_path / "again.flv", seconds=1.2)
    told = list[Report]()
    read, drained = threading.Event(), threading.Event()
    close, read_source = VideoQueue.close, Pipeline._read_source

    def come_back() -> None:
        pipeline.read(Read(str(again), time.monotonic(), another=True))
        read.set()

    def late_close(queue: VideoQueue) -> None:
        monkeypatch.setattr(VideoQueue, "close", close)
        threading.Thread(target=come_back).start()
        read.wait(0.3)
        close(queue)

    def late_read(pipeline: Pipeline, reading: Reading) -> str:
        if reading.input_url == str(again):
            # Those of the first reading have gone out by then: the queues are empty.
            assert drained.wait(10)
            time.sleep(0.2)
        return read_source(pipeline, reading)

    def tell(report: Report) -> None:
        told.append(report)
        if isinstance(report, SegmentCut) and not report.tail:
            pipeline.resolve(original_of(report))
        if isinstance(report, Released) and report.number == 3:
            drained.set()

    clock = Clock()

    def sleep(seconds: float) -> None:
        assert read.wait(10)
        clock.sleep(seconds)

    monkeypatch.setattr(VideoQueue, "close", late_close)
    monkeypatch.setattr(Pipeline, "_read_source", late_read)
    start = Start(str(clip), str(tmp_path / "out.flv"), 1.0, 5.0, time.monotonic())
    pipeline = Pipeline(start, tell, Pacer(sleep, lambda: clock.now_s))
    pipeline.begin()
    assert pipeline.done.wait(20), told
    assert [r.number for r in of(told, Released)] == [0, 1, 2, 3, 4, 5]


def test_a_source_that_does_not_come_back_has_ended(
    clip: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.worker.source.RETRY_S", 0.0)
    told: list[Report] = []
    gone = Read(str(tmp_path / "gone.flv"), time.monotonic())
    ends: list[InputEnded] = []
    held = threading.Event()

    def tell(report: Report) -> None:
        told.append(report)
        if isinstance(report, InputEnded):
            ends.append(report)
            if len(ends) == 1:
                threading.Timer(0.1, lambda: pipeline.read(gone)).start()
            else:
                held.set()
        elif isinstance(report, SegmentCut) and not report.tail:
            pipeline.resolve(original_of(report))

    clock = Clock()

    def sleep(seconds: float) -> None:
        assert held.wait(10)
        clock.sleep(seconds)

    start = Start(str(clip), str(tmp_path / "out.flv"), 1.0, 5.0, time.monotonic())
    pipeline = Pipeline(start, tell, Pacer(sleep, lambda: clock.now_s))
    pipeline.begin()
    assert pipeline.done.wait(20), told
    assert [end.reason for end in ends] == ["end_of_stream", "input_unreadable"]
    assert isinstance(told[-1], Finished)
    assert [r.number for r in of(told, Released)] == [0, 1, 2, 3]


def test_a_source_with_other_pictures_is_left_to_the_next_worker(
    clip: Path, tmp_path: Path, folder: Path
) -> None:
    dead = Mortal(clip, tmp_path / "first.flv", folder, dies_at_s=3.3)
    other = make_clip(tmp_path / "other.flv", seconds=1, first_s=5.0, b_frames=2)
    known = {**standing(dead), "zero_at": time.time() - 5.0, "first_number": 4, "from_s": 3.5}
    told = carry(other, tmp_path / "second.flv", **{**known, "spool_folder": str(folder)})
    assert [r.number for r in of(told, Released)] == [1, 2, 3]
    failed = told[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.retryable) == ("source_changed", True)
    # Another worker may: this one has its output open already.
    assert of(told, InputEnded)[-1] == InputEnded("source_changed", retryable=False)


def test_a_spool_that_cannot_be_read_costs_what_is_in_it(clip: Path, tmp_path: Path) -> None:
    told = carry(clip, tmp_path / "out.flv", spool_folder=str(tmp_path / "gone"))
    assert isinstance(told[-1], Finished)
    assert len(of(told, Released)) == 4


def test_what_finds_no_place_in_the_queues_stays_on_disk(
    clip: Path, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Mortal(clip, tmp_path / "first.flv", folder, dies_at_s=1.5)
    unsent = unpublished(folder)
    assert unsent
    monkeypatch.setattr("media_service.worker.waiting_room.VideoQueue.__init__.__defaults__", (1,))
    told = carry(
        Path(),
        tmp_path / "second.flv",
        **{**standing(dead), "input_url": "", "spool_folder": str(folder)},
    )
    failed = told[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "video_backlog_full"
    assert unpublished(folder) == unsent
