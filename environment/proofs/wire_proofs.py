"""Proofs about the wire of a recorded run: what was sent, what came back, what was logged.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from environment.expectations import expect
from environment.measuring.language import language_of
from environment.proofs import examination
from environment.runs.fragments import result_order

if TYPE_CHECKING:
    from environment.runs.run import PipelineRun

# FR-019 and SC-001: the 30 s clip, from its publishing to the last packet of the output.
WHOLE_RUN_S: Final = 180.0


def prove_contract_kept(run: PipelineRun) -> None:
    """Every event of the stream, of either side, is valid under the contract."""
    expect(
        run.events and not run.violations,
        expected="events on the wire, every one as the contract has it",
        seen=run.violations or "no event at all",
        evidence=run.folder / "events.jsonl",
        hint="services/contracts/events.py is the contract.",
    )


def prove_fragments_hold_the_source(run: PipelineRun) -> None:
    """Each fragment carries the source's sound of its own place."""
    heard = examination.fragments_against_source(run)
    expect(
        heard and all(verdict.verdict == "original" for verdict in heard),
        expected="in each fragment the source's sound of that segment",
        seen=[str(verdict) for verdict in heard],
        evidence=run.folder,
        hint="the segmenter's time zero, or the sample format on the wire.",
    )


def prove_success_within(run: PipelineRun, limit_s: float) -> None:
    """Each fragment came back as a success, in time."""
    trips = [(f.status, f.round_trip_s) for f in run.fragments]
    expect(
        trips and all(status == "success" and trip and trip <= limit_s for status, trip in trips),
        expected=f"success within {limit_s:g} s for each fragment",
        seen=trips,
        evidence=run.folder / "run.json",
        hint="stage_timings in events.jsonl say which stage was slow.",
    )


def prove_translated_to(run: PipelineRun, language: str) -> None:
    """Each translated text is in that language (FR-018)."""
    texts = [(language_of(f.translated_text or ""), f.translated_text) for f in run.fragments]
    expect(
        texts and all(spoken == language for spoken, _text in texts),
        expected=f"{language!r} in every translated_text (FR-018)",
        seen=texts,
        evidence=run.folder / "run.json",
        hint="the translation engine, and what the recogniser gave it.",
    )


def prove_another_voice(run: PipelineRun) -> None:
    """Each dubbed audio is speech, and not the original."""
    voices = examination.dubs_against_source(run)
    expect(
        len(voices) == len(run.fragments) and all(v.verdict == "dubbed" for v in voices),
        expected="dubbed audio in every result: neither the original nor silence",
        seen=[str(voice) for voice in voices],
        evidence=run.folder,
        hint="the dubbed audio lies there as WAV files: listen.",
    )


def prove_whole_run_within(run: PipelineRun, limit_s: float) -> None:
    """From the start of publishing to the last packet of the output (FR-019, SC-001)."""
    expect(
        run.elapsed_s <= limit_s,
        expected=f"the whole run in under {limit_s:g} s (FR-019, SC-001)",
        seen=f"{run.elapsed_s:.1f} s",
        evidence=run.folder / "run.json",
        hint="the segments' times in run.json say where it waited.",
    )


def prove_results_in_order(run: PipelineRun, count: int) -> None:
    """That many results, numbered from 0, none lost, none twice, none out of turn."""
    returned = [f.sequence_number for f in run.fragments if f.status == "success"]
    order = list(result_order(run.events))
    expect(
        returned == order == list(range(count)),
        expected=f"results 0 to {count - 1}, each once, in order",
        seen=f"fragments {returned}, on the wire {order}",
        evidence=run.folder / "events.jsonl",
        hint="a repeated number is a fragment that was sent again.",
    )


def prove_counted(run: PipelineRun, metric: str, count: float, **labels: str) -> None:
    """A counter of media-service grew by that much in this run."""
    grown = run.metric_increase(metric, **labels)
    expect(
        grown == count,
        expected=f"{metric}{labels or ''} grown by {count:g}",
        seen=f"{grown:g}",
        evidence=run.folder / "run.json",
        hint="metrics_before and metrics_after in run.json.",
    )


def prove_transcripts_logged(run: PipelineRun, log: str) -> None:
    """The log of sts-service holds each transcript that was seen on the wire (FR-018)."""
    logged = examination.logged_transcripts(log)
    missing = [f.transcript for f in run.fragments if f.transcript not in logged]
    expect(
        run.fragments and not missing,
        expected="each transcript of the wire in the log of sts-service (FR-018)",
        seen=f"not logged: {missing}",
        evidence=run.folder / "run.json",
        hint="LOG_TRANSCRIPTS is on in the suite.",
    )


def prove_words_of_the_clip(run: PipelineRun) -> examination.Words:
    """The transcripts say what the clip says; only a word cut by the join may be missing."""
    words = examination.words_against_clip(run)
    expect(
        words.faultless,
        expected="the clip's words without an error, but for one cut by the join",
        seen=words,
        evidence=run.folder / "run.json",
        hint="the fragments' source audio lies there: listen to what was recognised.",
    )
    return words
