"""What every test starts from: no setting of whoever runs it, and loggers that may be watched."""

from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from environment.settings import Settings


@pytest.fixture(autouse=True)
def no_settings_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the suite's variables and its .env away, whatever the shell or the checkout holds."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(autouse=True, scope="session")
def loggers_that_may_be_watched() -> Iterator[None]:
    """Have no logger kept as it was configured when it first spoke.

    A service that a test sets up in this process would hide its lines from all tests behind it.
    """
    configure = structlog.configure

    def configure_uncached(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", configure_uncached)
        yield
