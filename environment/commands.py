"""What `python -m environment <command>` does, command by command."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import docker
from docker.errors import APIError
from docker.models.images import Image

from environment.console import Progress
from environment.errors import ToolUnavailable
from environment.evidence.artifacts import (
    STACK_LOGS,
    RunArtifacts,
    gather,
    new_run_id,
    save_container_logs,
)
from environment.evidence.report import shown
from environment.provision.engine import ensure_engine, find_engine
from environment.provision.images import LABEL, ImageSet, ensure_images
from environment.provision.locks import SETUP_FOLDER
from environment.provision.setup import SPEECH_TOOLS, STREAM_TOOLS, ensure_host_tools
from environment.provision.sizes import image_table
from environment.provision.wheelhouse import LABEL as WHEELS_LABEL
from environment.provision.workbench import (
    TESTED_PROFILES,
    TRAINING_VOLUME,
    ensure_workbench,
    pull_models,
    run_engine_tests,
    train_models,
)
from environment.settings import REPO_ROOT, Settings, load_settings
from environment.stack.ownership import KEPT_RUN, Owner, taken_down_by
from environment.stack.production import ProductionStack
from environment.stack.reaper import reap, remove_all, remove_kept
from environment.stack.sweeping import sweep_in_turn
from environment.stack.system import System, describe

CLIP = "fixtures/streams/30s-english-counting.mp4"
_CACHES = (".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")


def setup(progress: Progress, purpose: str) -> int:
    """Install and build what `purpose` needs: `e2e` or `test`.

    Unit tests that need the speech programs skip themselves, so they are wanted, not needed.
    """
    settings = load_settings()
    if purpose == "test":
        ensure_host_tools(progress, STREAM_TOOLS)
        try:
            ensure_host_tools(progress, SPEECH_TOOLS)
        except ToolUnavailable as error:
            progress.line(f"       going on without the speech programs: {error}")
        return 0
    client = ensure_engine(progress)
    ensure_host_tools(progress, STREAM_TOOLS)
    _say_images(progress, ensure_images(client, settings, progress))
    return 0


def images(progress: Progress, *, sizes: bool = False) -> int:
    """Pull or build the images, and print what the containers will be made of.

    With `sizes`: how large the services' images are, part by part.
    """
    settings = load_settings()
    client = ensure_engine(progress)
    found = ensure_images(client, settings, progress)
    for name, reference in (
        ("base", found.base),
        ("media server", found.media_server),
        ("media-service", found.media_service),
        ("sts-service", found.sts_service),
    ):
        print(f"{name:<14} {reference}")
    for reference in (found.media_service, found.sts_service) if sizes else ():
        print(f"\n{image_table(client, reference)}")
    return 0


def up(progress: Progress) -> int:
    """Start the system, leave it running, and say where it listens and what to try."""
    settings = load_settings()
    client = ensure_engine(progress)
    ensure_host_tools(progress, STREAM_TOOLS)
    image_set = ensure_images(client, settings, progress)
    sweep_in_turn(client)
    if removed := remove_kept(client, _kept_run(settings)):
        progress.line(f"removed what an earlier `up` left running: {', '.join(removed)}")
    owner = Owner.current(_kept_run(settings), kept=True)
    stack = ProductionStack(client, image_set, settings, owner)
    try:
        with progress.step("start the system"):
            stack.start()
    except BaseException as error:
        try:
            if isinstance(error, Exception):
                _keep_logs(progress, stack, error)
        finally:
            reap(client, owner)
        raise
    print(_where_it_listens(stack, describe(stack)))
    return 0


def down(progress: Progress, *, everything: bool = False) -> int:
    """Remove what `up` left running under this E2E_RUN_ID, and what dead runs left.

    With `everything`: all of every run, living ones too.
    """
    client = find_engine()
    if client is None:
        progress.line("No Docker engine answers, so nothing of ours runs.")
        return 0
    if everything:
        removed = remove_all(client)
    else:
        removed = [*remove_kept(client, _kept_run(load_settings())), *sweep_in_turn(client)]
    print(f"removed: {', '.join(removed)}" if removed else "nothing was running")
    return 0


def config() -> int:
    """Print every variable as a line of an .env file, with its meaning."""
    for variable in load_settings().variables():
        changed = "" if variable.value == variable.default else f"; default {variable.default!r}"
        print(f"{f'{variable.name}={variable.value}':<48} # {variable.meaning}{changed}")
    return 0


def fixtures(progress: Progress, arguments: Sequence[str]) -> int:
    """Make the clips anew; `arguments` go to the program that makes them."""
    ensure_host_tools(progress, (*STREAM_TOOLS, *SPEECH_TOOLS))
    from fixtures.make_streams import main  # noqa: PLC0415 - brings numpy and PyAV

    return main(arguments)


def models(progress: Progress, arguments: Sequence[str]) -> int:
    """Train the pocket models in the workbench; `arguments` go to the program that does it."""
    client = ensure_engine(progress)
    image = ensure_workbench(client, load_settings(), progress)
    sweep_in_turn(client)
    return train_models(client, image, arguments).status


def engines(progress: Progress, profile: str | None, arguments: Sequence[str]) -> int:
    """Run the contract tests of the speech engines in the workbench, for one profile or for both.

    `arguments` go to pytest.
    """
    client = ensure_engine(progress)
    image = ensure_workbench(client, load_settings(), progress)
    sweep_in_turn(client)
    profiles = TESTED_PROFILES if profile is None else (profile,)
    return run_engine_tests(client, image, arguments, profiles=profiles).status


def pull(progress: Progress, brought: str | None) -> int:
    """Fill the volume of the full models, from the hubs or from a folder that was brought."""
    settings = load_settings()
    client = ensure_engine(progress)
    sweep_in_turn(client)
    folder = Path(brought).expanduser() if brought else None
    return pull_models(client, settings, progress, brought=folder).status


def suite(progress: Progress, jobs: int, arguments: Sequence[str]) -> int:
    """Run the suite in `jobs` processes side by side; `arguments` go to behave."""
    from environment.shards.run import run_shards  # noqa: PLC0415 - brings scipy

    return run_shards(progress, load_settings(), jobs=jobs, arguments=arguments)


def soak(
    progress: Progress, runs: int, arguments: Sequence[str], *, jobs: int = 1, go_on: bool = False
) -> int:
    """Run the suite `runs` times and print its pass rate; `arguments` go to behave (SC-007)."""
    from environment.soak.soak import soak as run_soak  # noqa: PLC0415 - brings scipy

    return run_soak(
        progress, load_settings(), runs=runs, jobs=jobs, go_on=go_on, arguments=arguments
    )


def clean(progress: Progress) -> int:
    """Remove the containers, the images, the wheels, the evidence and the tools' caches.

    Volumes with models stay: what was brought by hand or trained for hours is not made anew in
    minutes.
    """
    client = find_engine()  # one that does not run is not started for this
    if client is not None:
        down(progress)
        for container in client.containers.list(all=True, filters={"label": WHEELS_LABEL}):
            container.remove(force=True, v=True)
        for image in client.images.list(filters={"label": LABEL}):
            _remove_image(client, image, progress)
        for volume in (load_settings().e2e_models_volume, TRAINING_VOLUME):
            if client.volumes.list(filters={"name": f"^{volume}$"}):
                progress.line(f"kept    volume {volume}; `docker volume rm {volume}` removes it")
    # Last: what was done before makes lock files there.
    folders = [REPO_ROOT / "artifacts", SETUP_FOLDER, *(REPO_ROOT / name for name in _CACHES)]
    for folder in folders:
        if folder.is_dir():
            shutil.rmtree(folder)
            progress.line(f"removed {folder.relative_to(REPO_ROOT)}/")
    return 0


def _remove_image(client: docker.DockerClient, image: Image, progress: Progress) -> None:
    for reference in image.tags or [image.id or ""]:
        try:
            client.images.remove(reference)
        except APIError as error:
            progress.line(f"kept    {reference}: {error.explanation}")
        else:
            progress.line(f"removed {reference}")


def _keep_logs(progress: Progress, stack: ProductionStack, error: Exception) -> None:
    """Leave the containers' logs where a run of the suite leaves them; they go with these."""

    def keep() -> None:
        if all(container.status == "absent" for container in stack.containers.values()):
            return
        settings = stack.settings
        store = RunArtifacts(settings.artifacts_root, new_run_id(settings.e2e_run_id))
        store.log("up_failed", error=str(error).splitlines()[0] if str(error) else None)
        store.log.close()
        save_container_logs(stack, store.folder / STACK_LOGS, since=0.0)
        progress.line(f"the containers' logs: {shown(store.folder / STACK_LOGS, REPO_ROOT)}/")

    for trouble in gather("the containers' logs could not be kept", keep):
        progress.line(trouble)


