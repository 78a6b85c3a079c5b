"""A witness for what sts-service says of its engines: their libraries, asked without it."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
import soxr

from environment.console import Progress
from environment.errors import ContainerFailed
from environment.measuring.sound import AudioTrack, Samples, read_audio
from environment.measuring.transcript import normalise, number_words
from environment.provision.engine import ensure_engine
from environment.provision.errand import Errand, run_errand
from environment.runs.exchange import Exchange
from environment.runs.witness_program import RATE_HZ
from environment.settings import Settings
from environment.stack.blueprint import MODELS_FOLDER, POCKET_FOLDER
from environment.stack.ownership import Owner

_PROGRAM: Final = Path(__file__).with_name("witness_program.py")
_FOLDER: Final = PurePosixPath("/witness")
_TIMEOUT_S: Final = 120.0
# How each engine's models lie in the volume: their folder, and what is put behind the name.
_FAMILIES: Final = {"whisper": ".pt", "marian": "", "coqui": ""}


@dataclass(frozen=True)
class Statement:
    """What the libraries made of the fragments of an exchange, each in its order.

    ``heard`` are the transcripts of the sounds, ``translated`` the translations of the service's
    own transcripts, ``spoken`` the sound of the service's own translations. ``digests`` are the
    SHA-256 of the models' files that were opened, by stage; engines without such files have none.
    """

    heard: tuple[str, ...]
    translated: tuple[str, ...]
    spoken: tuple[AudioTrack, ...]
    digests: Mapping[str, str]


def take_statement(
    exchange: Exchange,
    health: Mapping[str, Any],
    image: str,
    settings: Settings,
    progress: Progress,
) -> Statement:
    """Ask the engines and models that /health names, in a container of sts-service's image.

    Their answers are left beside the exchange. Raises ``ContainerFailed`` when they give none.
    """
    answers = exchange.folder / "witness"
    paths = model_paths(health, settings)
    wants_volume = any(path.startswith(f"{MODELS_FOLDER}/") for path in paths.values())
    errand = Errand(
        name="witness",
        image=image,
        command=("python3", str(_FOLDER / _PROGRAM.name), str(_FOLDER)),
        timeout_s=settings.timeout(_TIMEOUT_S),
        # More threads than free cores wait for each other, and the service has its own.
        environment={"OMP_NUM_THREADS": "1"},
        files=_files(exchange, health, paths),
        volumes={settings.e2e_models_volume: MODELS_FOLDER} if wants_volume else {},
        brought_back={str(_FOLDER / "answers"): answers},
        user="root",
    )
    with closing(ensure_engine(progress)) as client:
        outcome = run_errand(client, errand, Owner.current("witness"), lambda _said: None)
    if outcome.status != 0:
        raise ContainerFailed(
            f"The engines' libraries, asked by themselves, gave no answer: {outcome.tail[-1500:]}"
        )
    document = json.loads((answers / "answers.json").read_text(encoding="utf-8"))
    return Statement(
        tuple(document["heard"]),
        tuple(document["translated"]),
        tuple(read_audio(answers / f"{n}.wav") for n in range(len(exchange.fragments))),
        document["digests"],
    )


def model_paths(health: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Where sts-service's containers have the models that /health names, by stage.

    The name itself for an engine whose model is no file.
    """
    configured = {
        "asr": settings.asr_model,
        "translation": settings.translation_model,
        "tts": settings.tts_model,
    }
    return {
        stage: _model_path(health[stage], health["models"][stage], given)
        for stage, given in configured.items()
    }


def _model_path(engine: str, model: str, configured: str) -> str:
    name = model.rpartition("@")[0]
    if engine not in _FAMILIES or not name:
        return model
    if configured.startswith("/"):
        return configured
    suffix = _FAMILIES[engine]
    if name.startswith("pocket/"):
        return f"{POCKET_FOLDER}/{name.removeprefix('pocket/')}{suffix}"
    return f"{MODELS_FOLDER}/{engine}/{name.replace('/', '--')}{suffix}"


def _files(
    exchange: Exchange, health: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, bytes]:
    stages = {stage: [health[stage], path] for stage, path in paths.items()}
    request = {
        **stages,
        "said": [_hyphenated(fragment.transcript or "") for fragment in exchange.fragments],
        "translated": [fragment.translated_text or "" for fragment in exchange.fragments],
    }
    if health["translation"] != "apertium":
        request["said"] = [fragment.transcript or "" for fragment in exchange.fragments]
    sounds = {
        str(_FOLDER / f"{number}.npy"): _array(fragment.source_audio, fragment.rate_hz)
        for number, fragment in enumerate(exchange.fragments)
    }
    return {
        str(_FOLDER / _PROGRAM.name): _PROGRAM.read_bytes(),
        str(_FOLDER / "request.json"): json.dumps(request).encode(),
        **sounds,
    }


def _hyphenated(text: str) -> str:
    """Numbers as Apertium's dictionary has them."""
    return " ".join(number_words(int(w)) if w.isdigit() else w for w in normalise(text))


def _array(samples: Samples, rate_hz: int) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(soxr.resample(samples, rate_hz, RATE_HZ, "HQ"), np.float32))
    return buffer.getvalue()
