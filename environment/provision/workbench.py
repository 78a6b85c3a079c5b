"""What is done with the speech engines' packages outside the services: train, test, fetch models.

The host never has those packages. The workbench's image holds them without this repository's
code, which is put into each container as it is: a change of code builds nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import docker

from environment.console import Progress
from environment.errors import ImageUnavailable, NameTaken
from environment.provision.base_image import ensure_base
from environment.provision.build_context import Source, take_snapshot
from environment.provision.errand import Errand, Outcome, run_errand
from environment.provision.images import MODELS, STS_SERVICE, WORKBENCH, ensure_built
from environment.provision.pip_config import CA_IN_CONTAINER, read_pip_config
from environment.provision.registry import Registry
from environment.settings import REPO_ROOT, Settings
from environment.stack.blueprint import MODELS_FOLDER, POCKET_FOLDER
from environment.stack.engine_calls import engine_called
from environment.stack.ownership import Owner

TRAINING_VOLUME: Final = "dubspec-training"
"""Where `make models` keeps its checkpoints, so that one that was interrupted goes on."""

TESTED_PROFILES: Final = ("pocket", "embedded")

TRAINING_TIMEOUT_S: Final = 6 * 3600.0
ENGINE_TESTS_TIMEOUT_S: Final = 1800.0
PULL_TIMEOUT_S: Final = 2 * 3600.0

_BATCHES_AHEAD: Final = "1g"
"""Two trainings hand themselves a few batches ahead, each of some 6 MB, from process to process."""

_HERE: Final = PurePosixPath("/work")
_RESULTS: Final = PurePosixPath("artifacts/results/engines")
_PULLING_NEEDS: Final = ("HF_ENDPOINT", "HF_TOKEN")
_CODE: Final = Source(
    "workbench-code",
    PurePosixPath("fixtures/training"),
    contents=tuple(
        PurePosixPath(path)
        for path in (
            "environment",
            "fixtures",
            "services",
            "tests",
            "pyproject.toml",
        )
    ),
)
_ENGINE_TESTS: Final = f"""
# The tests meet the models where the service has them.
python3 services/sts-service/unpack_models.py {MODELS} {POCKET_FOLDER} >/dev/null || exit
status=0
for profile in $PROFILES; do
    echo "== engines of the profile $profile"
    python3 -m pytest tests/engines --profile "$profile" -p no:cacheprovider \\
        --junitxml {_RESULTS}/$profile.xml "$@" || status=$?
