"""Filling the store: from the libraries' hubs, or from a folder that somebody brings."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from services.contracts import Stage
from sts_service.engines.base import EngineLoadError, EngineOptions
from sts_service.engines.registry import PROFILES, Choice, Selection
from sts_service.models.check import Checked, check
from sts_service.models.errors import ModelError
from sts_service.models.hub import download
from sts_service.models.store import COQUI, MARIAN, WHISPER, Family, StoredModel

_FAMILIES = {"whisper": WHISPER, "marian": MARIAN, "coqui": COQUI}

Download = Callable[[Family, str, Path], Path]
Trial = Callable[[Stage, Choice, EngineOptions], Checked]


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

    @property
    def choice(self) -> Choice:
        """The engine with this model."""
        return Choice(self.provider, self.name)


@dataclass(frozen=True)
class Pulled:
    """A model in the store, and what loading it took; ``fresh`` if it was not there before."""

    wanted: Wanted
    model: StoredModel
    identity: str
    fresh: bool
    checked: Checked


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
    wanted: Wanted,
    options: EngineOptions,
    *,
    brought: Path | None,
    fetch: Download = download,
    trial: Trial = check,
) -> Pulled:
    """Put a model that loads into the store, whole; ``ModelError`` says why it cannot be.

    What is there and loads is kept, unless ``brought`` holds something else of that name; it is
    replaced only by what has been loaded where it arrived.
    """
    family, name, store = wanted.family, wanted.name, options.models_dir
    source = None if brought is None else _find(family, name, brought)
    model = StoredModel(name, store / family.place(name))
    broken = ""
    if _is_there(family, model, source):
        try:
            checked = trial(wanted.stage, wanted.choice, options)
            return Pulled(wanted, model, _identity(model), fresh=False, checked=checked)
        except EngineLoadError as error:
            broken = f"; what is there does not load: {error}"
    try:
        with _scratch(store) as scratch:
            arrived = scratch / family.place(name)
            arrived.parent.mkdir()
            if source is None:
                fetch(family, name, scratch / "download").replace(arrived)
            else:
                _copy(source, arrived)
            _check(family, name, arrived)
            _tidy(arrived)
            checked = _tried(wanted, replace(options, models_dir=scratch), trial)
            _place(arrived, model.path, aside=scratch / "replaced")
    except ModelError as error:
        raise ModelError(f"{error}{broken}") from error
    return Pulled(wanted, model, _identity(model), fresh=True, checked=checked)


def _is_there(family: Family, model: StoredModel, source: Path | None) -> bool:
    if family.missing(model.path) is not None:
        return False
    return source is None or _identity(model) == _identity(StoredModel(model.name, source))


def _tried(wanted: Wanted, options: EngineOptions, trial: Trial) -> Checked:
    try:
        return trial(wanted.stage, wanted.choice, options)
    except EngineLoadError as error:
        raise ModelError(
            f"{wanted.name} does not load, and was not put into the volume "
            f"{options.models_volume}: {error}; remedy: another copy of it, "
            "make pull-models FROM=<folder that has it>"
        ) from error


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
        (folder / "download").mkdir()
        yield folder
    except OSError as error:
        raise ModelError(f"the model could not be stored in {store}: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _tidy(arrived: Path) -> None:
    # Services run as another user, and read only.
    for path in (arrived, *arrived.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    # What a downloader keeps for itself is no part of the model.
    shutil.rmtree(arrived / ".cache", ignore_errors=True)


def _place(arrived: Path, place: Path, *, aside: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    # A folder that is not empty cannot be replaced in one move, as a file can.
    if place.is_dir():
        place.rename(aside)
    arrived.replace(place)
