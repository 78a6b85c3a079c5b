"""How a worker ended, and whether the kernel did it for want of memory."""

from pathlib import Path

import pytest

from media_service import memory_limit
from media_service.memory_limit import memory_kills
from media_service.worker_end import cause_of_death


@pytest.mark.parametrize(
    ("content", "kills"),
    [("low 0\nhigh 0\noom 3\noom_kill 2\n", 2), ("oom_kill_disable 0\noom_kill 5\n", 5), ("", 0)],
)
def test_the_kernels_count_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, kills: int
) -> None:
    events = tmp_path / "memory.events"
    events.write_text(content)
    monkeypatch.setattr(memory_limit, "_FILES", (tmp_path / "absent", events))
    assert memory_kills() == kills


@pytest.mark.parametrize(
    ("exit_code", "kills", "reason", "words"),
    [
        (-9, 1, "out_of_memory", "memory ran out"),
        (-9, 0, "worker_killed", "SIGKILL"),
        (-11, 1, "worker_killed", "SIGSEGV"),
        (-40, 0, "worker_killed", "signal 40"),
        (4, 0, "worker_died", "exit code 4"),
    ],
)
def test_the_cause_of_a_death_is_named(exit_code: int, kills: int, reason: str, words: str) -> None:
    end = cause_of_death(exit_code, kills)
    assert (end.ok, end.reason, end.retryable) == (False, reason, True)
    assert words in end.message
