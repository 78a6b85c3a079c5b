"""The whole worker, from a made clip to an FLV file, against exact expectations."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import av
import numpy as np
import numpy.typing as npt
import pytest

from media_service.protocol import (
    Began,
    Failed,
    Finished,
    InputEnded,
    Opened,
    Released,
    Report,
    Result,
    SegmentCut,
    Start,
)
from media_service.worker.output import OUTPUT_OFFSET_S
from media_service.worker.pacer import Pacer
from media_service.worker.pipeline import Pipeline
from media_service.worker.timeline import AudioTimeline, Placement
from tests.media_service.clips import RATE, clicks, make_clip

Dub = Callable[[SegmentCut], Result]
Kind = TypeVar("Kind", bound=Report)
Samples = npt.NDArray[np.float32]


def original(cut: SegmentCut) -> Result:
    return Result(cut.number, "original", RATE, 2)


def dubbed(cut: SegmentCut) -> Result:
    """Answer with a click of another pitch at the segment's start."""
    return Result(cut.number, "dubbed", RATE, 2, clicks(0, RATE // 2, 3000).tobytes())


class Clock:
    """A wall clock that runs as fast as it is asked to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def carry(source: Path, output: Path, dub: Dub = original, **changes: object) -> list[Report]:
    """Run one stream through the worker; return all that it told."""
    settings: dict[str, object] = {
        "input_url": str(source),
        "output_url": str(output),
        "segment_s": 1.0,
        "result_timeout_s": 5.0,
        "ready_since_s": time.monotonic(),
        **changes,
    }
    told: list[Report] = []
    lock = threading.Lock()
    clock = Clock()

    def tell(report: Report) -> None:
        with lock:
            told.append(report)
        if isinstance(report, SegmentCut) and not report.tail:
            pipeline.resolve(dub(report))

    pipeline = Pipeline(
        Start(**settings),  # type: ignore[arg-type]
        tell,
        Pacer(clock.sleep, lambda: clock.now_s),
    )
    pipeline.begin()
    assert pipeline.done.wait(20), told
    with lock:
        # The other thread may have told more after the end.
        ends = [report for report in told if isinstance(report, Finished | Failed)]
        assert len(ends) == 1
        assert pipeline.exit_code == (0 if isinstance(ends[0], Finished) else 1)
        return [report for report in told if report is not ends[0]] + ends


def of(told: list[Report], kind: type[Kind]) -> list[Kind]:
    return [report for report in told if isinstance(report, kind)]


def packets(path: Path) -> list[tuple[float, float, str]]:
    """Return (pts, dts, hash) of each H.264 packet, in file order."""
    with av.open(str(path)) as container:
        return [
            (
                float((packet.pts or 0) * packet.time_base),
                float((packet.dts or 0) * packet.time_base),
                hashlib.sha256(bytes(packet)).hexdigest(),
            )
            for packet in container.demux(video=0)
            if packet.size
        ]


def sound(path: Path, *, zero_s: float = OUTPUT_OFFSET_S) -> Samples:
    """Return the left channel, sample 0 being the stream's time zero (``zero_s`` in the file)."""
    length = 0
    placed = np.zeros(20 * RATE, np.float32)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray()[0]
            assert frame.pts is not None
            assert frame.time_base is not None
            start = round((float(frame.pts * frame.time_base) - zero_s) * RATE)
            skip = max(0, -start)
            placed[start + skip : start + len(samples)] = samples[skip:]
            length = max(length, start + len(samples))
    return placed[:length]


def onsets(samples: Samples) -> list[int]:
    """Return where each sound begins, to some samples."""
    loud = np.flatnonzero(np.abs(samples) > 0.15)
    return [int(at) for at, before in zip(loud, [-RATE, *loud], strict=False) if at - before > 4800]


def test_packets_are_identical_and_in_order(clip: Path, tmp_path: Path) -> None:
    told = carry(clip, tmp_path / "out.flv")
    before, after = packets(clip), packets(tmp_path / "out.flv")
    assert [h for *_, h in after] == [h for *_, h in before]
    shifts = {round(out[0] - src[0], 3) for out, src in zip(after, before, strict=True)}
    assert shifts == {OUTPUT_OFFSET_S}
    assert isinstance(told[-1], Finished)
    opened = of(told, Opened)[-1]
    assert (opened.video_codec, opened.width, opened.height) == ("h264", 64, 64)


def test_b_frame_offsets_survive(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "b.flv", seconds=2, b_frames=2)
    carry(source, tmp_path / "out.flv")
    before, after = packets(source), packets(tmp_path / "out.flv")
    assert any(pts != dts for pts, dts, _ in before)
    assert [(h, round(pts - dts, 3)) for pts, dts, h in after] == [
        (h, round(pts - dts, 3)) for pts, dts, h in before
    ]


def test_original_sound_keeps_its_place_to_a_millisecond(clip: Path, tmp_path: Path) -> None:
    carry(clip, tmp_path / "out.flv")
    made = [at / RATE for at in onsets(sound(clip, zero_s=0.0))]
    heard = [at / RATE for at in onsets(sound(tmp_path / "out.flv"))]
    assert len(heard) == 4
    assert heard == pytest.approx(made, abs=0.0015)


def test_dubbed_sound_starts_where_its_segment_starts(clip: Path, tmp_path: Path) -> None:
    told = carry(clip, tmp_path / "out.flv", dubbed, segment_s=1.5)
    heard = onsets(sound(tmp_path / "out.flv"))
    assert [at / RATE for at in heard] == pytest.approx([0, 1.5, 3.0], abs=0.0015)
    released = of(told, Released)
    assert [(r.number, r.outcome) for r in released] == [
        (0, "dubbed"),
        (1, "dubbed"),
        (2, "dubbed"),
    ]
    assert all(abs(r.skew_ms if r.skew_ms is not None else 99) < 0.01 for r in released)


def test_output_lasts_as_long_as_the_input(clip: Path, tmp_path: Path) -> None:
    carry(clip, tmp_path / "out.flv")
    assert len(sound(tmp_path / "out.flv")) / RATE == pytest.approx(3.5, abs=0.05)


def test_a_missed_head_is_silent_and_shows_the_first_picture(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "late.flv", seconds=2, first_s=1.2)
    told = carry(source, tmp_path / "out.flv", ready_since_s=time.monotonic() - 1.0, segment_s=6.0)
    began = of(told, Began)[0]
    assert began.zero_s == 0
    assert began.missed_head_s == pytest.approx(1.2, abs=0.03)
    before, after = packets(source), packets(tmp_path / "out.flv")
    held = [pts for pts, _, h in after if h == before[0][2]]
    assert held == pytest.approx([0.1, 0.55, 1.0, 1.3], abs=0.002)
    assert [h for *_, h in after[3:]] == [h for *_, h in before]
    assert all(one[1] < next_[1] for one, next_ in pairwise(after))
    heard = sound(tmp_path / "out.flv")
    assert len(heard) / RATE == pytest.approx(3.2, abs=0.05)
    assert onsets(heard)[0] / RATE == pytest.approx(1.2, abs=0.0015)


def test_a_rest_is_dubbed_and_a_tail_is_not(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "tail.flv", seconds=2.1)
    cuts = of(carry(source, tmp_path / "out.flv", dubbed), SegmentCut)
    assert [(cut.number, cut.tail) for cut in cuts] == [(0, False), (1, False), (2, True)]
    assert not cuts[-1].pcm


def test_without_a_word_the_original_goes_out(clip: Path, tmp_path: Path) -> None:
    told = carry(
        clip,
        tmp_path / "out.flv",
        # The word on the first segment never comes, and a wrong one does.
        lambda cut: Result(99 if cut.number == 0 else cut.number, "original", RATE, 2),
        result_timeout_s=-2.0,
    )
    assert {r.outcome for r in of(told, Released)} == {"original"}
    assert isinstance(told[-1], Finished)


def test_a_new_worker_takes_the_timeline_over(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "on.flv", seconds=2, first_s=5.5)
    standing: dict[str, Any] = {
        "zero_s": 0.0,
        "zero_at": time.time() - 5.5,
        "first_number": 3,
        "from_s": 4.2,
    }
    told = carry(source, tmp_path / "out.flv", **standing)
    cuts = of(told, SegmentCut)
    assert [cut.number for cut in cuts] == [3, 4, 5]
    assert cuts[0].start_s == pytest.approx(5.5, abs=0.03)
    assert onsets(sound(tmp_path / "out.flv"))[0] / RATE == pytest.approx(5.5, abs=0.0015)


@pytest.mark.parametrize(
    ("options", "reason", "message"),
    [
        ({"audio": False}, "no_audio", "audio track required for dubbing"),
        ({"video": None}, "no_video", "video track required for dubbing"),
        ({"video": "mpeg4"}, "unsupported_codec", "unsupported video codec mpeg4"),
    ],
)
def test_what_cannot_be_dubbed_fails_clearly(
    options: dict[str, object], reason: str, message: str, tmp_path: Path
) -> None:
    source = make_clip(tmp_path / "bad.mkv", seconds=1, **options)  # type: ignore[arg-type]
    failed = carry(source, tmp_path / "out.flv")[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.retryable) == (reason, False)
    assert failed.message.startswith(message)


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_track_whose_sound_comes_late_is_silent_before(goes_on: bool, tmp_path: Path) -> None:
    source = make_clip(tmp_path / "late.flv", seconds=7, sound_from_s=5.0)
    standing: dict[str, Any] = {"zero_at": time.time(), "zero_s": 0.0} if goes_on else {}
    told = carry(source, tmp_path / "out.flv", tracks=2, **standing)
    assert isinstance(told[-1], Finished), told[-1]
    assert [cut.number for cut in of(told, SegmentCut) if not cut.tail] == list(range(7))
    assert len(of(told, Began)) == 1
    # Nothing is cut of a timeline that nobody was told of.
    kinds = [type(report) for report in told]
    assert kinds.index(Began) < kinds.index(SegmentCut)
    heard = [at / RATE for at in onsets(sound(tmp_path / "out.flv"))]
    assert heard == pytest.approx([5.0, 6.0], abs=0.0015)


def test_a_track_that_is_never_heard_is_silent_and_its_pictures_go_out(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "mute.flv", seconds=5, sound_from_s=9.0)
    told = carry(source, tmp_path / "out.flv", tracks=2)
    assert isinstance(told[-1], Finished), told[-1]
    assert len(packets(tmp_path / "out.flv")) >= 50


def test_a_track_that_the_media_server_does_not_know_is_none(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "late.flv", seconds=7, sound_from_s=5.0)
    failed = carry(source, tmp_path / "out.flv", tracks=1)[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.retryable) == ("no_audio", False)
    assert failed.message.startswith("audio track required for dubbing")


def test_pictures_that_jump_before_any_sound_came_can_be_tried_again(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "jump.flv", seconds=4, sound_from_s=9.0, jump_at_s=2.0)
    failed = carry(source, tmp_path / "out.flv", tracks=2)[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.retryable) == ("timestamp_jump", True)


def test_what_was_dubbed_before_an_error_still_goes_out(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = AudioTimeline.place

    def jump(self: AudioTimeline, timestamp_s: float, samples: int) -> Placement:
        late_s = 60.0 if timestamp_s > 2.5 else 0.0
        return place(self, timestamp_s + late_s, samples)

    monkeypatch.setattr(AudioTimeline, "place", jump)
    told = carry(clip, tmp_path / "out.flv", dubbed)
    failed = told[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.retryable) == ("timestamp_jump", True)
    assert [r.number for r in of(told, Released)] == [0, 1, 2]
    assert len(sound(tmp_path / "out.flv")) / RATE == pytest.approx(2.5, abs=0.1)


def test_garbage_fails_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_service.worker.source.RETRY_S", 0.0)
    source = tmp_path / "garbage.flv"
    source.write_bytes(bytes(range(256)) * 100)
    failed = carry(source, tmp_path / "out.flv")[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "input_unreadable"


def test_a_source_that_breaks_off_is_finished(clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.flv"
    broken.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    told = carry(broken, tmp_path / "out.flv")
    assert isinstance(told[-1], Finished)
    assert of(told, InputEnded)
    assert len(of(told, Released)) == len(of(told, SegmentCut)) >= 2


def test_an_output_that_cannot_be_opened_may_be_tried_again(clip: Path, tmp_path: Path) -> None:
    failed = carry(clip, tmp_path / "nowhere" / "out.flv")[-1]
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.retryable) == ("output_failed", True)


def test_video_that_waits_is_bounded(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media_service.worker.waiting_room.VideoQueue.__init__.__defaults__", (1,))
    failed = carry(clip, tmp_path / "out.flv")[-1]
    assert isinstance(failed, Failed)
    assert failed.reason == "video_backlog_full"
