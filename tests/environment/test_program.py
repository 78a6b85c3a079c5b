"""Programs beside the suite: apart, heard, and always ended."""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from environment.errors import HarnessError, ToolUnavailable
from environment.runs.program import LOG_TAIL_BYTES, Program, end_all
from environment.waiting import wait_for

REPO = Path(__file__).parents[2]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/status").exists()


def shell(text: str) -> list[str]:
    return ["sh", "-c", text]


def test_it_is_apart_from_the_terminal_and_ended_with_its_context() -> None:
    with Program(["sleep", "30"]) as program:
        assert program.running
        assert os.getsid(program.pid) == program.pid != os.getsid(0)
    assert program.exit_code == -signal.SIGTERM
    assert not program.running


def test_one_that_ignores_sigterm_is_killed() -> None:
    deaf = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    with Program(deaf, grace_s=0.1) as program:
        wait_for("the trap", lambda: "ready" in program.log, timeout_s=5, interval_s=0.01)
    assert program.exit_code == -signal.SIGKILL


def test_of_its_log_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "deep" / "program.log"
    with Program(shell("yes | head -c 300000; echo end >&2"), log_file=log) as program:
        wait_for("its end", lambda: not program.running, timeout_s=5, interval_s=0.01)
    assert len(program.log) == LOG_TAIL_BYTES
    assert program.log.endswith("end\n")
    assert log.stat().st_size > LOG_TAIL_BYTES


def test_its_output_can_go_elsewhere() -> None:
    with (
        tempfile.TemporaryFile() as output,
        Program(shell("echo out; echo err >&2"), output=output) as program,
    ):
        wait_for("its end", lambda: program.exit_code == 0, timeout_s=5, interval_s=0.01)
        output.seek(0)
        assert output.read() == b"out\n"
        assert program.log == "err\n"


@pytest.mark.parametrize(("name", "package"), [("ffprobe", "ffmpeg"), ("nothing-like-it", "")])
def test_a_missing_program_is_named(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolUnavailable, match=f"{name} is not.*install {package or name}"):
        Program([name]).start()


def test_what_was_not_started_can_be_ended_and_not_signalled() -> None:
    program = Program(["sleep", "30"])
    program.end()
    assert program.exit_code is None
    with pytest.raises(HarnessError, match="sleep was not started"):
        program.signal(signal.SIGTERM)


def test_one_that_nobody_holds_any_more_ends() -> None:
    pid = Program(["sleep", "30"]).start().pid
    wait_for("it to be gone", lambda: not alive(pid), timeout_s=5, interval_s=0.01)


def test_all_are_ended_at_once() -> None:
    programs = [Program(["sleep", "30"]).start() for _ in range(2)]
    end_all()
    assert [program.exit_code for program in programs] == [-signal.SIGTERM] * 2


def test_a_signal_in_the_middle_of_a_start_loses_no_child() -> None:
    """The signal comes after the child's birth and before ``start`` returns."""
    code = """
    import os, signal, subprocess
    from environment.runs import program as module

    def on_signal(*_):
        raise KeyboardInterrupt
    signal.signal(signal.SIGTERM, on_signal)
    born = subprocess.Popen
    def interrupted(*arguments, **options):
        process = born(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)
        return process
    module.subprocess.Popen = interrupted
    program = module.Program(["sleep", "30"])
    try:
        program.start()
    except KeyboardInterrupt:
        print("interrupted")
    module.end_all()
    print(program.exit_code)
    """
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert said.stdout.split() == ["interrupted", "-15"]
