"""Fetching models with the downloaders of the libraries that use them."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

from sts_service.models.errors import ModelError
from sts_service.models.store import COQUI, MARIAN, WHISPER, Family

_MARIAN_EXTRAS = ("generation_config.json", "tokenizer_config.json", "target_vocab.json")


def download(family: Family, name: str, into: Path) -> Path:
    """Fetch a model into a scratch folder, with progress on stderr; return its file or folder.

    Raises ``ModelError`` with model, reason and remedy.
    """
    fetch: dict[Family, Callable[[str, Path], Path]] = {
        WHISPER: _whisper,
        MARIAN: _marian,
        COQUI: _coqui,
    }
    # Services never download; the library reads this when it is imported.
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.pop(variable, None)
    try:
        return fetch[family](name, into)
    except ModelError:
        raise
    except Exception as error:  # three libraries, and each one's own ways to lose a connection
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ModelError(
            f"{name} could not be fetched: {reason}; remedy: fetch it where the hub can be "
            "reached, and bring the folder: make pull-models FROM=<folder>"
        ) from error


def _whisper(name: str, into: Path) -> Path:
    import whisper  # noqa: PLC0415 - heavy, and not needed for a folder that is brought

    url = whisper._MODELS.get(name)
    if url is None:
        raise ModelError(f"Whisper has no model {name}; {', '.join(whisper.available_models())}")
    return Path(whisper._download(url, str(into), in_memory=False))


def _marian(name: str, into: Path) -> Path:
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415

    offered = {file.rfilename for file in HfApi().model_info(name).siblings or ()}
    # Of weights in two formats the first is enough.
    needed = [next((file for file in group if file in offered), group[0]) for group in MARIAN.files]
    return Path(snapshot_download(name, allow_patterns=[*needed, *_MARIAN_EXTRAS], local_dir=into))


def _coqui(name: str, into: Path) -> Path:
    from TTS.utils.manage import ModelManager  # noqa: PLC0415

    # It logs its errors with a traceback before it raises them.
    logging.getLogger("TTS.utils.manage").setLevel(logging.CRITICAL)
    manager = ModelManager(output_prefix=into, progress_bar=True)
    known = manager.list_tts_models()
    if name not in known:
        raise ModelError(f"Coqui TTS has no model {name}; {', '.join(known)}")
    weights, _, _ = manager.download_model(name)
    return Path(weights) if weights.is_dir() else Path(weights).parent
