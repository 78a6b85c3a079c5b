"""`python -m environment`: the command line of the harness; errors are one line, exit status 2."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from environment import commands
from environment.console import Progress
from environment.endings import ended
from environment.settings import REPO_ROOT
from environment.specification.commands import print_trace, print_verbatim

RESULTS = REPO_ROOT / "artifacts" / "results" / "behave"
ECHO_S = 2.0

PASSING_ON = frozenset({"fixtures", "models", "engines", "suite", "soak"})
"""Commands whose further options belong to the program they start."""


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = argparse.ArgumentParser(prog="python -m environment", description=__doc__)
    chosen = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return chosen.add_parser(name, help=text, description=text)

    prepare = add("setup", "install and build what is missing: engine, programs, images")
    prepare.add_argument(
        "--for",
        dest="purpose",
        choices=("e2e", "test"),
        default="e2e",
        help="what to prepare for: the suite (default), or the unit tests, which need no Docker",
    )
    made = add("images", "pull or build the images, and print their names")
    made.add_argument(
        "--sizes", action="store_true", help="print how large the services' images are, by part"
    )
    add("up", "start the system and leave it running")
    remove = add("down", "remove what `up` left running, and what dead runs left")
    remove.add_argument(
        "--all",
        action="store_true",
        help="remove every container, network and volume of every run, living ones too",
    )
    add("config", "print every environment variable, its value and its meaning")
    add("fixtures", "make the clips in fixtures/streams anew; further options are passed on")
    add("models", "train the pocket models in the workbench; further options are passed on")
    engines = add("engines", "run the engines' contract tests; further options go to pytest")
    engines.add_argument(
        "--profile", help="the engines to test (default: those of pocket, then those of embedded)"
    )
    pull = add("pull-models", "fill the volume of the full models")
    pull.add_argument(
        "--from",
        dest="brought",
        metavar="FOLDER",
        help="a folder that has the models, where no hub can be reached",
    )
    suite = add("suite", "run the suite in several processes side by side; options of behave")
    suite.add_argument("--jobs", type=int, default=2, help="how many processes (default: 2)")
    many = add("soak", "run the suite many times, and print how often it passed; options of behave")
    many.add_argument("--runs", type=int, default=10, help="how many times (default: 10)")
    many.add_argument("--jobs", type=int, default=1, help="processes for each run (default: 1)")
    many.add_argument(
        "--go-on",
        action="store_true",
        help="count the runs of the newest soak, and make those that it lacks",
    )
    table = add("trace", "print which scenarios prove each requirement, and their last results")
    table.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="FOLDER",
        help="JUnit files of the run to look at (default: those of the last `make e2e`)",
    )
    words = add("verbatim", "hold the features word for word against the specifications")
    words.add_argument(
        "specs", type=Path, metavar="FOLDER", help="where the specifications lie, at any depth"
    )
    add("clean", "remove containers, images, wheels, evidence and caches")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status, or 2 with one line on stderr when it cannot be done."""
    parser = build_parser()
    arguments, further = parser.parse_known_args(argv)
    if further and arguments.command not in PASSING_ON:
        parser.error(f"unrecognized arguments: {' '.join(further)}")
    progress = Progress()
    run: dict[str, Callable[[], int]] = {
        "setup": lambda: commands.setup(progress, arguments.purpose),
        "images": lambda: commands.images(progress, sizes=arguments.sizes),
        "up": lambda: commands.up(progress),
        "down": lambda: commands.down(progress, everything=arguments.all),
        "config": commands.config,
        "fixtures": lambda: commands.fixtures(progress, further),
        "models": lambda: commands.models(progress, further),
        "engines": lambda: commands.engines(progress, arguments.profile, further),
        "pull-models": lambda: commands.pull(progress, arguments.brought),
        "suite": lambda: commands.suite(progress, arguments.jobs, further),
        "soak": lambda: commands.soak(
            progress, arguments.runs, further, jobs=arguments.jobs, go_on=arguments.go_on
        ),
        "trace": lambda: print_trace(arguments.results),
        "verbatim": lambda: print_verbatim(arguments.specs),
        "clean": lambda: commands.clean(progress),
    }
    return ended(run[arguments.command])


class Interrupt:
    """A signal's handler: interrupts; an echo, as `make` and `timeout` send, is the same word."""

    def __init__(self) -> None:
        self._at: float | None = None

    def __call__(self, _signal: int, _frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt, unless this is an echo of the signal before."""
        now = time.monotonic()
        if self._at is None or now - self._at > ECHO_S:
            self._at = now
            raise KeyboardInterrupt


if __name__ == "__main__":
    interrupt = Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    sys.exit(main())
