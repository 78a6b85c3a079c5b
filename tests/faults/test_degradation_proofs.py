"""The proofs about degraded streams and about runs that warn: each fails on what is not so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.account import Fate
from environment.measuring.sendings import Sending
from environment.measuring.takes import own_clocks
from environment.proofs.degradation_proofs import (
    prove_complete,
    prove_degraded,
    prove_dropped_late,
    prove_failed_alone,
    prove_goes_out,
    prove_no_error_logged,
    prove_no_output,
    prove_timed_out,
    what_was_not_dubbed,
)
from environment.proofs.warning_proofs import prove_failed_on, prove_passed_with_warning
from environment.session import CLIPS, MAIN_CLIP

BEGAN = 1_800_000_000.0
NONE_YET = {("media_service_results_late_total", frozenset[tuple[str, str]]()): 0.0}
REPORT = {
    "stream_id": "s1",
    "path_in": "live/x/in",
    "state": "failed",
    "error": "audio track required for dubbing",
    "worker": {"pid": 7, "exit_code": 1},
}


def line(at_s: float, event: str, **fields: object) -> str:
    time = datetime.fromtimestamp(BEGAN + at_s, UTC).isoformat()
    return json.dumps({"time": time, "event": event, **fields})


class Service:
    def __init__(self, *lines: str) -> None:
        self.lines = lines
        self.late = 1.0
        self.looked = 1
        self.healthy = True

    def logs(self, since: float) -> str:
        return "\n".join(self.lines)

    def metric(self, _name: str) -> float:
        return self.late

    def exec(self, *_argv: str) -> Any:
        return SimpleNamespace(exit_code=self.looked)

    def is_answering(self) -> bool:
        return self.healthy


def stack(*lines: str) -> Any:
    return SimpleNamespace(media_service=Service(*lines))


def segment(number: int, outcome: str, reason: str | None, took_s: float = 1.0) -> dict[str, Any]:
    return {
        "number": number,
        "outcome": outcome,
        "reason": reason,
        "cut_at": BEGAN,
        "released_at": BEGAN + took_s,
    }


def aftermath(*segments: dict[str, Any], answered: bool = True) -> Any:
    fragment = SimpleNamespace(status="success" if answered else None)
    return SimpleNamespace(
        segments=segments,
        folder=Path("kept"),
        fragments={1: fragment},
        began_at=BEGAN,
        output_bytes=output_silent_until(43.2),
    )


def output_silent_until(end_s: float) -> list[tuple[float, int]]:
    """An output from 8 s on, whose second segment comes then instead of at 14 s."""
    half_seconds = [half / 2 for half in range(16, 120)]
    played = [s - 8 if s < 14 else max(6, s - end_s + 6) for s in half_seconds]
    return [(BEGAN + s, round(100 * p) + 1) for s, p in zip(half_seconds, played, strict=True)]


def test_what_is_not_dubbed_is_named() -> None:
    assert what_was_not_dubbed(aftermath(segment(0, "dubbed", None))) is None
    with pytest.raises(ExpectationFailed, match="all of them dubbed"):
        prove_degraded(aftermath(segment(0, "dubbed", None)))
    said = what_was_not_dubbed(
        aftermath(segment(0, "dubbed", None), segment(1, "original", "timeout"))
    )
    assert said == "segments 1 went out with their original audio: timeout"


@pytest.mark.parametrize(
    ("outcome", "reason", "took_s", "fits"),
    [
        ("original", "timeout", 30.2, True),
        ("original", "timeout", 29.0, False),
        ("original", "timeout", 34.0, False),
        ("original", "sts_failed", 30.2, False),
        ("dubbed", None, 30.2, False),
    ],
)
def test_a_segment_times_out_when_its_time_is_over(
    outcome: str, reason: str | None, took_s: float, fits: bool
) -> None:
    told = aftermath(segment(1, outcome, reason, took_s))
    if fits:
        prove_timed_out(told, 1, 30, 3, length_s=6)
        return
    with pytest.raises(ExpectationFailed):
        prove_timed_out(told, 1, 30, 3, length_s=6)


@pytest.mark.parametrize("end_s", [14.0, 39.0, 48.0])
def test_a_time_that_is_over_is_over_by_the_harness_s_own_clock(end_s: float) -> None:
    told = aftermath(segment(1, "original", "timeout", 30.2))
    told.output_bytes = output_silent_until(end_s)
    with pytest.raises(ExpectationFailed, match="the stream was published"):
        prove_timed_out(told, 1, 30, 3, length_s=6)


def test_a_late_result_is_on_the_wire_in_the_log_and_in_the_counter() -> None:
    late = line(1, "fragment_late", sequence_number=1)
    prove_dropped_late(stack(late), aftermath(), 1, NONE_YET, since=BEGAN)
    uncounted = stack(late)
    uncounted.media_service.late = 0.0
    for told, left in (
        (stack(), aftermath()),
        (uncounted, aftermath()),
        (stack(late), aftermath(answered=False)),
    ):
        with pytest.raises(ExpectationFailed):
            prove_dropped_late(told, left, 1, NONE_YET, since=BEGAN)


ERROR = line(1, "stream_failed", level="error", stream_id="s1", error=REPORT["error"])


def test_an_error_about_the_stream_is_seen_and_one_about_another_is_not() -> None:
    prove_no_error_logged(stack(ERROR.replace("s1", "s2")), REPORT, since=BEGAN)
    with pytest.raises(ExpectationFailed, match="audio track required"):
        prove_no_error_logged(stack(ERROR), REPORT, since=BEGAN)


def test_a_failed_stream_has_an_error_a_dead_worker_and_a_healthy_service() -> None:
    text = "audio track required"
    prove_failed_alone(stack(ERROR), REPORT, text, since=BEGAN)
    there, blind, ill = stack(ERROR), stack(ERROR), stack(ERROR)
    there.media_service.looked, blind.media_service.looked = 0, 127
    ill.media_service.healthy = False
    worker = {"pid": 7, "exit_code": 0}
    for told, report in (
        (stack(), REPORT),
        (stack(ERROR.replace("error", "info", 1)), REPORT),
        (stack(ERROR), REPORT | {"state": "finished"}),
        (stack(ERROR), REPORT | {"worker": worker}),
        (stack(ERROR), REPORT | {"worker": {"pid": None, "exit_code": 1}}),
        (there, REPORT),
        (blind, REPORT),
        (ill, REPORT),
    ):
        with pytest.raises(ExpectationFailed):
            prove_failed_alone(told, report, text, since=BEGAN)


def complete(skew_ms: float = 2.0) -> Any:
    clip = CLIPS / MAIN_CLIP
    return SimpleNamespace(
        sources=(clip,),
        outputs=(clip,),
        source=own_clocks([clip]),
        fates={0: Fate(0, "dubbed", 0.0, 2.0, 0.9), 1: Fate(1, "original", 6.0, skew_ms, 0.9)},
        segments=[
            segment(0, "dubbed", None) | {"start_s": 0.0, "duration_s": 6.0},
            segment(1, "original", "timeout") | {"start_s": 6.0, "duration_s": 24.0},
        ],
        lost_pictures=(),
        stretches=(),
        parts=(),
        sent=(),
        folder=Path("kept"),
    )


def test_a_complete_output_is_in_sync_all_through() -> None:
    prove_complete(complete())
    with pytest.raises(ExpectationFailed, match=r"segment 1 original \+321\.0 ms"):
        prove_complete(complete(skew_ms=321.0))


def test_a_complete_output_has_the_dubs_of_what_was_sent() -> None:
    told = complete()
    told.sent = (Sending(1, None, 0.1),)
    with pytest.raises(ExpectationFailed, match="segment 1: not there"):
        prove_complete(told)


def test_an_output_that_was_there_for_a_while_is_noticed() -> None:
    def served(state: Any) -> Any:
        return SimpleNamespace(media_server=SimpleNamespace(path=lambda _name: state))

    def followed(*samples: tuple[float, int]) -> Any:
        return SimpleNamespace(path_out="live/x/out", output_bytes=samples)

    prove_no_output(served(None), followed())
    for state, stream in ((None, followed((BEGAN, 9))), ({"ready": True}, followed())):
        with pytest.raises(ExpectationFailed):
            prove_no_output(served(state), stream)


@pytest.mark.parametrize(
    ("samples", "lines", "seen"),
    [
        ((), (ERROR,), "there was never an output stream live/x/out; stream_failed: audio track"),
        ((), (), "there was never an output stream"),
        (((BEGAN, 0),), (), "there was never an output stream"),
        (((BEGAN, 9),), (ERROR,), "seen: stream_failed: audio track"),
    ],
)
def test_a_stream_that_does_not_go_out_is_told_by_its_output_and_its_error(
    samples: tuple[tuple[float, int], ...], lines: tuple[str, ...], seen: str
) -> None:
    def followed(*samples: tuple[float, int]) -> Any:
        return SimpleNamespace(path_out="live/x/out", output_bytes=samples, report=REPORT)

    prove_goes_out(stack(), followed((BEGAN, 0), (BEGAN, 9)), since=BEGAN)
    with pytest.raises(ExpectationFailed, match=seen):
        prove_goes_out(stack(*lines), followed(*samples), since=BEGAN)


def nested(outcome: str, *, warns: str = "", reason: str = "", printed: str = "") -> Any:
    result = {"outcome": outcome, "warnings": [warns] if warns else [], "reason": reason}
    others: dict[str, Any] = {"outcome": "not_selected", "warnings": [], "reason": None}
    events = [SimpleNamespace(event="warning", fields={"what": warns})] if warns else []
    return SimpleNamespace(
        summary={"results": [result, others]},
        events=events,
        output=printed,
        log_file=Path("nested.log"),
    )


def test_a_run_that_passes_with_a_warning() -> None:
    printed = "1 passed\nwarning       x: it is late"
    prove_passed_with_warning(nested("passed", warns="it is late", printed=printed), 0, "is late")
    for run, status in (
        (nested("passed", warns="it is late", printed=printed), 1),
        (nested("failed", warns="it is late", printed=printed), 0),
        (nested("passed", printed=printed), 0),
        (nested("passed", warns="it is late", printed="1 passed"), 0),
    ):
        with pytest.raises(ExpectationFailed):
            prove_passed_with_warning(run, status, "is late")


def test_a_run_that_fails_on_what_it_saw() -> None:
    reason = "expected: no error\nseen: no audio track"
    prove_failed_on(nested("failed", reason=reason, printed=reason), 1, "no audio track")
    for run, status in (
        (nested("failed", reason=reason, printed=reason), 0),
        (nested("passed", reason=reason, printed=reason), 1),
        (nested("failed", reason="expected: no audio track\nseen: x", printed=reason), 1),
        (
            nested("failed", reason=reason, printed=f"Traceback (most recent call last)\n{reason}"),
            1,
        ),
    ):
        with pytest.raises(ExpectationFailed):
            prove_failed_on(run, status, "no audio track")
