"""Finding engines by name: profiles, overrides stage by stage, loading."""

from dataclasses import dataclass, replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

from services.contracts import Stage
from sts_service import engines
from sts_service.engines.base import (
    EngineLoadError,
    EngineOptions,
    Recognizer,
    Synthesizer,
    Translator,
)


@dataclass(frozen=True)
class Choice:
    """One stage's engine.

    ``provider`` is the name behind the stage in ``sts_service.engines`` (``pocketsphinx`` for
    ``asr_pocketsphinx``), or, with a dot in it, any importable module that has an ``Engine``.
    """

    provider: str
    model: str | None = None


@dataclass(frozen=True)
class Selection:
    """The engines of one service: what to load, and where."""

    profile: str
    asr: Choice
    translation: Choice
    tts: Choice
    device: str = "cpu"

    def on(self, device: str) -> "Selection":
        """Return the selection for another device, ``cpu`` or ``cuda``."""
        return replace(self, device=device)

    def overridden(self, stage: Stage, *, provider: str | None, model: str | None) -> "Selection":
        """Return the selection with another provider or model for one stage."""
        choice = {Stage.ASR: self.asr, Stage.TRANSLATION: self.translation, Stage.TTS: self.tts}[
            stage
        ]
        if provider is not None and provider != choice.provider:
            choice = Choice(provider)
        if model is not None:
            choice = replace(choice, model=model)
        match stage:
            case Stage.ASR:
                return replace(self, asr=choice)
            case Stage.TRANSLATION:
                return replace(self, translation=choice)
            case Stage.TTS:
                return replace(self, tts=choice)


PROFILES: dict[str, Selection] = {
    "embedded": Selection(
        profile="embedded",
        asr=Choice("pocketsphinx"),
        translation=Choice("apertium"),
        tts=Choice("espeak"),
    ),
}


@dataclass(frozen=True)
class Engines:
    """Three loaded engines."""

    asr: Recognizer
    translation: Translator
    tts: Synthesizer

    def close(self) -> None:
        """Let go of what the engines hold."""
        for engine in (self.asr, self.translation, self.tts):
            engine.close()


@dataclass(frozen=True)
class EngineInfo:
    """What loaded engines say of themselves; safe to send between processes."""

    profile: str
    asr: str
    translation: str
    tts: str
    models: dict[str, str]
    pairs: frozenset[tuple[str, str]]

    @property
    def source_languages(self) -> list[str]:
        """Languages that can be dubbed from."""
        return sorted({source for source, _ in self.pairs})

    @property
    def target_languages(self) -> list[str]:
        """Languages that can be dubbed into."""
        return sorted({target for _, target in self.pairs})


class _Constructor(Protocol):
    def __call__(self, options: EngineOptions) -> object: ...


def available(stage: Stage) -> list[str]:
    """Return the names of the engines that the package has for a stage."""
    prefix = f"{stage.value}_"
    names = (module.name for module in iter_modules(engines.__path__))
    return sorted(name.removeprefix(prefix) for name in names if name.startswith(prefix))


def load(selection: Selection) -> Engines:
    """Load all three engines; ``EngineLoadError`` says what is missing."""
    asr = _engine(Stage.ASR, selection.asr, selection.device)
    translation = _engine(Stage.TRANSLATION, selection.translation, selection.device)
    tts = _engine(Stage.TTS, selection.tts, selection.device)
    if not isinstance(asr, Recognizer):
        raise EngineLoadError(f"{selection.asr.provider} does not recognise speech")
    if not isinstance(translation, Translator):
        raise EngineLoadError(f"{selection.translation.provider} does not translate")
    if not isinstance(tts, Synthesizer):
        raise EngineLoadError(f"{selection.tts.provider} does not synthesise speech")
    return Engines(asr, translation, tts)


def describe(selection: Selection, loaded: Engines) -> EngineInfo:
    """Say which engines these are, and which languages all three have in common."""
    pairs = frozenset(
        (source, target)
        for source, target in loaded.translation.pairs
        if source in loaded.asr.languages and target in loaded.tts.languages
    )
    return EngineInfo(
        profile=selection.profile,
        asr=loaded.asr.name,
        translation=loaded.translation.name,
        tts=loaded.tts.name,
        models={
            Stage.ASR.value: loaded.asr.model,
            Stage.TRANSLATION.value: loaded.translation.model,
            Stage.TTS.value: loaded.tts.model,
        },
        pairs=pairs,
    )


def _engine(stage: Stage, choice: Choice, device: str) -> object:
    name = choice.provider
    if "." in name:
        module_name = name
    elif name in available(stage):
        module_name = f"{engines.__name__}.{stage.value}_{name}"
    else:
        known = ", ".join(available(stage))
        raise EngineLoadError(f"no {stage.value} engine is called {name}; there are: {known}")
    try:
        constructor: _Constructor = import_module(module_name).Engine
    except (ImportError, AttributeError) as error:
        raise EngineLoadError(f"{stage.value} engine {name} cannot be loaded: {error}") from error
    return constructor(EngineOptions(model=choice.model, device=device))
