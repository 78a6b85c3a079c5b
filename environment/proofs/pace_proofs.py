"""Proofs that media-service sends at the pace that sts-service asked it for, and loses no dub.

By the order in which sts-service received and sent the events; it is one process. Each raises
``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.proofs.output_proofs import prove_dubbed
from environment.proofs.spoken import spoken_segments
from environment.proofs.validation_proofs import dub_fault

if TYPE_CHECKING:
    from environment.runs.observations import Observation
    from environment.runs.run import PipelineRun

ON_ITS_WAY_S: Final = 0.5
"""What was sent before an advice arrived may still come this much after it was given."""
HELD_AT_LEAST_S: Final = 1.0
"""A fragment that went out this long after its segment was cut was held back."""
_ROUNDING_S: Final = 0.05
_WORDLESS: Final = ("no_speech", "tail", None)
"""Why the original goes out where nobody speaks; None: it is dubbed all the same."""


def prove_pressure_rose_and_fell(run: PipelineRun) -> None:
    """STS asked to slow down and to pause, and in the end for nothing any more."""
    asked = [event.payload["action"] for event in run.events if _is_advice(event)]
    expect(
        {"slow_down", "pause"} <= set(asked) and asked[-1] == "none",
        expected="backpressure that rises to slow_down and pause, and falls to none",
        seen=asked,
        evidence=run.folder / "events.jsonl",
        hint="the load is made by DEBUG_DELAY_S, the thresholds are BACKPRESSURE_*_AT.",
    )


def prove_pace_kept(run: PipelineRun) -> None:
    """Nothing was sent in a pause, nothing too soon while slowed down, and something did wait.

    Something was sent while slowed down, too: else nobody could say how soon.
    """
    faults, slowed = out_of_pace(run.events), sent_while_slowed(run.events)
    held = [
        segment["number"]
        for segment in run.segments
        if (segment["sent_at"] or 0) - segment["cut_at"] > HELD_AT_LEAST_S
    ]
    expect(
        not faults and held and slowed,
        expected="no fragment in a pause nor sooner than asked, at least one that waited, and at "
        "least one sent under slow_down",
        seen=f"{'; '.join(faults) or 'none too soon'}; waited: {held or 'none'}; "
        f"under slow_down: {slowed or 'none'}",
        evidence=run.folder / "events.jsonl",
        hint="backpressure in media-service's log; cut_at and sent_at of each segment in run.json.",
    )


def prove_pressure_cost_nothing(run: PipelineRun) -> None:
    """Wherever the clip speaks, the segment was answered in full, and its dub is what came out.

    Where it speaks, its description says; the words that a live join cut do not count. What is
    said of the others, the tail, is that they are no more than that.
    """
    spoken = spoken_segments(run)
    losses = [loss for number in sorted(spoken) if (loss := _loss(run, number))]
    losses += [
        f"segment {segment['number']}: {segment['reason']}, where nothing is said"
        for segment in run.segments
        if segment["number"] not in spoken and segment["reason"] not in _WORDLESS
    ]
    expect(
        spoken and not losses,
        expected="every segment in which the clip speaks reported as dubbed, and one success for "
        "each: transcript, translation and dub",
        seen="; ".join(losses) or "no segment in which the clip speaks",
        evidence=run.folder / "run.json",
        hint="FRAGMENT_TIMEOUT_S counts from the cut; fragments must go on once they may.",
    )
    sent = {fragment.sequence_number for fragment in run.fragments}
    prove_dubbed(run, wordless=sent - spoken)


def out_of_pace(events: Iterable[Observation]) -> list[str]:
    """Say of each fragment that was sent against the advice of its moment which it was."""
    return [fault for sending in _advised(events) for fault in _against(sending)]


def sent_while_slowed(events: Iterable[Observation]) -> list[int]:
    """Return the numbers of the fragments that were sent while ``slow_down`` was the advice."""
    return [
        int(each.sending.payload["sequence_number"])
        for each in _advised(events)
        if each.advice.payload["action"] == "slow_down" and each.after_s is not None
    ]


@dataclass(frozen=True)
class _Advised:
    """A fragment sent after an advice had arrived, and how long after the one before it."""

    sending: Observation
    advice: Observation
    after_s: float | None


def _advised(events: Iterable[Observation]) -> Iterator[_Advised]:
    advice: Observation | None = None
    last_at: float | None = None
    for event in sorted(events, key=lambda seen: seen.at):
        if _is_advice(event):
            advice = event
        elif event.event.event == "fragment:data":
            if advice is not None and event.at > advice.at + ON_ITS_WAY_S:
                yield _Advised(event, advice, None if last_at is None else event.at - last_at)
            last_at = event.at


def _against(advised: _Advised) -> Sequence[str]:
    sending, advice, after_s = advised.sending, advised.advice, advised.after_s
    number, action = sending.payload["sequence_number"], advice.payload["action"]
    if action == "pause":
        return (f"fragment {number} {sending.at - advice.at:.1f} s after pause",)
    wanted_s = (advice.payload.get("recommended_delay_ms") or 0) / 1000
    if action == "slow_down" and after_s is not None and after_s < wanted_s - _ROUNDING_S:
        return (f"fragment {number} {after_s:.2f} s after the last, asked {wanted_s:.2f} s",)
    return ()


def _loss(run: PipelineRun, number: int) -> str:
    """Say what a segment lacks that should be dubbed; empty: nothing."""
    told = [segment for segment in run.segments if segment["number"] == number]
    outcomes = [(segment["outcome"], segment["reason"]) for segment in told]
    answers = [f for f in run.fragments if f.sequence_number == number]
    if outcomes != [("dubbed", None)]:
        return f"segment {number}: reported {outcomes}"
    if len(answers) != 1:
        return f"segment {number}: {len(answers)} fragments on the wire"
    texts = (answers[0].transcript, answers[0].translated_text)
    fault = dub_fault(answers[0]) or ("" if all(texts) else f"transcript, translation {texts}")
    return f"segment {number}: {fault}" if fault else ""


def _is_advice(event: Observation) -> bool:
    return event.event.event == "backpressure"
