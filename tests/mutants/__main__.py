"""``python -m tests.mutants``: every sabotage must turn its scenarios red."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.table import Table

from tests.mutants.catalogue import MUTANTS, UNHARMED
from tests.mutants.runner import ROOT, Verdict, snapshot_of_product, try_mutant


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


def main() -> int:
    """Run the chosen mutants; return 1 if one stayed green or the unharmed product failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants to try (default: all)")
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    by_name = {mutant.name: mutant for mutant in MUTANTS}
    if arguments.list:
        for mutant in MUTANTS:
            console.print(f"{mutant.name}: {mutant.story}")
        return 0
    if unknown := set(arguments.names) - by_name.keys():
        parser.error(f"no such mutant: {', '.join(sorted(unknown))} (see --list)")
    logs = ROOT / "artifacts" / "mutants"
    logs.mkdir(parents=True, exist_ok=True)

    with snapshot_of_product() as snapshot:
        console.print("the unharmed product first: its scenarios must be green")
        unharmed = try_mutant(UNHARMED, snapshot, logs)
        if unharmed.objections:
            console.print("[red]" + "\n".join(unharmed.objections))
            console.print(f"see {unharmed.log}")
            return 1
        verdicts = []
        for mutant in [by_name[name] for name in arguments.names] or MUTANTS:
            console.print(f"{mutant.name}: {mutant.story} …")
            verdicts.append(try_mutant(mutant, snapshot, logs))
            console.print("  " + ("; ".join(verdicts[-1].objections) or "caught"))
    console.print(table_of(verdicts))
    console.print(f"logs: {logs}")
    caught = sum(not verdict.objections for verdict in verdicts)
    console.print(f"{caught} of {len(verdicts)} mutants caught")
    return 0 if caught == len(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
