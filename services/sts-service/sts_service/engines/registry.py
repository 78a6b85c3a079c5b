"""Finding engines by name: profiles, overrides stage by stage, loading."""

from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
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
    """The engines of one service: what to load, and with which options (see ``EngineOptions``)."""

    profile: str
    asr: Choice
    translation: Choice
    tts: Choice
    options: EngineOptions = field(default_factory=EngineOptions)

    def choices(self) -> dict[Stage, Choice]:
        """Return the engine chosen for each stage, in the order of the work."""
        return {Stage.ASR: self.asr, Stage.TRANSLATION: self.translation, Stage.TTS: self.tts}

    def with_options(self, options: EngineOptions) -> "Selection":
        """Return the selection with other options; the choices' models stand."""
        return replace(self, options=options)

    def overridden(self, stage: Stage, *, provider: str | None, model: str | None) -> "Selection":
        """Return the selection with another provider or model for one stage."""
        choice = self.choices()[stage]
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


POCKET_MODELS = Path("/opt/models/pocket")
"""Where the image has the small models that come with the repository."""

PROFILES: dict[str, Selection] = {
    "pocket": Selection(
        profile="pocket",
        asr=Choice("whisper", str(POCKET_MODELS / "whisper-en.pt")),
        translation=Choice("marian", str(POCKET_MODELS / "marian-en-es")),
        tts=Choice("coqui", str(POCKET_MODELS / "coqui-es")),
    ),
    "neural": Selection(
        profile="neural",
        asr=Choice("whisper", "small"),
        translation=Choice("marian", "Helsinki-NLP/opus-mt-en-es"),
        tts=Choice("coqui", "tts_models/es/css10/vits"),
    ),
    "embedded": Selection(
        profile="embedded",
        asr=Choice("pocketsphinx"),
        translation=Choice("apertium"),
        tts=Choice("espeak"),
    ),
    "echo": Selection(
        profile="echo",
        asr=Choice("sts_service.echo"),
        translation=Choice("sts_service.echo"),
        tts=Choice("sts_service.echo"),
    ),
}


@dataclass(frozen=True)
class Engines:
    """Three loaded engines."""

    asr: Recognizer
    translation: Translator
    tts: Synthesizer

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The (source, target) codes of the languages that all three have in common."""
        return frozenset(
            (source, target)
            for source, target in self.translation.pairs
            if source in self.asr.languages and target in self.tts.languages
        )

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

    def label(self, stage: Stage) -> str:
        """Return engine and model of a stage: ``whisper:pocket/whisper-en@1a2b3c4d``."""
        name = {Stage.ASR: self.asr, Stage.TRANSLATION: self.translation, Stage.TTS: self.tts}
        return f"{name[stage]}:{self.models[stage.value]}"

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
    asr = load_engine(Stage.ASR, selection.asr, selection.options)
    translation = load_engine(Stage.TRANSLATION, selection.translation, selection.options)
    tts = load_engine(Stage.TTS, selection.tts, selection.options)
    if not isinstance(asr, Recognizer):
        raise EngineLoadError(f"{selection.asr.provider} does not recognise speech")
    if not isinstance(translation, Translator):
        raise EngineLoadError(f"{selection.translation.provider} does not translate")
    if not isinstance(tts, Synthesizer):
        raise EngineLoadError(f"{selection.tts.provider} does not synthesise speech")
    device = selection.options.device
    if device != "cpu" and not (asr.accelerated or translation.accelerated or tts.accelerated):
        names = f"{asr.name}, {translation.name} and {tts.name}"
        raise EngineLoadError(f"DEVICE={device}, but {names} need none; remedy: DEVICE=cpu")
    loaded = Engines(asr, translation, tts)
    if not loaded.pairs:
        loaded.close()
        translated = ", ".join(f"{source} to {target}" for source, target in translation.pairs)
        raise EngineLoadError(
            f"no languages can be dubbed: {translation.name}:{translation.model} translates "
            f"{translated}, but {asr.name}:{asr.model} does not hear the one or {tts.name}:"
            f"{tts.model} does not speak the other; remedy: models for the same languages"
        )
    return loaded


def describe(selection: Selection, loaded: Engines) -> EngineInfo:
    """Say which engines these are, and which languages all three have in common."""
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
        pairs=loaded.pairs,
    )


def load_engine(stage: Stage, choice: Choice, options: EngineOptions) -> object:
    """Load one stage's engine; ``EngineLoadError``, in one line, says why it cannot be."""
    name = choice.provider
    if "." not in name and name not in available(stage):
        known = ", ".join(available(stage))
        raise EngineLoadError(f"no {stage.value} engine is called {name}; there are: {known}")
    try:
        constructor: _Constructor = import_module(_module(stage, name)).Engine
        return constructor(replace(options, model=choice.model))
    except EngineLoadError:
        raise
    except Exception as error:  # outermost edge of somebody else's library
        what = f"{stage.value} engine {name}" + (f" with {choice.model}" if choice.model else "")
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise EngineLoadError(f"{what} cannot be loaded: {reason}{_remedy(choice)}") from error


def _remedy(choice: Choice) -> str:
    # What has a path came with the image or by hand; a name is looked up in the volume.
    if choice.model is None or Path(choice.model).is_absolute():
        return ""
    return "; remedy, where it comes from the volume: make pull-models fetches again what is broken"


def _module(stage: Stage, provider: str) -> str:
    return provider if "." in provider else f"{engines.__name__}.{stage.value}_{provider}"
