"""The files of an engine's model: that one is named, and that what was loaded is what is named."""

from collections.abc import Iterator
from contextlib import contextmanager

from sts_service.engines.base import EngineLoadError, EngineOptions
from sts_service.models.store import Family, StoredModel, resolve


def model_files(family: Family, options: EngineOptions) -> StoredModel:
    """Find the model that the options name; there is none that an engine takes by itself.

    Raises ``EngineLoadError`` in one line with the remedy.
    """
    if options.model is None:
        raise EngineLoadError(
            f"the engine {family.subfolder} has no model of its own; remedy: {family.variable}="
            f"<a model's name in the volume {options.models_volume}, or an absolute path>"
        )
    return resolve(family, options.model, options)


@contextmanager
def unchanged(model: StoredModel) -> Iterator[str]:
    """Yield the identity of the files that the block loads.

    Raises ``EngineLoadError`` where they are others at its end: then nobody knows what was read.
    """
    identity = model.identity()
    yield identity
    now = model.identity()
    if now != identity:
        raise EngineLoadError(f"the model {identity} became {now} while it was loaded")
