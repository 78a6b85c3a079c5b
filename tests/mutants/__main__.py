"""``python -m tests.mutants``: every sabotage must turn its scenarios red."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from types import FrameType

from rich.console import Console
from rich.table import Table

from environment.evidence.report import spoken_duration
from environment.settings import REPO_ROOT
from tests.mutants.catalogue import MUTANTS, UNHARMED
from tests.mutants.copies import snapshot_of_product
from tests.mutants.mutant import Mutant
from tests.mutants.page import PAGE, page
from tests.mutants.runner import AT_ONCE, Trials
from tests.mutants.verdict import Verdict


def main() -> int:
    """Run the chosen mutants; return 1 if one stayed green or the unharmed product failed."""
    arguments = _parser().parse_args()
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    by_name = {mutant.name: mutant for mutant in MUTANTS}
    if arguments.list:
        for mutant in MUTANTS:
            console.print(f"{mutant.name}: {mutant.story}")
        return 0
    if arguments.page:
        PAGE.write_text(page(), encoding="utf-8")
        console.print(f"written: {PAGE.relative_to(REPO_ROOT)}")
        return 0
    if unknown := set(arguments.names) - by_name.keys():
        _parser().error(f"no such mutant: {', '.join(sorted(unknown))} (see --list)")
    chosen = [by_name[name] for name in arguments.names] or list(MUTANTS)
    try:
        return _try_all(console, chosen, at_once=arguments.jobs)
    except KeyboardInterrupt:
        console.print("interrupted; what was under way has been ended and cleared away")
        return 130


def table_of(verdicts: list[Verdict]) -> Table:
    """Lay the verdicts out, one mutant a row."""
    table = Table(title="Mutants")
    for column in ("mutant", "sabotage", "must turn red", "verdict", "s"):
        table.add_column(column, overflow="fold")
    for verdict in verdicts:
        said = "[red]" + "\n".join(verdict.objections) if verdict.objections else "caught"
        table.add_row(
            verdict.mutant.name,
            verdict.mutant.story,
            "; ".join(verdict.mutant.red),
            said,
            f"{verdict.duration_s:.0f}",
        )
    return table


def needed(unharmed: tuple[Mutant, ...], chosen: list[Mutant]) -> list[Mutant]:
    """Return the unharmed runs that the chosen mutants have feature and engines in common with."""
    wanted = {(mutant.profile, file) for mutant in chosen for file in mutant.features}
    return [run for run in unharmed if wanted & {(run.profile, file) for file in run.features}]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants to try (default: all)")
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    parser.add_argument("--page", action="store_true", help="write docs/mutants.md and stop")
    parser.add_argument(
        "--jobs", type=int, default=AT_ONCE, help=f"how many at a time (default: {AT_ONCE})"
    )
    return parser


def _try_all(console: Console, chosen: list[Mutant], *, at_once: int) -> int:
    began = time.monotonic()
    logs = REPO_ROOT / "artifacts" / "mutants"
    logs.mkdir(parents=True, exist_ok=True)

    def tell(verdict: Verdict) -> None:
        words = "; ".join(verdict.objections) or ("caught" if verdict.mutant.red else "green")
        console.print(f"{verdict.mutant.name} ({verdict.duration_s:.0f} s): {words}")

    with snapshot_of_product() as snapshot:
        console.print("the unharmed product first: its scenarios must be green")
        sound = Trials(snapshot, logs).run(needed(UNHARMED, chosen), at_once=at_once, tell=tell)
        if any(verdict.objections for verdict in sound):
            console.print(f"[red]the unharmed product fails; see {logs}")
            return 1
        console.print(f"{len(chosen)} mutants, {at_once} at a time")
        verdicts = Trials(snapshot, logs).run(chosen, at_once=at_once, tell=tell)
    console.print(table_of(verdicts))
    console.print(f"logs: {logs}")
    caught = sum(not verdict.objections for verdict in verdicts)
    took = spoken_duration(time.monotonic() - began)
    console.print(f"{caught} of {len(verdicts)} mutants caught, in {took}")
    return 0 if caught == len(verdicts) else 1


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
