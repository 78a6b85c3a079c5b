"""What a signal does to `python -m environment`, and what its echo does."""

from __future__ import annotations

import signal
import time

import pytest

from environment.__main__ import ECHO_S, Interrupt


def test_an_echo_is_the_same_word_and_a_later_signal_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    interrupt = Interrupt()
    with pytest.raises(KeyboardInterrupt):
        interrupt(signal.SIGTERM, None)
    now += ECHO_S / 2
    interrupt(signal.SIGTERM, None)
    now += ECHO_S
    with pytest.raises(KeyboardInterrupt):
        interrupt(signal.SIGINT, None)
