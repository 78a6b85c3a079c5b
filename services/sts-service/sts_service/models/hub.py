"""Fetching models from where their libraries have them."""

import os
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests

from sts_service.models.errors import ModelError
from sts_service.models.store import COQUI, MARIAN, WHISPER, Family

SILENT_S = 60.0
"""How long a server may say nothing."""

_MARIAN_EXTRAS = ("generation_config.json", "tokenizer_config.json", "target_vocab.json")
_STATISTICS = re.compile(r'"stats_path":\s*"[^"]')
_CHUNK_BYTES = 1 << 20


def allow_downloads() -> None:
    """Undo what keeps a service from downloading; the libraries read it when they are imported."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.pop(variable, None)


def download(family: Family, name: str, into: Path) -> Path:
    """Fetch a model into a scratch folder, with progress on stderr; return its file or folder.

    Raises ``ModelError`` with model, reason and remedy.
    """
    fetch: dict[Family, Callable[[str, Path], Path]] = {
        WHISPER: _whisper,
        MARIAN: _marian,
        COQUI: _coqui,
    }
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
    # Its download has no time limit of its own; the checksum, which is in the URL, it does check.
    socket.setdefaulttimeout(SILENT_S)
    return Path(whisper._download(url, str(into), in_memory=False))


def _marian(name: str, into: Path) -> Path:
    return _snapshot(name, MARIAN, into, extras=_MARIAN_EXTRAS)


def _coqui(name: str, into: Path) -> Path:
    from TTS.utils.manage import ModelManager  # noqa: PLC0415

    manager = ModelManager(output_prefix=into)
    known = manager.list_tts_models()
    if name not in known:
        raise ModelError(f"Coqui TTS has no model {name}; {', '.join(known)}")
    kind, language, data, model = name.split("/")
    # Only the list is the library's: what it downloads is linked to a cache elsewhere, without
    # a look at the server's status, and has the paths of this machine in its configuration.
    entry: dict[str, Any] = manager.models_dict[kind][language][data][model]
    if entry.get("default_vocoder"):
        raise ModelError(
            f"{name} needs the vocoder {entry['default_vocoder']}, and this service loads voices "
            "that need none; remedy: another one, such as tts_models/es/css10/vits"
        )
    if "repo_id" in entry:
        folder = _snapshot(entry["repo_id"], COQUI, into)
    elif isinstance(entry.get("github_rls_url"), str):
        folder = _unzipped(entry["github_rls_url"], COQUI, into)
    else:
        raise ModelError(f"Coqui TTS does not say where {name} is")
    config = folder / "config.json"
    if config.is_file() and _STATISTICS.search(config.read_text(encoding="utf-8")):
        raise ModelError(
            f"{name} needs a file of statistics beside its weights (stats_path), and this service "
            "loads voices that need none; remedy: another one, such as tts_models/es/css10/vits"
        )
    return folder


def _snapshot(repository: str, family: Family, into: Path, extras: Sequence[str] = ()) -> Path:
    """Fetch what a family's models consist of from Hugging Face, all of it from one commit."""
    from huggingface_hub import HfApi, snapshot_download  # noqa: PLC0415

    info = HfApi().model_info(repository)
    offered = {file.rfilename for file in info.siblings or ()}
    # Of weights in two formats the first is enough.
    needed = [next((file for file in group if file in offered), group[0]) for group in family.files]
    wanted = [*needed, *extras]
    folder = snapshot_download(repository, revision=info.sha, allow_patterns=wanted, local_dir=into)
    return Path(folder)


def _unzipped(url: str, family: Family, into: Path) -> Path:
    """Fetch an archive, and take out of it what a family's models consist of."""
    archive = into / "archive.zip"
    with requests.get(url, stream=True, timeout=SILENT_S) as answer, archive.open("wb") as file:
        answer.raise_for_status()
        size_bytes = int(answer.headers.get("content-length", 0))
        print(f"  {size_bytes / 1e6:.0f} MB from {url}", file=sys.stderr, flush=True)
        for chunk in answer.iter_content(_CHUNK_BYTES):
            file.write(chunk)
    wanted = {name for group in family.files for name in group}
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            member.filename = Path(member.filename).name
            # Extraction holds each file against the archive's own checksum.
            if member.filename in wanted:
                packed.extract(member, into)
    archive.unlink()
    return into
