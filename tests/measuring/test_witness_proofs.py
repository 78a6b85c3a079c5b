"""Another engine than the one that is named is noticed by what it hears, writes and sounds like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from environment.expectations import ExpectationFailed
from environment.measuring.sound import AudioTrack, Samples
from environment.proofs.witness_proofs import (
    prove_named_models_asked,
    prove_same_translation,
    prove_same_voice,
    prove_same_words_heard,
)
from environment.runs import witness_program
from environment.runs.exchange import Exchange
from environment.runs.witness import Statement, model_paths
from environment.runs.witness_program import content_digest
from environment.settings import Settings
from environment.stack.blueprint import POCKET_FOLDER
from sts_service.engines.registry import POCKET_MODELS
from sts_service.models.store import StoredModel
from tests.measuring.making import RATE_HZ, silence

LENGTH_S = 6


def exchange(dubs: list[Samples], **said: str) -> Exchange:
    texts: dict[str, Any] = {"transcript": "twenty one", "translated_text": "Veintiuno."} | said
    fragments = tuple(
        SimpleNamespace(sequence_number=number, dubbed_audio=dub, **texts)
        for number, dub in enumerate(dubs)
    )
    return cast("Exchange", SimpleNamespace(fragments=fragments, folder=Path()))


def witnessed(
    spoken: list[Samples], heard: str = "Twenty-one", said: str = "veintiuno"
) -> Statement:
    tracks = tuple(AudioTrack(samples, 0.0, RATE_HZ) for samples in spoken)
    return Statement((heard,) * len(tracks), (said,) * len(tracks), tracks, {})


@pytest.fixture(scope="module")
def dubs(spanish: Samples) -> list[Samples]:
    return np.split(spanish[: 3 * LENGTH_S * RATE_HZ], 3)


@pytest.fixture(scope="module")
def english(said: AudioTrack) -> list[Samples]:
    return [said.cut(at, LENGTH_S) for at in (0, 6, 12)]


def test_the_same_words_in_another_spelling_are_the_same(dubs: list[Samples]) -> None:
    prove_same_words_heard(exchange(dubs), witnessed(dubs))
    prove_same_translation(exchange(dubs), witnessed(dubs))


def test_other_words_are_refused(dubs: list[Samples]) -> None:
    with pytest.raises(ExpectationFailed, match="'twenty one', by itself 'twenty'"):
        prove_same_words_heard(exchange(dubs), witnessed(dubs, heard="twenty"))
    with pytest.raises(ExpectationFailed, match="by itself 'veintiún'"):
        prove_same_translation(exchange(dubs), witnessed(dubs, said="veintiún"))


def test_the_same_voice_is_known_wherever_and_however_loud_it_speaks(dubs: list[Samples]) -> None:
    alone = [np.concatenate([silence(0.3), dub / np.float32(3)]) for dub in dubs]

    prove_same_voice(exchange(dubs), witnessed(alone))


def test_another_voice_is_refused(dubs: list[Samples], english: list[Samples]) -> None:
    with pytest.raises(ExpectationFailed, match="fragment 0: "):
        prove_same_voice(exchange(dubs), witnessed(english))


def test_the_voice_at_another_pace_is_refused(dubs: list[Samples]) -> None:
    slow = [np.repeat(dub, 2)[: LENGTH_S * RATE_HZ] for dub in dubs]

    with pytest.raises(ExpectationFailed, match="by itself"):
        prove_same_voice(exchange(dubs), witnessed(slow))


def test_too_few_to_compare_prove_nothing(dubs: list[Samples]) -> None:
    longer = [np.tile(dub, 2) for dub in dubs]

    with pytest.raises(ExpectationFailed, match="0 dubs that can be compared"):
        prove_same_voice(exchange(dubs), witnessed(longer))


@pytest.mark.parametrize(
    ("engine", "model", "configured", "path"),
    [
        ("whisper", "pocket/whisper-en@1a2b3c4d", "", "/opt/models/pocket/whisper-en.pt"),
        ("whisper", "mine/ears@1a2b3c4d", "/srv/mine/ears.pt", "/srv/mine/ears.pt"),
        ("whisper", "pocket/ears@1a2b3c4d", "/srv/pocket/ears.pt", "/srv/pocket/ears.pt"),
        ("whisper", "small@1a2b3c4d", "small", "/models/whisper/small.pt"),
        ("pocketsphinx", "en-us", "", "en-us"),
    ],
)
def test_a_model_is_where_the_service_has_it(
    engine: str, model: str, configured: str, path: str
) -> None:
    health = {
        "asr": engine,
        "translation": "marian",
        "tts": "coqui",
        "models": {
            "asr": model,
            "translation": "pocket/marian-en-es@1a2b3c4d",
            "tts": "tts_models/es/css10/vits@1a2b3c4d",
        },
    }

    assert model_paths(health, Settings(_env_file=None, asr_model=configured)) == {
        "asr": path,
        "translation": "/opt/models/pocket/marian-en-es",
        "tts": "/models/coqui/tts_models--es--css10--vits",
    }


def test_the_pocket_models_are_where_the_service_s_profile_has_them() -> None:
    assert PurePosixPath(POCKET_FOLDER) == PurePosixPath(POCKET_MODELS)


def test_a_witness_s_digest_of_a_model_is_the_service_s(tmp_path: Path) -> None:
    checkpoint, folder = tmp_path / "ears.pt", tmp_path / "words"
    checkpoint.write_bytes(b"weights")
    (folder / "deeper").mkdir(parents=True)
    for name in ("b", "a.json", "deeper/c", "deeper.txt"):
        (folder / name).write_text(name)

    for model in (checkpoint, folder):
        identity = StoredModel("model", model).identity()
        assert identity == f"model@{content_digest(model)[:8]}"


def test_the_witness_tells_the_digests_of_what_it_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "ears.pt"
    checkpoint.write_bytes(b"weights")
    np.save(tmp_path / "0.npy", np.zeros(16, np.float32))
    request = {
        "asr": ["ears", str(checkpoint)],
        "translation": ["words", "eng-spa"],
        "tts": ["mouth", "es"],
        "said": ["one"],
        "translated": ["uno"],
    }
    (tmp_path / "request.json").write_text(json.dumps(request))
    monkeypatch.setitem(witness_program.RECOGNIZERS, "ears", lambda _model, sounds: ["one"])
    monkeypatch.setitem(witness_program.TRANSLATORS, "words", lambda _mode, texts: ["uno"])
    monkeypatch.setitem(witness_program.VOICES, "mouth", lambda _voice, _texts, _into: None)

    assert witness_program.main(tmp_path) == 0
    document = json.loads((tmp_path / "answers" / "answers.json").read_text())
    assert document["digests"] == {"asr": content_digest(checkpoint)}


def test_files_that_are_not_those_named_are_refused(dubs: list[Samples]) -> None:
    named = {"asr": "small@9ecf7799", "tts": "es", "translation": "words@00000001"}
    digests = {"asr": "9ecf7799" + 56 * "0", "translation": 7 * "0" + "1" + 56 * "f"}
    statement = replace(witnessed(dubs), digests=digests)

    prove_named_models_asked(exchange(dubs), statement, named)
    for others in (digests | {"asr": 64 * "0"}, {"asr": digests["asr"]}, {}):
        with pytest.raises(ExpectationFailed, match="9ecf7799"):
            prove_named_models_asked(exchange(dubs), replace(statement, digests=others), named)
