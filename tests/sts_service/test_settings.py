import pytest

from services.contracts import Stage
from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import Choice, available, load
from sts_service.settings import Settings, SettingsError, read_settings


def test_defaults_are_the_embedded_engines() -> None:
    settings = Settings()
    assert settings.port == 3000
    assert settings.max_inflight == 3
    assert settings.selection.asr == Choice("pocketsphinx")
    assert settings.selection.profile == "embedded"


def test_one_stage_can_be_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTS_PROVIDER", "other")
    monkeypatch.setenv("TTS_MODEL", "voice")
    monkeypatch.setenv("ASR_MODEL", "")
    selection = read_settings().selection
    assert selection.tts == Choice("other", "voice")
    assert selection.asr == Choice("pocketsphinx")


@pytest.mark.parametrize(
    ("variable", "value"),
    [("PORT", "http"), ("STS_PROFILE", "best"), ("MAX_INFLIGHT", "0"), ("LOG_LEVEL", "LOUD")],
)
def test_a_bad_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable) as caught:
        read_settings()
    assert value in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STS_API_KEY", "very-secret")
    assert "very-secret" not in repr(read_settings())


def test_engines_are_found_by_their_file_names() -> None:
    assert "pocketsphinx" in available(Stage.ASR)
    assert "apertium" in available(Stage.TRANSLATION)
    assert "espeak" in available(Stage.TTS)


def test_an_unknown_engine_is_refused_with_those_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ASR_PROVIDER", "clairvoyant")
    with pytest.raises(EngineLoadError, match=r"clairvoyant; there are: .*pocketsphinx"):
        load(read_settings().selection)


def test_a_wrong_kind_of_engine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASR_PROVIDER", "tests.sts_service.fake_tts")
    with pytest.raises(EngineLoadError, match="does not recognise"):
        load(read_settings().selection)
