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


@pytest.mark.parametrize(
    ("changes", "variable"),
    [
        ({"SEGMENT_DURATION_S": "55"}, "SEGMENT_DURATION_S"),
        ({"SEGMENT_DURATION_S": "1", "FRAGMENT_TIMEOUT_S": "61"}, "FRAGMENT_TIMEOUT_S"),
    ],
)
def test_what_could_not_be_carried_is_refused(
    changes: dict[str, str],
    variable: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, said in changes.items():
        monkeypatch.setenv(name, said)
    assert main() == 2
    assert capsys.readouterr().err.startswith(f"media-service: {variable}: ")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert Settings().port == 8080


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
