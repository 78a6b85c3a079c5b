"""Writes the events' JSON Schemas to ``schemas/``: ``python -m services.contracts.export``."""

import json
import sys
from pathlib import Path

from services.contracts.events import WireModel
from services.contracts.observe import OBSERVED_EVENT, ObservedEvent
from services.contracts.registry import CLIENT_EVENTS, SERVER_EVENTS

SCHEMAS = Path(__file__).parent / "schemas"


def rendered() -> dict[str, str]:
    """Return file name -> JSON text for every event of the wire."""
    models: dict[str, type[WireModel]] = {
        **CLIENT_EVENTS,
        **SERVER_EVENTS,
        OBSERVED_EVENT: ObservedEvent,
    }
    return {
        f"{event.replace(':', '_')}.json": json.dumps(
            {**model.model_json_schema(), "title": event}, indent=2, sort_keys=True
        )
        + "\n"
        for event, model in models.items()
    }


def main() -> int:
    """Write the schemas; print the names of those that changed."""
    SCHEMAS.mkdir(exist_ok=True)
    wanted = rendered()
    for stale in {path.name for path in SCHEMAS.glob("*.json")} - wanted.keys():
        (SCHEMAS / stale).unlink()
        print(f"removed {stale}")
    for name, text in wanted.items():
        path = SCHEMAS / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            print(f"wrote {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
