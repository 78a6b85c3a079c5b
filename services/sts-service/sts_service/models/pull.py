"""Filling the store: from the libraries' hubs, or from a folder that somebody brings."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.contracts import Stage
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import PROFILES, Selection
from sts_service.models.errors import ModelError
from sts_service.models.hub import download
from sts_service.models.store import COQUI, MARIAN, WHISPER, Family, StoredModel

_FAMILIES = {"whisper": WHISPER, "marian": MARIAN, "coqui": COQUI}

Download = Callable[[Family, str, Path], Path]


@dataclass(frozen=True)
class Wanted:
    """A model that belongs into the store, and the engine that will load it."""

    stage: Stage
    provider: str
    name: str

    @property
    def family(self) -> Family:
        """The kind of model that the engine loads."""
        return _FAMILIES[self.provider]


@dataclass(frozen=True)
class Pulled:
    """A model in the store; ``fresh`` if it was not there before."""

    wanted: Wanted
    model: StoredModel
    identity: str
    fresh: bool


def wanted_models(selection: Selection) -> list[Wanted]:
    """Return the models that a service with these engines would look up by name in the store.

    A stage whose engine has no such model, or one at a path of its own, gets the full profile's.
    """
    full = PROFILES["neural"]
    found = []
    for stage, choice in selection.choices().items():
        named = choice.provider in _FAMILIES and choice.model and not choice.model.startswith("/")
        taken = choice if named else full.choices()[stage]
        found.append(Wanted(stage, taken.provider, taken.model or ""))
    return found


def pull(
    wanted: Wanted, store: Path, *, brought: Path | None, fetch: Download = download
) -> Pulled:
    """Put a model into the store, whole or not at all; ``ModelError`` says why it cannot be.

    What is there already is kept, unless ``brought`` holds something else of that name.
    """
    family, name = wanted.family, wanted.name
    place = store / family.place(name)
    there = StoredModel(name, place) if family.missing(place) is None else None
    if brought is None and there is not None:
        return Pulled(wanted, there, _identity(there), fresh=False)
    if brought is not None:
        source = _find(family, name, brought)
        identity = _identity(StoredModel(name, source))
        if there is not None and _identity(there) == identity:
            return Pulled(wanted, there, identity, fresh=False)
        with _scratch(store) as scratch:
            _place(_copied(source, scratch), place)
    else:
        with _scratch(store) as scratch:
            fetched = fetch(family, name, scratch / "model")
            _check(family, name, fetched)
            _place(fetched, place)
    model = StoredModel(name, place)
    return Pulled(wanted, model, _identity(model), fresh=True)


def _find(family: Family, name: str, brought: Path) -> Path:
    """Find a model in a folder laid out as the store is, or that holds it by its last name."""
    flat, last = name.replace("/", "--") + family.suffix, name.rsplit("/", 1)[-1] + family.suffix
    places = [brought / family.place(name), brought / flat, brought / last]
    try:
        for place in places:
            if place.exists():
                _check(family, name, place)
                return place
    except PermissionError as error:
        raise ModelError(
            f"{error.filename} may not be read here; remedy: chmod -R a+rX the folder"
        ) from error
    tried = ", ".join(str(place) for place in dict.fromkeys(places))
    raise ModelError(f"{name} is not in {brought}: there is none of {tried}")


def _check(family: Family, name: str, path: Path) -> None:
    lacking = family.missing(path)
    if lacking is not None:
        raise ModelError(f"{name} is not complete: {path} lacks {lacking}")


def _identity(model: StoredModel) -> str:
    try:
        return model.identity()
    except EngineLoadError as error:
        raise ModelError(str(error)) from error


@contextmanager
def _scratch(store: Path) -> Iterator[Path]:
    try:
        store.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".incoming-", dir=store))
    except OSError as error:
        raise ModelError(f"nothing can be written to {store}: {error.strerror}") from error
    try:
        (folder / "model").mkdir()
        yield folder
    except OSError as error:
        raise ModelError(f"the model could not be stored in {store}: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copied(source: Path, scratch: Path) -> Path:
    target = scratch / source.name
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    return target


def _place(fetched: Path, place: Path) -> None:
    # Services run as another user, and read only.
    for path in (fetched, *fetched.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    # What a downloader keeps for itself is no part of the model.
    shutil.rmtree(fetched / ".cache", ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_dir():
        shutil.rmtree(place)
    fetched.replace(place)
