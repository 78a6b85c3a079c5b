"""behave in a process of its own that has everything imported already: begun in no time.

The first that is asked for starts a server, which imports once; every run is forked off it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

IMPORTED: Final = [
    "behave.__main__",
    "behave.runner",
    "environment.hooks",
    "environment.session",
    "tests.environment.fake_system",
    __name__,
]
_ENDS_WITHIN_S: Final = 30.0


def run_behave(
    arguments: Sequence[str], *, folder: Path, variables: Mapping[str, str], log: Path
) -> int:
    """Run behave in ``folder`` with these variables; return its exit status.

    All that it prints goes to ``log``. ``TimeoutError`` where it does not end.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    process = context.Process(
        target=_behave, args=(list(arguments), str(folder), dict(variables), str(log))
    )
    process.start()
    try:
        process.join(_ENDS_WITHIN_S)
        if process.exitcode is None:
            raise TimeoutError(f"behave has not ended: {log.read_text(errors='replace')}")
        return process.exitcode
    finally:
        process.kill()
        process.join()
        process.close()


def _behave(arguments: list[str], folder: str, variables: dict[str, str], log: str) -> None:
    with Path(log).open("wb") as printed:
        os.dup2(printed.fileno(), sys.stdout.fileno())
        os.dup2(printed.fileno(), sys.stderr.fileno())
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    from behave.__main__ import main  # noqa: PLC0415 - only here, where it was imported before

    sys.exit(main(arguments))
