"""Proofs that can fail: each is shown what it must accept and what it must refuse."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import examination, output_proofs, speech_proofs, wire_proofs
from environment.proofs.examination import FragmentPlace
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


def event(sender: str, name: str, connection: str = "c", **payload: Any) -> Any:
    seen = ObservedEvent(
        sender=cast("Any", sender),
        event=name,
        connection=connection,
        stream_id="s",
        timestamp=0,
        payload=payload,
    )
    return SimpleNamespace(event=seen, payload=payload, violation=None, received_at=4.0)


def result(number: int) -> Any:
    return event("sts", "fragment:processed", sequence_number=number)


def acks(fragment: str) -> list[Any]:
    said = [("sts", "queued"), ("sts", "processing"), ("media", "received"), ("media", "applied")]
    return [event(who, "fragment:ack", fragment_id=fragment, status=what) for who, what in said]


CONVERSATION = (
    event("media", "stream:init"),
    event("sts", "stream:ready"),
    *acks("a"),
    result(0),
    *acks("b"),
    result(1),
    event("media", "stream:end"),
    event("sts", "stream:complete", total_fragments=2),
)
PLACES = [FragmentPlace(0, 0.002, 6.0), FragmentPlace(1, 5.998, 6.0)]


def without(index: int) -> PipelineRun:
    return run(events=CONVERSATION[:index] + CONVERSATION[index + 1 :])


def placed(*places: FragmentPlace) -> Callable[[], None]:
    def prove() -> None:
        with mock.patch.object(examination, "fragment_places", return_value=list(places)):
            wire_proofs.prove_fragments_in_place(run(), 6)

    return prove


def watched(dropped: int = 0, *outages: tuple[float, float | None]) -> Any:
    return SimpleNamespace(dropped=dropped, outages=list(outages))


def run(**changes: Any) -> PipelineRun:
    facts: dict[str, Any] = {
        "fragments": changed(),
        "events": CONVERSATION,
        "published_at": 1.0,
        "ready_at": 1.5,
        "detected_at": 1.6,
        "processing_at": 2.0,
        "finished_at": 40.0,
        "violations": (),
        "folder": Path("artifacts"),
        "output": Path("output.flv"),
        "path_out": "live/x/out",
        "elapsed_s": 40.0,
        "ffprobe_live": BOTH,
        "ffprobe_live_error": None,
        "metric_increase": lambda _name, **_labels: 2.0,
        "metrics_after": {("fragments_total", frozenset({("status", "success")})): 2.0},
    }
    return cast("PipelineRun", SimpleNamespace(**facts | changes))


def changed(**changes: Any) -> tuple[FragmentRecord, FragmentRecord]:
    return FRAGMENT, replace(FRAGMENT, sequence_number=1, fragment_id="b", **changes)


ACCEPTED: list[Callable[[], object]] = [
    lambda: wire_proofs.prove_nothing_unseen(run(), watched(0, (0.1, 0.9), (41.0, None))),
    lambda: wire_proofs.prove_processing_within(run(), 5),
    lambda: wire_proofs.prove_counted(run(), "fragments_total", 2, status="success"),
    lambda: speech_proofs.prove_same_numbers(run()),
    placed(*PLACES),
    lambda: wire_proofs.prove_contract_kept(run()),
    lambda: wire_proofs.prove_success_within(run(), 15),
    lambda: speech_proofs.prove_translated_to(run(), "es"),
    lambda: speech_proofs.prove_translated_to(
        run(
            fragments=changed(
                transcript="She works in a hospital. My sister lives in London.",
                translated_text="Ella trabaja en un hospital. Mi hermana vive en London.",
            )
        ),
        "es",
    ),
    lambda: wire_proofs.prove_whole_run_within(run(), 180),
    lambda: wire_proofs.prove_results_in_order(run(), 2),
    lambda: wire_proofs.prove_counted(run(), "fragments_total", 2),
    lambda: wire_proofs.prove_transcripts_logged(run(), '{"transcript": "one two"}'),
    lambda: output_proofs.prove_live_on_rtmp(run()),
    lambda: output_proofs.prove_codecs(run(), "h264", "aac"),
]
REFUSED: dict[str, Callable[[], object]] = {
    "never opened": lambda: wire_proofs.prove_contract_kept(without(0)),
    "never completed": lambda: wire_proofs.prove_contract_kept(without(-1 % len(CONVERSATION))),
    "not acknowledged": lambda: wire_proofs.prove_contract_kept(without(2)),
    "not applied": lambda: wire_proofs.prove_contract_kept(without(5)),
    "opened twice": lambda: wire_proofs.prove_contract_kept(
        run(events=(CONVERSATION[0], *CONVERSATION))
    ),
    "miscounted at the end": lambda: wire_proofs.prove_contract_kept(
        run(events=(*CONVERSATION[:-1], event("sts", "stream:complete", total_fragments=3)))
    ),
    "two connections": lambda: wire_proofs.prove_contract_kept(
        run(events=(event("media", "stream:init", connection="d"), *CONVERSATION[1:]))
    ),
    "events dropped": lambda: wire_proofs.prove_nothing_unseen(run(), watched(1)),
    "blind": lambda: wire_proofs.prove_nothing_unseen(run(), watched(0, (20.0, 21.0))),
    "still blind": lambda: wire_proofs.prove_nothing_unseen(run(), watched(0, (20.0, None))),
    "taken up late": lambda: wire_proofs.prove_processing_within(run(processing_at=6.1), 5),
    "seen late on the wire": lambda: wire_proofs.prove_processing_within(run(), 2.5),
    "never on the wire": lambda: wire_proofs.prove_processing_within(run(events=()), 5),
    "no fragment": placed(),
    "fragment elsewhere": placed(PLACES[0], FragmentPlace(1, 6.006, 6.0)),
    "fragment of something else": placed(PLACES[0], FragmentPlace(1, None, 6.0)),
    "fragment too short": placed(PLACES[0], FragmentPlace(1, 6.0, 5.9)),
    "fragment a frame too short": placed(PLACES[0], FragmentPlace(1, 6.0, 5.98)),
    "fragment too short for one frame": placed(PLACES[0], FragmentPlace(1, 6.0, 5.95, True)),
    "first fragment a frame too short": placed(FragmentPlace(0, 0.0, 5.98, True), PLACES[1]),
    "fragment left out": placed(PLACES[0], FragmentPlace(2, 12.0, 6.0)),
    "metric missing": lambda: wire_proofs.prove_counted(run(), "absent_total", 2),
    "label missing": lambda: wire_proofs.prove_counted(
        run(), "fragments_total", 2, status="failed"
    ),
    "another number": lambda: speech_proofs.prove_same_numbers(
        run(fragments=changed(translated_text="uno tres"))
    ),
    "a number too few": lambda: speech_proofs.prove_same_numbers(
        run(fragments=changed(translated_text="uno"))
    ),
    "no numbers": lambda: speech_proofs.prove_same_numbers(
        run(fragments=changed(transcript="", translated_text=""))
    ),
    "two pictures": lambda: output_proofs.prove_codecs(
        run(ffprobe_live={"streams": [*BOTH["streams"], BOTH["streams"][0]]}), "h264", "aac"
    ),
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
    "english": lambda: speech_proofs.prove_translated_to(
        run(fragments=changed(translated_text="one two")), "es"
    ),
    "untranslated": lambda: speech_proofs.prove_translated_to(
        run(fragments=changed(translated_text=None)), "es"
    ),
    "a number left as it was": lambda: speech_proofs.prove_translated_to(
        run(
            fragments=changed(
                transcript="one two three four five six",
                translated_text="uno dos tres cuatro five six",
            )
        ),
        "es",
    ),
    "words left as they were": lambda: speech_proofs.prove_translated_to(
        run(
            fragments=changed(
                transcript="the weather is good today and the people are in the park",
                translated_text="el weather de hoy es good y la people está en el park",
            )
        ),
        "es",
    ),
    "silent dub": lambda: speech_proofs.prove_another_voice(run()),
    "no dub": lambda: speech_proofs.prove_another_voice(run(fragments=changed(dubbed_audio=None))),
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
