"""The proofs about refusals, on made answers: what they have to accept, and what not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast
from uuid import uuid4

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.refusal_proofs import (
    prove_each_code_answered,
    prove_each_counted_once,
    prove_ended_in_order,
    prove_only_last_admitted,
    prove_taken_up_whole,
)
from environment.runs.provocations import _PROVOKERS, Answer
from environment.stack.containers import StsServiceContainer
from services.contracts import AudioPayload, ErrorCode

ANSWERS = [Answer(code.value, code.value, "words", code.retryable) for code in ErrorCode]
SENT = [{"sequence_number": number} for number in range(3)]
SHUTTING_DOWN = {"code": "QUEUE_FULL", "retryable": True}
REFUSAL = {**SHUTTING_DOWN, "severity": "error"}
FAREWELL = {**SHUTTING_DOWN, "severity": "fatal"}


def result(number: int, status: str = "success") -> dict[str, Any]:
    audio = AudioPayload.from_pcm(bytes(320), sample_rate_hz=16_000, channels=1)
    error = {"code": "TIMEOUT", "message": "slow", "retryable": True}
    return {
        "fragment_id": str(uuid4()),
        "stream_id": "s",
        "sequence_number": number,
        "status": status,
        "processing_time_ms": 1,
        "transcript": "",
        "translated_text": "",
        "dubbed_audio": audio.wire(),
        **({} if status == "success" else {"error": error}),
    }


class Counters:
    def __init__(self, counts: Mapping[str, float]) -> None:
        self._counts = counts

    def metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        return {
            ("sts_errors_total", frozenset({("code", code)})): count
            for code, count in self._counts.items()
        } | {("sts_inflight", frozenset()): 0.0}


def counters(**changes: float) -> StsServiceContainer:
    counts = dict.fromkeys((code.value for code in ErrorCode), 1.0) | changes
    return cast(StsServiceContainer, Counters(counts))


def test_there_is_a_way_to_provoke_every_code() -> None:
    assert {*_PROVOKERS, "AUTH_FAILED"} == {code.value for code in ErrorCode}


def test_every_code_is_answered() -> None:
    prove_each_code_answered(ANSWERS)


@pytest.mark.parametrize(
    "answers",
    [
        ANSWERS[1:],
        [*ANSWERS, ANSWERS[0]],
        [replace(ANSWERS[0], code="INVALID_CONFIG"), *ANSWERS[1:]],
        [replace(ANSWERS[0], code=None), *ANSWERS[1:]],
        [replace(ANSWERS[0], message=""), *ANSWERS[1:]],
        [replace(ANSWERS[0], retryable=True), *ANSWERS[1:]],
    ],
)
def test_a_code_that_is_missing_or_wrong_is_noticed(answers: list[Answer]) -> None:
    with pytest.raises(ExpectationFailed):
        prove_each_code_answered(answers)


def test_each_is_counted_once() -> None:
    prove_each_counted_once(ANSWERS, counters())
    for counted in (counters(TIMEOUT=2.0), counters(TIMEOUT=0.0)):
        with pytest.raises(ExpectationFailed):
            prove_each_counted_once(ANSWERS, counted)


def test_a_session_is_taken_up_whole() -> None:
    prove_taken_up_whole([result(0)], [result(1), result(2)], SENT, {"total_fragments": 3})


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        ([0], [2], 3),
        ([0, 1], [1, 2], 3),
        ([0], [2, 1], 3),
        ([0], [1, 2], 4),
        ([0, 1, 2], [], 3),
    ],
    ids=["lost", "twice", "out of order", "counted twice", "nothing after the break"],
)
def test_a_session_that_is_not_is_noticed(first: list[int], second: list[int], total: int) -> None:
    before, after = ([result(number) for number in numbers] for numbers in (first, second))
    with pytest.raises(ExpectationFailed):
        prove_taken_up_whole(before, after, SENT, {"total_fragments": total})


def test_a_failure_after_the_break_is_noticed() -> None:
    after = [result(1), result(2, "failed")]
    with pytest.raises(ExpectationFailed):
        prove_taken_up_whole([result(0)], after, SENT, {"total_fragments": 3})


def test_only_the_last_is_admitted() -> None:
    refused = {"data": {"code": "AUTH_FAILED"}}
    prove_only_last_admitted([refused, refused, None])
    for told in ([refused, None, None], [refused, refused, refused], [refused, {}, None]):
        with pytest.raises(ExpectationFailed):
            prove_only_last_admitted(told)


def test_an_end_in_order() -> None:
    prove_ended_in_order(result(1), REFUSAL, FAREWELL)


@pytest.mark.parametrize(
    ("answered", "refusal", "farewell"),
    [
        ({"status": "none"}, REFUSAL, FAREWELL),
        (result(1, "failed"), REFUSAL, FAREWELL),
        (result(1), {**REFUSAL, "retryable": False}, FAREWELL),
        (result(1), {**REFUSAL, "code": "MODEL_ERROR"}, FAREWELL),
        (result(1), REFUSAL, REFUSAL),
    ],
)
def test_an_end_out_of_order_is_noticed(
    answered: dict[str, Any], refusal: dict[str, Any], farewell: dict[str, Any]
) -> None:
    with pytest.raises(ExpectationFailed):
        prove_ended_in_order(answered, refusal, farewell)
