from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.proofs import exchange_proofs
from environment.runs.exchange import FRAGMENT_S, RATE_HZ, Exchange, Speech, cut_speech, exchange
from environment.runs.exchange import silence as nobody
from environment.runs.wire_client import Refused, WireClient
from fixtures.catalogue import COUNTING
from services.contracts import DubbedAudio
from tests.environment.speech_service import Answer, Payload, SpeechService

ENGINES = {"asr": "ears:small", "translation": "words:en-es", "tts": "mouth:es"}
HEALTH = {
    "profile": "pocket",
    "asr": "ears",
    "translation": "words",
    "tts": "mouth",
    "models": {"asr": "small", "translation": "en-es", "tts": "es"},
}


def ready(said: Payload) -> list[tuple[str, Payload]]:
    answer = {
        "stream_id": said["stream_id"],
        "session_id": "s",
        "resumed": False,
        "next_sequence": 0,
        "max_inflight": 3,
        "capabilities": {
            "profile": "pocket",
            **ENGINES,
            "source_languages": ["en"],
            "target_languages": ["es"],
        },
    }
    return [("stream:ready", answer)]


def complete(said: Payload) -> list[tuple[str, Payload]]:
    nothing = dict.fromkeys(("success_count", "partial_count", "failed_count"), 0)
    timed = dict.fromkeys(("avg_processing_time_ms", "p95_processing_time_ms"), 0.0)
    answer = {
        "stream_id": said["stream_id"],
        "total_fragments": 1,
        "total_duration_ms": 6000,
        "statistics": nothing | timed,
    }
    return [("stream:complete", answer)]


def result(said: Payload, **changes: Any) -> list[tuple[str, Payload]]:
    answer = {
        "fragment_id": said["fragment_id"],
        "stream_id": said["stream_id"],
        "sequence_number": said["sequence_number"],
        "status": "success",
        "dubbed_audio": said["audio"],
        "transcript": "one two three four five six",
        "translated_text": "uno dos tres cuatro cinco seis",
        "processing_time_ms": 1,
        "metadata": {f"{stage}_model": engine for stage, engine in ENGINES.items()},
    }
    return [("fragment:processed", answer | changes)]


def refuse(_said: Payload) -> list[tuple[str, Payload]]:
    error = {"code": "QUEUE_FULL", "message": "no room", "severity": "error", "retryable": True}
    return [("error", error)]


def exchanged(folder: Path, speech: Speech, **changes: Any) -> Exchange:
    def answer(said: Payload) -> list[tuple[str, Payload]]:
        return result(said, **changes)

    answers: dict[str, Answer] = {
        "stream:init": ready,
        "fragment:data": answer,
        "stream:end": complete,
    }
    with SpeechService(answers) as service, WireClient(service.url) as client:
        return exchange(client, speech, "stream-1", folder)


@pytest.fixture(scope="module")
def one_fragment() -> Speech:
    return cut_speech(COUNTING.path, 1)


def test_every_fragment_and_its_answer_are_kept(tmp_path: Path) -> None:
    speech = cut_speech(COUNTING.path, 2)

    made = exchanged(tmp_path, speech)

    assert [fragment.sequence_number for fragment in made.fragments] == [0, 1]
    assert all(len(fragment.source_audio) == FRAGMENT_S * RATE_HZ for fragment in made.fragments)
    assert np.abs(made.fragments[1].source_audio - speech.sounds[1]).max() < 2 / 32768
    assert made.violations == []
    assert made.transcript == "one two three four five six one two three four five six"
    assert {path.name for path in tmp_path.iterdir()} == {
        "events.jsonl",
        "run.json",
        *(f"fragment-{number}-{kind}.wav" for number in (0, 1) for kind in ("source", "dubbed")),
    }
    exchange_proofs.prove_answered(made, 2)
    exchange_proofs.prove_in_time(made)
    exchange_proofs.prove_named(made, HEALTH)
    with pytest.raises(ExpectationFailed, match="3 results"):
        exchange_proofs.prove_answered(made, 3)


def test_a_late_answer_is_noticed(tmp_path: Path, one_fragment: Speech) -> None:
    made = exchanged(tmp_path, one_fragment)
    (fragment,) = made.fragments
    late = replace(fragment, processed_seen_at=fragment.sent_seen_at + 15.1)

    with pytest.raises(ExpectationFailed, match=r"15\.1 s"):
        exchange_proofs.prove_in_time(replace(made, fragments=(late,)))


