"""Proofs that sts-service refuses in the words of its contract, and goes on as if nothing were.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from environment.expectations import expect
from services.contracts import ErrorCode, FragmentProcessed

if TYPE_CHECKING:
    from environment.runs.provocations import Answer
    from environment.stack.containers import ServiceContainer


def prove_each_code_answered(answers: Sequence[Answer]) -> None:
    """Every code of the contract was given to what provokes it, with words and what to do."""
    asked = sorted(answer.wanted for answer in answers)
    expect(
        asked == sorted(code.value for code in ErrorCode),
        expected="a provocation for each code of services/contracts/errors.py",
        seen=asked,
        hint="the table of the scenario.",
    )
    wrong = [
        answer
        for answer in answers
        if answer.code != answer.wanted
        or not answer.message
        or answer.retryable is not ErrorCode(answer.wanted).retryable
    ]
    expect(
        not wrong,
        expected="each code, a message, and whether it may be tried again as docs/wire.md has it",
        seen=wrong,
        hint="the log of the scenario's own sts-service.",
    )


def prove_each_counted_once(answers: Sequence[Answer], service: ServiceContainer) -> None:
    """The service's own counters agree, code by code: one each."""
    seen = {
        dict(labels)["code"]: value
        for (name, labels), value in service.metrics().items()
        if name == "sts_errors_total"
    }
    expect(
        seen == dict.fromkeys((answer.wanted for answer in answers), 1.0),
        expected="each code counted once in sts_errors_total",
        seen=seen,
        hint="/metrics of the scenario's own sts-service.",
    )


def prove_taken_up_whole(
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    sent: Sequence[Mapping[str, Any]],
    complete: Mapping[str, Any],
) -> None:
    """Every fragment has one result, over both connections, in order; the end counts each once."""
    results = [FragmentProcessed.model_validate(result) for result in (*first, *second)]
    numbers = [result.sequence_number for result in results]
    wanted = [fragment["sequence_number"] for fragment in sent]
    expect(
        numbers == wanted and complete["total_fragments"] == len(wanted),
        expected=f"the results {wanted}, none lost or doubled, and as many at the end",
        seen=f"{numbers}, and {complete['total_fragments']} at the end",
        hint="docs/wire.md, A broken connection.",
    )
    expect(
        second and all(result.status == "success" for result in results),
        expected="successes, some of them after the break",
        seen=[(result.sequence_number, result.status) for result in results],
        hint="the log of the scenario's own sts-service.",
    )


def prove_only_last_admitted(refusals: Sequence[Mapping[str, Any] | None]) -> None:
    """All but the last were refused for their token."""
    *refused, admitted = refusals
    codes = [(said or {}).get("data", {}).get("code") for said in refused]
    expect(
        set(codes) == {ErrorCode.AUTH_FAILED.value} and admitted is None,
        expected="AUTH_FAILED for all but the last",
        seen=(codes, admitted),
        hint="STS_OBSERVE_KEY of sts-service.",
    )


def prove_ended_in_order(
    result: Mapping[str, Any], refusal: Mapping[str, Any], farewell: Mapping[str, Any]
) -> None:
    """What was in hand was answered well; a new stream was refused for now, the old one ended."""
    expect(
        result["status"] == "success",
        expected="a success for the fragment in hand",
        seen=(result["status"], result.get("error")),
        hint="SHUTDOWN_GRACE of sts-service.",
    )
    for what, error, severity in (
        ("a new stream", refusal, "error"),
        ("the open stream", farewell, "fatal"),
    ):
        seen = (error["code"], error["retryable"], error["severity"])
        expect(
            seen == (ErrorCode.QUEUE_FULL.value, True, severity),
            expected=f"{what} refused with QUEUE_FULL, retryable, as {severity}",
            seen=seen,
            hint="docs/wire.md, The end of the service.",
        )
