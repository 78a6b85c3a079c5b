"""One figure against its bounds, and how figures are shown and kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from environment.session import Session


@dataclass(frozen=True)
class Row:
    """One figure: what it is, its unit, the specification's bound if any, ours, what was seen.

    ``measured`` is None where there was nothing to measure, which misses every bound.
    """

    what: str
    unit: str
    specified: float | None
    bound: float
    measured: float | None
    remark: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure is within our bound; signed figures count by their size."""
        return self.measured is not None and abs(self.measured) <= self.bound


def table_of(rows: Sequence[Row]) -> Table:
    """Lay the rows out for a terminal."""
    table = Table(title="One 30 s clip, published, dubbed and recorded")
    table.add_column("what")
    for column in ("specification", "here", "measured"):
        table.add_column(column, justify="right")
    table.add_column("")
    for row in rows:
        table.add_row(
            row.what,
            "none" if row.specified is None else f"{row.specified:g} {row.unit}",
            f"{row.bound:g} {row.unit}",
            "nothing" if row.measured is None else f"{row.measured:.4g} {row.unit}",
            "met" if row.met else f"[red]MISSED[/] {escape(row.remark)}",
        )
    return table


def write(rows: Sequence[Row], path: Path, session: Session) -> None:
    """Write the figures as JSON, with what they were measured on."""
    document = {
        "run": session.run_id,
        "media_server": session.system().media_server,
        "speech": session.system().speech,
        "rows": [{**asdict(row), "met": row.met} for row in rows],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
