"""The page on configuration, docs/configuration.md, made from the settings themselves (FR-041).

python -m environment.configuration            write docs/configuration.md
python -m environment.configuration --check    exit status 1 if it is not current
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from types import NoneType
from typing import Any, Final, Literal, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from environment.settings import REPO_ROOT, Schemes, Settings

PAGE: Final = REPO_ROOT / "docs" / "configuration.md"

SECTIONS: Final = {
    "e2e_env_file": (
        "The suite",
        "What it is called, where it may listen, how patient it is, what it leaves behind.",
    ),
    "sts_service_url": (
        "Where the services find each other",
        "Seen from inside the containers, by the names on their network; `localhost` is the host.",
    ),
    "log_level": ("media-service", "The first is the log level of both services."),
    "sts_profile": (
        "sts-service",
        "Which engines hear, translate and speak, and how hard they work.",
    ),
}
"""The page's sections: the field that each begins with, its heading, a sentence."""

_HEAD: Final = """\
# Configuration

Made by `python -m environment.configuration` from `environment/settings.py`; do not edit.

Every setting is an environment variable; all have defaults, so none is needed. Lines of `.env` at
the repository's root say the same; the environment wins over the file, and `E2E_ENV_FILE` names
another file. An empty variable is as good as none. `make config` prints every variable as it
stands, in the form of such a file. A value that cannot be used ends the run before anything is
started, in one line that names the variable.

## Examples

```sh
# other host ports, where the usual ones are taken
MEDIAMTX_RTMP_PORT=1936 MEDIA_SERVICE_PORT=8081 make e2e

# whatever ports are free
E2E_DYNAMIC_PORTS=1 make e2e

# a build of many on one machine: its own names, network and ports
E2E_RUN_ID=build-4711 E2E_NETWORK_NAME=ci-4711 E2E_DYNAMIC_PORTS=1 make e2e

# a speech service that already runs: on this host, or on a network that is there
STS_SERVICE_URL=http://localhost:8000 make e2e
STS_SERVICE_URL=http://sts-prod:8000 E2E_NETWORK_NAME=staging make e2e

# the same from a file, kept beside the pipeline's other files
printf '%s\\n' E2E_RUN_ID=build-4711 E2E_DYNAMIC_PORTS=1 STS_PROFILE=embedded > ci.env
E2E_ENV_FILE=ci.env make e2e

# a slow machine: waits last longer, the specification's bounds stay
E2E_TIMEOUT_MULTIPLIER=3 make e2e

# longer segments, and streams that fail once STS is given up
SEGMENT_DURATION_S=8 STS_UNAVAILABLE_POLICY=fail make up
```
"""
_TABLE: Final = """\
| variable | default | values | meaning |
|---|---|---|---|"""


def render() -> str:
    """Write the page: the examples, then a table of variables for each section."""
    parts = [_HEAD]
    rows: list[str] = []
    for name, field in Settings.model_fields.items():
        if name in SECTIONS:
            heading, sentence = SECTIONS[name]
            rows = [f"## {heading}\n\n{sentence}\n\n{_TABLE}"]
            parts.append("")
        rows.append(_row(name, field))
        parts[-1] = "\n".join([*rows, ""])
    return "\n".join(parts)


def values(field: FieldInfo) -> str:
    """Say in words what a variable may hold."""
    kind = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" if choice else "nothing" for choice in get_args(kind))
    if kind is bool:
        return "`0` or `1`"
    if schemes := next((m for m in field.metadata if isinstance(m, Schemes)), None):
        return f"a URL, {' or '.join(f'`{name}://`' for name in schemes.names)}"
    what = {int: "a whole number", float: "a number", str: "text"}.get(_plain(kind), "text")
    limits = ", ".join(_limits(field.metadata))
    return f"{what}, {limits}" if limits else what


def main(argv: list[str] | None = None) -> int:
    """Write the page, or with ``--check`` say whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m environment.configuration")
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    wanted, made = parser.parse_args(argv), render()
    if not wanted.check:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(made)
        return 0
    if PAGE.is_file() and PAGE.read_text() == made:
        return 0
    print("docs/configuration.md is not current. Remedy: `python -m environment.configuration`.")
    return 1


def _row(name: str, field: FieldInfo) -> str:
    default = {variable.name: variable.default for variable in _DEFAULTS}[name.upper()]
    shown = f"`{default}`" if default else ""
    cells = (f"`{name.upper()}`", shown, values(field), field.description or "")
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _limits(metadata: list[Any]) -> Iterator[str]:
    for limit in metadata:
        match limit:
            case annotated_types.Ge(ge=bound):
                yield f"at least {bound:g}"
            case annotated_types.Gt(gt=bound):
                yield f"above {bound:g}"
            case annotated_types.Le(le=bound):
                yield f"at most {bound:g}"
            case annotated_types.Lt(lt=bound):
                yield f"below {bound:g}"
            case _ if getattr(limit, "pattern", None):
                yield f"matching `{limit.pattern}`"


def _plain(kind: Any) -> Any:
    return next((part for part in get_args(kind) if part is not NoneType), kind)


_DEFAULTS: Final = Settings.model_construct().variables()

if __name__ == "__main__":
    sys.exit(main())