def test_a_refusal_is_not_waited_out(tmp_path: Path, one_fragment: Speech) -> None:
    with (
        SpeechService({"stream:init": refuse}) as service,
        WireClient(service.url) as client,
        pytest.raises(Refused, match="QUEUE_FULL: no room"),
    ):
        exchange(client, one_fragment, "stream-1", tmp_path)

    assert (tmp_path / "events.jsonl").is_file()


def test_what_breaks_the_contract_is_told(tmp_path: Path, one_fragment: Speech) -> None:
    made = exchanged(tmp_path, one_fragment, transcript=7)

    assert any("transcript" in violation for violation in made.violations)
    with pytest.raises(ExpectationFailed, match="as the contract has it"):
        exchange_proofs.prove_answered(made, 1)


def test_words_are_held_against_the_clip(tmp_path: Path, one_fragment: Speech) -> None:
    exchange_proofs.prove_says(COUNTING.path, "One two three four five six")
    with pytest.raises(ExpectationFailed, match="one two three"):
        exchange_proofs.prove_says(COUNTING.path, "One two three")
    made = exchanged(tmp_path, one_fragment, transcript="one two three four five sick")

    assert exchange_proofs.prove_transcripts(made, 0.2).rate == pytest.approx(1 / 6)
    with pytest.raises(ExpectationFailed, match="sick for six"):
        exchange_proofs.prove_transcripts(made, 0.1)


@pytest.mark.parametrize(
    ("said", "profile", "complaint"),
    [
        (("one two three", "uno dos tres"), "pocket", None),
        (("One, two!", "Uno, dos."), "pocket", None),
        (("hello world twenty one", "hola mundo veintiuno"), "pocket", None),
        (("hello world", "hola mundial"), "embedded", None),
        (("hello world", "hola mundial"), "pocket", "wanted 'hola mundo'"),
        (("one two three", "uno dos cuatro"), "embedded", "became"),
        (("one two three", "one two three"), "embedded", "'es' in every"),
        (("the cat sat", "el gato está"), "pocket", "the world knows"),
    ],
)
def test_translations_are_held_against_their_transcripts(
    tmp_path: Path, one_fragment: Speech, said: tuple[str, str], profile: str, complaint: str | None
) -> None:
    transcript, translated = said
    made = exchanged(tmp_path, one_fragment, transcript=transcript, translated_text=translated)

    if complaint is None:
        exchange_proofs.prove_equivalent(made, profile)
    else:
        with pytest.raises(ExpectationFailed, match=complaint):
            exchange_proofs.prove_equivalent(made, profile)


def pcm(seconds: float, *, rate_hz: int = RATE_HZ, loud: bool = True) -> Payload:
    level = 9000 if loud else 0
    swing = np.array([level, level, -level, -level], "<i2")  # two samples of two channels
    samples = np.tile(swing, round(seconds * rate_hz / 2))
    return DubbedAudio.from_pcm(samples.tobytes(), sample_rate_hz=rate_hz, channels=2).wire()


@pytest.mark.parametrize(
    ("dub", "complaint"),
    [
        (pcm(6), None),
        (pcm(5.5), "264000 samples"),
        (pcm(6, rate_hz=24_000), "24000 Hz"),
        (pcm(6, loud=False), "silence in fragment 0"),
    ],
    ids=["right", "short", "other rate", "silent"],
)
def test_dubs_fit_their_fragments(
    tmp_path: Path, one_fragment: Speech, dub: Payload, complaint: str | None
) -> None:
    made = exchanged(tmp_path, one_fragment, dubbed_audio=dub)

    if complaint is None:
        exchange_proofs.prove_fitted(made)
    else:
        with pytest.raises(ExpectationFailed, match=complaint):
            exchange_proofs.prove_fitted(made)


def test_silence_must_stay_silence(tmp_path: Path) -> None:
    exchange_proofs.prove_nothing_said(
        exchanged(tmp_path / "a", nobody(), transcript="", translated_text="")
    )
    refused: tuple[Payload, ...] = (
        {"transcript": "dog"},
        {"transcript": "", "translated_text": "", "dubbed_audio": pcm(6)},
    )
    for number, changes in enumerate(refused):
        made = exchanged(tmp_path / f"b{number}", nobody(), **changes)
        with pytest.raises(ExpectationFailed, match="quiet sound"):
            exchange_proofs.prove_nothing_said(made)


def test_other_names_are_noticed(tmp_path: Path, one_fragment: Speech) -> None:
    made = exchanged(tmp_path, one_fragment, metadata={"asr_model": "ears:large"})

    with pytest.raises(ExpectationFailed, match="ears:small"):
        exchange_proofs.prove_named(made, HEALTH)
