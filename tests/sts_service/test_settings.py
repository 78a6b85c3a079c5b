from pathlib import Path

import pytest

from services.contracts import Stage
from sts_service.engines.base import EngineLoadError, EngineOptions
from sts_service.engines.registry import PROFILES, Choice, available, load
from sts_service.settings import Settings, SettingsError, read_settings
from tests.sts_service.fake_workers import FAKES


def test_defaults_are_the_pocket_models() -> None:
    settings = Settings()
    assert settings.port == 3000
    assert settings.max_inflight == 3
    assert settings.selection.asr == Choice("whisper", "/opt/models/pocket/whisper-en.pt")
    assert settings.selection.profile == "pocket"


def test_one_stage_can_be_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_PROVIDER", "other")
    monkeypatch.setenv("TTS_MODEL", "voice")
    monkeypatch.setenv("ASR_MODEL", "")
    selection = read_settings().selection
    assert selection.tts == Choice("other", "voice")
    assert selection.asr == PROFILES["pocket"].asr


@pytest.mark.parametrize(
    ("profile", "providers", "models"),
    [
        (
            "pocket",
            ["whisper", "marian", "coqui"],
            [
                "/opt/models/pocket/whisper-en.pt",
                "/opt/models/pocket/marian-en-es",
                "/opt/models/pocket/coqui-es",
            ],
        ),
        (
            "neural",
            ["whisper", "marian", "coqui"],
            ["small", "Helsinki-NLP/opus-mt-en-es", "tts_models/es/css10/vits"],
        ),
        ("embedded", ["pocketsphinx", "apertium", "espeak"], [None, None, None]),
    ],
)
def test_a_profile_names_engines_and_models(
    monkeypatch: pytest.MonkeyPatch, profile: str, providers: list[str], models: list[str | None]
) -> None:
    monkeypatch.setenv("STS_PROFILE", profile)
    choices = read_settings().selection.choices().values()
    assert [choice.provider for choice in choices] == providers
    assert [choice.model for choice in choices] == models


def test_another_engine_takes_its_own_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STS_PROFILE", "pocket")
    monkeypatch.setenv("ASR_PROVIDER", "pocketsphinx")
    monkeypatch.setenv("TTS_PROVIDER", "coqui")
    selection = read_settings().selection
    assert selection.asr == Choice("pocketsphinx")
    assert selection.tts == Choice("coqui", "/opt/models/pocket/coqui-es")


def test_engines_are_told_where_models_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STS_MODELS_DIR", "/srv/models")
    monkeypatch.setenv("STS_MODELS_VOLUME", "ours")
    monkeypatch.setenv("DEVICE", "cuda")
    options = read_settings().selection.options
    assert options.models_dir == Path("/srv/models")
    assert (options.models_volume, options.device) == ("ours", "cuda")


def test_a_device_that_no_engine_uses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    selection = FAKES.with_options(EngineOptions(device="cuda"))
    with pytest.raises(EngineLoadError, match=r"DEVICE=cuda, but .* remedy: DEVICE=cpu"):
        load(selection)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "http"),
        ("STS_PROFILE", "best"),
        ("MAX_INFLIGHT", "0"),
        ("LOG_LEVEL", "LOUD"),
        ("DEVICE", "tpu"),
        ("STS_MODELS_DIR", "models"),
        ("DEBUG_DELAY_S", "soon"),
        ("DEBUG_DELAY_S", "-1"),
    ],
)
def test_a_bad_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable) as caught:
        read_settings()
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


def test_debug_delays_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_settings().debug_delay_s == ()
    monkeypatch.setenv("DEBUG_DELAY_S", "5, 12.5,8")
    assert read_settings().debug_delay_s == (5.0, 12.5, 8.0)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STS_API_KEY", "very-secret")
    assert "very-secret" not in repr(read_settings())


def test_engines_are_found_by_their_file_names() -> None:
    assert available(Stage.ASR) == ["pocketsphinx", "whisper"]
    assert available(Stage.TRANSLATION) == ["apertium", "marian"]
    assert available(Stage.TTS) == ["coqui", "espeak"]


def test_engines_without_a_language_in_common_are_refused() -> None:
    selection = FAKES.overridden(Stage.TRANSLATION, provider="apertium", model="spa-eng")
    with pytest.raises(EngineLoadError, match="apertium:spa-eng translates es to en, but fake-asr"):
        load(selection)


def test_an_unknown_engine_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASR_PROVIDER", "clairvoyant")
    with pytest.raises(EngineLoadError, match=r"clairvoyant; there are: .*pocketsphinx"):
        load(read_settings().selection)


def test_a_wrong_kind_of_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STS_PROFILE", "embedded")
    monkeypatch.setenv("ASR_PROVIDER", "tests.sts_service.fake_tts")
    with pytest.raises(EngineLoadError, match="does not recognise"):
        load(read_settings().selection)
