import pytest

from media_service.__main__ import main
from media_service.settings import Settings


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGMENT_DURATION_S", "4")
    monkeypatch.setenv("LOG_LEVEL", "debug")
    monkeypatch.setenv("MEDIAMTX_RTMP_URL", "rtmp://server:1935/")
    settings = Settings()
    assert settings.segment_duration_s == 4
    assert settings.log_level == "DEBUG"
    assert settings.input_url("live/a/in") == "rtmp://server:1935/live/a/in"


def test_the_key_is_not_shown() -> None:
    assert "secret" not in repr(Settings(sts_api_key="secret"))


def test_a_bad_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "ninety")
    assert main() == 2
    error = capsys.readouterr().err
    assert error.startswith("media-service: PORT: ")
    assert error.count("\n") == 1
