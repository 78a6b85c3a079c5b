from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from environment.errors import HarnessError
from environment.expectations import ExpectationFailed
from environment.proofs.exchange_proofs import most_wrong
from environment.proofs.model_proofs import (
    model_lacking,
    prove_complaint,
    prove_ended_unloaded,
    prove_models_named,
    wait_ended,
)
from environment.runs.brought_models import ARCHIVES, unpack
from environment.stack.containers import StsServiceContainer

MISSING = (
    '{"event": "service_listening"}\n'
    '{"error": "the model small is not in the volume v: nothing is mounted at /models; '
    'remedy: make pull-models", "event": "service_failed"}\nnot JSON\n'
)
DAMAGED = (
    '{"error": "the model small in the volume v is not complete: /models/whisper/small.pt lacks '
    'the file; remedy: make pull-models", "event": "service_failed"}\n'
)
NAMES = {"asr": "ears", "translation": "words", "tts": "mouth"}


def health(asr: str, **changes: Any) -> dict[str, Any]:
    models = {"asr": asr, "translation": "words@00000001", "tts": "mouth@00000002"}
    return {"profile": "neural", "models": models} | changes


def test_names_come_with_their_content(tmp_path: Path) -> None:
    checkpoint = tmp_path / "ears.pt"
    checkpoint.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()[:8]

    prove_models_named(health(f"ears@{digest}"), NAMES, checkpoint)
    for other in (
        health("ears@00000000"),
        health("ears"),
        health(f"eyes@{digest}"),
        health(f"ears@{digest}", profile="pocket"),
    ):
        with pytest.raises(ExpectationFailed, match="profile neural"):
            prove_models_named(other, NAMES, checkpoint)


def service(exit_code: int | None, log: str) -> StsServiceContainer:
    stands_for = SimpleNamespace(
        name="s", exit_code=exit_code, logs=lambda: log, evidence=lambda: log
    )
    return cast("StsServiceContainer", stands_for)


def test_an_end_with_an_error_and_nothing_loaded_is_wanted() -> None:
    wait_ended(service(1, MISSING), 0.1)
    prove_ended_unloaded(service(1, MISSING))
    with pytest.raises(ExpectationFailed):
        prove_ended_unloaded(service(0, MISSING))
    with pytest.raises(ExpectationFailed):
        prove_ended_unloaded(service(1, '{"event": "models_loaded"}'))
    with pytest.raises(HarnessError, match="to end"):
        wait_ended(service(None, MISSING), 0.1)


def test_the_complaint_is_found_in_one_line() -> None:
    assert "the model small is not in the volume v" in (model_lacking(MISSING) or "")
    assert model_lacking('{"error": "out of memory"}\n') is None
    assert model_lacking(DAMAGED) is None
    assert model_lacking('[1]\n"error"\n7\n{"error": null}\n' + MISSING)
    prove_complaint(MISSING, "small", "volume v", "make pull-models")
    with pytest.raises(ExpectationFailed):
        prove_complaint(MISSING, "small", "service_listening")


def test_the_repository_s_models_can_be_brought(tmp_path: Path) -> None:
    unpack("whisper-en", tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["whisper-en.pt"]
    with pytest.raises(HarnessError, match=r"has no model no-such-model.*make models"):
        unpack("no-such-model", tmp_path)


def test_another_model_than_the_manifest_s_is_not_brought(tmp_path: Path) -> None:
    archives = tmp_path / "archives"
    shutil.copytree(ARCHIVES, archives)
    shutil.copyfile(archives / "coqui-es.tar.xz", archives / "whisper-en.tar.xz")
    target = tmp_path / "brought"
    target.mkdir()

    with pytest.raises(HarnessError, match="as in the manifest"):
        unpack("whisper-en", target, archives=archives)
    assert not list(target.iterdir())


def test_a_profile_without_a_bound_of_its_own_is_not_held_to_another_s() -> None:
    shares = [
        most_wrong(profile, pocket=2.0, embedded=50.0)
        for profile in ("pocket", "embedded", "neural")
    ]
    assert shares == [0.02, 0.5, 0.1]
    with pytest.raises(HarnessError, match="under the profile custom"):
        most_wrong("custom", pocket=2.0, embedded=50.0)
