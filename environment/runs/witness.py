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
from environment.stack.blueprint import MODELS_FOLDER
from environment.stack.ownership import Owner

POCKET_MODELS: Final = PurePosixPath("/opt/models/pocket")

_PROGRAM: Final = Path(__file__).with_name("witness_program.py")
_FOLDER: Final = PurePosixPath("/witness")
_TIMEOUT_S: Final = 120.0
# How each engine's models lie in the volume: their folder, and what is put behind the name.
_FAMILIES: Final = {"whisper": ".pt", "marian": "", "coqui": ""}


@dataclass(frozen=True)
class Statement:
    """What the libraries made of the fragments of an exchange, each in its order.

    ``heard`` are the transcripts of the sounds, ``translated`` the translations of the service's
    own transcripts, ``spoken`` the sound of the service's own translations.
    """

    heard: tuple[str, ...]
    translated: tuple[str, ...]
    spoken: tuple[AudioTrack, ...]


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
    wants_volume = any(_is_in_volume(model) for model in health["models"].values())
    errand = Errand(
        name="witness",
        image=image,
        command=("python3", str(_FOLDER / _PROGRAM.name), str(_FOLDER)),
        timeout_s=settings.timeout(_TIMEOUT_S),
        # More threads than free cores wait for each other, and the service has its own.
        environment={"OMP_NUM_THREADS": "1"},
        files=_files(exchange, health),
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
    )


def model_path(engine: str, model: str) -> str:
    """Where the image, or the volume, has a model that /health names; its name if it is no file."""
    name = model.rpartition("@")[0]
    if engine not in _FAMILIES or not name:
        return model
    suffix = _FAMILIES[engine]
    if not _is_in_volume(model):
        return str(POCKET_MODELS / (name.removeprefix("pocket/") + suffix))
    return str(PurePosixPath(MODELS_FOLDER) / engine / (name.replace("/", "--") + suffix))


def _is_in_volume(model: str) -> bool:
    return "@" in model and not model.startswith("pocket/")


def _files(exchange: Exchange, health: Mapping[str, Any]) -> dict[str, bytes]:
    stages = {
        stage: [health[stage], model_path(health[stage], health["models"][stage])]
        for stage in ("asr", "translation", "tts")
    }
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