def _kept_run(settings: Settings) -> str:
    return settings.e2e_run_id or KEPT_RUN


def _say_images(progress: Progress, found: ImageSet) -> None:
    stand_in = " (stand-in)" if found.media_server_is_stand_in else ""
    progress.line(
        f"images: {found.media_server}{stand_in}, {found.media_service}, {found.sts_service}"
    )


def _where_it_listens(stack: ProductionStack, system: System) -> str:
    server = "the stand-in for MediaMTX" if system.is_stand_in else "MediaMTX"
    service: Callable[[str], str] = stack.media_service.url
    source, dubbed = stack.rtmp_url("live/hello/in"), stack.rtmp_url("live/hello/out")
    sts = f"{stack.sts_url}/health"
    return f"""
The system is up: {server}, media-service, sts-service.
  speech           {system.speech}

  publish here     {stack.rtmp_url("live/<name>/in")}
  it comes dubbed  {stack.rtmp_url("live/<name>/out")}   (some 8 s later)
  media server     {stack.api_url}/v3/paths/list
  media-service    {service("/v1/streams")}  {service("/metrics")}
  sts-service      {sts}  {stack.sts_url}/metrics

To try, in two terminals, the second one some 8 s after the first:

  ffmpeg -re -i {CLIP} -c copy -f flv -flvflags no_duration_filesize {source}
  ffplay {dubbed}

`{taken_down_by(_kept_run(stack.settings))}` removes it.
"""