done
exit $status
"""

Tell = Callable[[bytes], object]


def to_stdout(said: bytes) -> None:
    """Pass on what a container says, at once."""
    sys.stdout.buffer.write(said)
    sys.stdout.buffer.flush()


def to_nobody(_said: bytes) -> None:
    """Pass nothing on: its end is in the outcome."""


def ensure_workbench(client: docker.DockerClient, settings: Settings, progress: Progress) -> str:
    """The workbench's image, built if it is not there.

    Raises:
        ImageUnavailable: it cannot be built.
    """
    base = ensure_base(client, settings, Registry(client), progress)
    return ensure_built(client, WORKBENCH, base, progress)


def train_models(
    client: docker.DockerClient, image: str, arguments: Sequence[str], *, tell: Tell = to_stdout
) -> Outcome:
    """Run `python -m fixtures.training`, by default all of it; what it packed comes to the host.

    Interrupted, it goes on from its last checkpoint next time: they are in `TRAINING_VOLUME`.

    Raises:
        NameTaken: another training, whosever it is, is under way in that volume.
    """
    _refuse_beside_another(client)
    command = ("python3", "-m", "fixtures.training", *(arguments or ("all",)))
    return run_errand(
        client,
        Errand(
            name="training",
            image=image,
            command=command,
            timeout_s=TRAINING_TIMEOUT_S,
            environment=_workplace(),
            files=_code(),
            volumes={TRAINING_VOLUME: str(_HERE / ".training")},
            brought_back={str(_HERE / MODELS): REPO_ROOT / MODELS},
            user="root",
            working_dir=str(_HERE),
            shared_memory=_BATCHES_AHEAD,
        ),
        Owner.current("training"),
        tell,
    )


def _refuse_beside_another(client: docker.DockerClient) -> None:
    with engine_called(client):
        others = client.containers.list(
            filters={"volume": TRAINING_VOLUME, "status": ["running", "paused"]},
            ignore_removed=True,
        )
    if others:
        raise NameTaken(
            f"The container {others[0].name} is training in the volume {TRAINING_VOLUME}, and two "
            "would write over each other's checkpoints.",
            remedy="wait for its end, or interrupt that `make models` (if it is gone: "
            f"`docker stop {others[0].name}`); the next one goes on from its last checkpoint.",
        )


def run_engine_tests(
    client: docker.DockerClient,
    image: str,
    arguments: Sequence[str],
    *,
    profiles: Sequence[str] = TESTED_PROFILES,
    tell: Tell = to_stdout,
) -> Outcome:
    """Run pytest over tests/engines for each profile, with `arguments`; 0 when all passed.

    Its JUnit results come to artifacts/results/engines, a file per profile.
    """
    return run_errand(
        client,
        Errand(
            name="engine-tests",
            image=image,
            command=("sh", "-c", _ENGINE_TESTS, "sh", *arguments),
            timeout_s=ENGINE_TESTS_TIMEOUT_S,
            environment={**_workplace(), "PROFILES": " ".join(profiles)},
            files=_code(),
            brought_back={str(_HERE / _RESULTS): REPO_ROOT / _RESULTS},
            even_failed=True,
            user="root",
            working_dir=str(_HERE),
        ),
        Owner.current("engine-tests"),
        tell,
    )


def pull_models(
    client: docker.DockerClient,
    settings: Settings,
    progress: Progress,
    *,
    brought: Path | None = None,
    tell: Tell = to_stdout,
) -> Outcome:
    """Fill the models' volume from the hubs, or from the folder `brought`, and load each model.

    Runs sts-service's own program, in its image, with this host's proxies and certificates.

    Raises:
        ImageUnavailable: the image cannot be built, or `brought` is no folder.
    """
    if brought is not None and not brought.is_dir():
        raise ImageUnavailable(
            f"There is no folder {brought}.", remedy="make pull-models FROM=<folder with models>."
        )
    base = ensure_base(client, settings, Registry(client), progress)
    image = ensure_built(client, STS_SERVICE, base, progress)
    pip = read_pip_config()
    chosen = {
        "ASR_MODEL": settings.asr_model,
        "TRANSLATION_MODEL": settings.translation_model,
        "TTS_MODEL": settings.tts_model,
        **{name: os.environ.get(name, "") for name in _PULLING_NEEDS},
    }
    inside = "/bring"
    return run_errand(
        client,
        Errand(
            name="pull-models",
            image=image,
            command=(
                # Downloads of a gigabyte may show how far they are.
                *("env", "-u", "HF_HUB_DISABLE_PROGRESS_BARS"),
                *("python3", "-m", "sts_service.models", "pull"),
                *(("--from", inside) if brought is not None else ()),
            ),
            timeout_s=PULL_TIMEOUT_S,
            environment={
                **{name: value for name, value in pip.environment.items() if "PIP" not in name},
                "STS_PROFILE": "neural",
                "STS_MODELS_VOLUME": settings.e2e_models_volume,
                **{name: value for name, value in chosen.items() if value},
            },
            # Not pip's configuration, which may hold a password: it has nothing to install.
            files={path: file for path, file in pip.files.items() if path == CA_IN_CONTAINER},
            volumes={settings.e2e_models_volume: MODELS_FOLDER},
            folders={brought.resolve(): inside} if brought is not None else {},
            on_host_network=True,
        ),
        Owner.current("pull-models"),
        tell,
    )


def _workplace() -> dict[str, str]:
    return {
        "PYTHONPATH": f"{_HERE}:{_HERE / 'services/sts-service'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _code() -> dict[str, bytes]:
    """What training and tests import of this repository, as it is now, at its path inside."""
    present = tuple(path for path in _CODE.contents if (_CODE.root / path).exists())
    source = Source(_CODE.name, _CODE.folder, present)
    files = {str(_HERE / path): content for path, _, content in take_snapshot(source).files}
    return files | {str(_HERE / _RESULTS / ".keep"): b""}
