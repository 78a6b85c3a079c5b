"""Proofs that can fail: each is shown what it must accept and what it must refuse."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.fingerprint import Verdict
from environment.proofs import output_proofs, wire_proofs
from environment.proofs.examination import OutputSegment
from environment.runs.fragments import FragmentRecord
from environment.runs.run import PipelineRun
from services.contracts import ObservedEvent

FRAGMENT = FragmentRecord(
    sequence_number=0,
    fragment_id="a",
    sent_at=10.0,
    sent_seen_at=10.0,
    acked_at=10.1,
    processed_at=12.0,
    processed_seen_at=12.0,
    status="success",
    transcript="one two",
    translated_text="uno dos",
    error=None,
    processing_time_ms=1500,
    source_start_s=0.0,
    source_duration_s=6.0,
    rate_hz=16_000,
    source_audio=np.zeros(96_000, np.float32),
    dubbed_audio=np.zeros(96_000, np.float32),
)
BOTH = {
    "streams": [
        {"codec_type": t, "codec_name": n} for t, n in [("video", "h264"), ("audio", "aac")]
    ]
}


def result(number: int) -> Any:
    event = ObservedEvent(
        sender="sts",
        event="fragment:processed",
        connection="c",
        stream_id="s",
        timestamp=0,
        payload={"sequence_number": number},
    )
    return SimpleNamespace(event=event, payload=event.payload, violation=None)


def run(**changes: Any) -> PipelineRun:
    facts: dict[str, Any] = {
        "fragments": (FRAGMENT, replace(FRAGMENT, sequence_number=1)),
        "events": (result(0), result(1)),
        "violations": (),
        "folder": Path("artifacts"),
        "output": Path("output.flv"),
        "path_out": "live/x/out",
        "elapsed_s": 40.0,
        "ffprobe_live": BOTH,
        "ffprobe_live_error": None,
        "metric_increase": lambda _name, **_labels: 2.0,
    }
    return cast("PipelineRun", SimpleNamespace(**facts | changes))


def changed(**changes: Any) -> tuple[FragmentRecord, FragmentRecord]:
    return FRAGMENT, replace(FRAGMENT, sequence_number=1, **changes)


ACCEPTED: list[Callable[[], object]] = [
    lambda: wire_proofs.prove_contract_kept(run()),
    lambda: wire_proofs.prove_success_within(run(), 15),
    lambda: wire_proofs.prove_translated_to(run(), "es"),
    lambda: wire_proofs.prove_whole_run_within(run(), 180),
    lambda: wire_proofs.prove_results_in_order(run(), 2),
    lambda: wire_proofs.prove_counted(run(), "fragments_total", 2),
    lambda: wire_proofs.prove_transcripts_logged(run(), '{"transcript": "one two"}'),
    lambda: output_proofs.prove_live_on_rtmp(run()),
    lambda: output_proofs.prove_codecs(run(), "h264", "aac"),
]
REFUSED: dict[str, Callable[[], object]] = {
    "violation": lambda: wire_proofs.prove_contract_kept(run(violations=("bad",))),
    "no event": lambda: wire_proofs.prove_contract_kept(run(events=())),
    "failed": lambda: wire_proofs.prove_success_within(run(fragments=changed(status="failed")), 15),
    "late": lambda: wire_proofs.prove_success_within(
        run(fragments=changed(processed_seen_at=26.0)), 15
    ),
    "never": lambda: wire_proofs.prove_success_within(
        run(fragments=changed(processed_seen_at=None)), 15
    ),
    "nothing sent": lambda: wire_proofs.prove_success_within(run(fragments=()), 15),
    "english": lambda: wire_proofs.prove_translated_to(
        run(fragments=changed(translated_text="one two")), "es"
    ),
    "untranslated": lambda: wire_proofs.prove_translated_to(
        run(fragments=changed(translated_text=None)), "es"
    ),
    "silent dub": lambda: wire_proofs.prove_another_voice(run()),
    "no dub": lambda: wire_proofs.prove_another_voice(run(fragments=changed(dubbed_audio=None))),
    "slow": lambda: wire_proofs.prove_whole_run_within(run(), 39),
    "one lost": lambda: wire_proofs.prove_results_in_order(run(), 3),
    "one twice": lambda: wire_proofs.prove_results_in_order(
        run(events=(result(0), result(0), result(1))), 2
    ),
    "out of turn": lambda: wire_proofs.prove_results_in_order(
        run(events=(result(1), result(0))), 2
    ),
    "miscounted": lambda: wire_proofs.prove_counted(run(), "fragments_total", 3),
    "not logged": lambda: wire_proofs.prove_transcripts_logged(run(), '{"transcript": "one"}'),
    "not live": lambda: output_proofs.prove_live_on_rtmp(run(ffprobe_live=None)),
    "not probed": lambda: output_proofs.prove_codecs(run(ffprobe_live=None), "h264", "aac"),
    "other codec": lambda: output_proofs.prove_codecs(run(), "hevc", "aac"),
}


@pytest.mark.parametrize("proof", ACCEPTED)
def test_what_is_right_is_accepted(proof: Callable[[], object]) -> None:
    proof()


@pytest.mark.parametrize("fault", REFUSED)
def test_what_is_wrong_is_refused_and_explained(fault: str) -> None:
    with pytest.raises(ExpectationFailed) as refusal:
        REFUSED[fault]()
    labels = [label for label, _text in refusal.value.lines()]
    assert labels[:2] == ["expected", "seen"]
    assert labels[-1] == "try"


def test_a_segment_is_dubbed_only_without_the_original() -> None:
    dubbed = Verdict("dubbed", 0.1, 0.0, (-20, -20))
    segment = OutputSegment(0, dubbed, dub_found=True, score=1.0)
    assert segment.dubbed
    assert not replace(segment, dub_found=False).dubbed
    assert not replace(segment, against_source=replace(dubbed, verdict="original")).dubbed
    assert not replace(segment, against_source=replace(dubbed, verdict="undecided")).dubbed
    assert not replace(segment, against_source=None).dubbed
