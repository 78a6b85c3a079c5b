"""Finding a model's files by the name that the configuration gives it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sts_service.engines.base import EngineLoadError, EngineOptions

PULL = "make pull-models, or make pull-models FROM=<folder that has it>"
"""The remedy for a model that is not in the store."""

_DIGEST_CHARACTERS = 8


@dataclass(frozen=True)
class Family:
    """A kind of model: one file ending in ``suffix``, or a folder.

    ``subfolder`` is its place in the store and ``variable`` the setting that names one. Of each
    group in ``files`` a folder must have at least one.
    """

    subfolder: str
    variable: str
    suffix: str = ""
    files: tuple[tuple[str, ...], ...] = ()

    def place(self, name: str) -> Path:
        """Return where the store keeps a model, relative to the store: slashes become ``--``."""
        return Path(self.subfolder) / (name.replace("/", "--") + self.suffix)

    def missing(self, path: Path) -> str | None:
        """Say what a model at ``path`` lacks; None if it is all there."""
        if self.suffix:
            return None if path.is_file() and path.stat().st_size > 0 else "the file"
        for group in self.files:
            if not any((path / name).is_file() for name in group):
                return " or ".join(group)
        return None


WHISPER = Family("whisper", "ASR_MODEL", suffix=".pt")
MARIAN = Family(
    "marian",
    "TRANSLATION_MODEL",
    files=(
        ("config.json",),
        ("source.spm",),
        ("target.spm",),
        ("vocab.json",),
        ("model.safetensors", "pytorch_model.bin"),
    ),
)
COQUI = Family(
    "coqui",
    "TTS_MODEL",
    files=(("config.json",), ("model.pth", "model_file.pth", "model_file.pth.tar")),
)


@dataclass(frozen=True)
class StoredModel:
    """A model that is there; ``path`` is its file or folder."""

    name: str
    path: Path

    def file(self, *names: str) -> Path:
        """Return the first of these files that the folder has; ``EngineLoadError`` if none."""
        for name in names:
            if (self.path / name).is_file():
                return self.path / name
        raise EngineLoadError(f"the model {self.name} lacks {' or '.join(names)} in {self.path}")

    def identity(self) -> str:
        """Return the name with the beginning of the content's SHA-256: ``small@9ecf7799``.

        Another file is never taken for this one. For a single file it is what ``sha256sum``
        prints.
        """
        try:
            digest = _content_digest(self.path)
        except OSError as error:
            raise EngineLoadError(f"the model {self.name} cannot be read: {error}") from error
        return f"{self.name}@{digest[:_DIGEST_CHARACTERS]}"


def resolve(family: Family, name: str, options: EngineOptions) -> StoredModel:
    """Find a model by an absolute path, or by its name in the store.

    Raises ``EngineLoadError`` in one line that names model, place and remedy.
    """
    if Path(name).is_absolute():
        path = Path(name)
        model = StoredModel(f"{path.parent.name}/{path.name.removesuffix(family.suffix)}", path)
        where, remedy = "", f"let {family.variable} name one that is there"
    else:
        if name in (".", ".."):
            raise EngineLoadError(f"{family.variable}={name} is not the name of a model")
        path = options.models_dir / family.place(name)
        model = StoredModel(name, path)
        where, remedy = f" in the volume {options.models_volume}", PULL
    if not path.exists():
        raise EngineLoadError(
            f"the model {name} is not{where or ' there'}: {_absence(path, options)}; "
            f"remedy: {remedy}"
        )
    lacking = family.missing(path)
    if lacking is not None:
        raise EngineLoadError(
            f"the model {name}{where} is not complete: {path} lacks {lacking}; remedy: {remedy}"
        )
    return model


def _absence(path: Path, options: EngineOptions) -> str:
    # The image has the folder, with or without a volume on it.
    if path.is_relative_to(options.models_dir) and not options.models_dir.is_mount():
        return f"nothing is mounted at {options.models_dir}"
    return f"there is no {path}"


def _content_digest(path: Path) -> str:
    if path.is_file():
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    whole = hashlib.sha256()
    for file in _files(path):
        whole.update(f"{file.relative_to(path).as_posix()}\0{_content_digest(file)}\n".encode())
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
