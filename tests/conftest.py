"""What every test starts from: no setting of whoever runs it."""

import pytest

from environment.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the suite's variables and its .env away, whatever the shell or the checkout holds."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)
