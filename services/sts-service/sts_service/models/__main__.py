"""``python3 -m sts_service.models``: fill the store, or see that a profile's engines load."""

import argparse
import sys
from pathlib import Path

from sts_service.engines.base import EngineLoadError
from sts_service.library_environment import prepare_environment
from sts_service.models.check import check
from sts_service.models.errors import ModelError
from sts_service.models.hub import allow_downloads
from sts_service.models.pull import pull, wanted_models
from sts_service.settings import Settings, SettingsError, read_settings


def main(arguments: list[str] | None = None) -> int:
    """Run the program; 1 means that a model is not there, 2 that the call makes no sense."""
    asked = _parser().parse_args(arguments)
    try:
        settings = read_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    prepare_environment()
    try:
        if asked.command == "pull":
            _pull(settings, asked.brought)
        else:
            _check(settings)
    except (ModelError, EngineLoadError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m sts_service.models", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    pulling = commands.add_parser(
        "pull",
        help="put the full models (or those that ASR_MODEL, TRANSLATION_MODEL and TTS_MODEL "
        "name) into STS_MODELS_DIR, and load each",
    )
    pulling.add_argument(
        "--from",
        dest="brought",
        type=Path,
        metavar="DIR",
        help="a folder that has them, instead of the hubs",
    )
    commands.add_parser("check", help="load the engines that STS_PROFILE and its fellows name")
    return parser


def _pull(settings: Settings, brought: Path | None) -> None:
    options = settings.selection.options
    if brought is None:
        # Before the first trial imports a library that asks whether it may.
        allow_downloads()
    elif not brought.is_dir():
        raise ModelError(f"there is no folder {brought}")
    for wanted in wanted_models(settings.selection):
        print(f"{wanted.name} ({wanted.stage.value}) ...", flush=True)
        pulled = pull(wanted, options, brought=brought)
        word = "stored" if pulled.fresh else "already there"
        print(f"  {word}: {pulled.identity} at {pulled.model.path}", flush=True)
        print(f"  loads in {pulled.checked.load_s:.1f} s", flush=True)
    print(f"the volume {options.models_volume} ({options.models_dir}) has all three models")


def _check(settings: Settings) -> None:
    selection = settings.selection
    for stage, choice in selection.choices().items():
        checked = check(stage, choice, selection.options)
        print(
            f"{stage.value}: {checked.label}, loaded in {checked.load_s:.1f} s, "
            f"the process now has {checked.resident_mb} MB",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
