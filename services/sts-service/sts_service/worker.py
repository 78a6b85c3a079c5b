"""What runs inside a worker process: the engines, loaded once, and the work on a fragment."""

import atexit
import os
import sys
from dataclasses import replace

import structlog

from sts_service.engines.base import EngineLoadError
from sts_service.engines.registry import EngineInfo, Engines, Selection, describe, load
from sts_service.job import FragmentJob, Progress
from sts_service.logs import configure_logging
from sts_service.pipeline import advance

_log = structlog.get_logger()


NICENESS = 5
"""Workers compute without a pause: whoever answers the clients goes first, on however few cores."""


class _Loaded:
    """The process's engines, or why it has none."""

    engines: Engines | None = None
    info: EngineInfo | None = None
    error: str = "the engines were never loaded"


def prepare(selection: Selection, log_level: str, yielding: bool = False) -> None:
    """Load the engines; a failure is kept for ``report``, since nobody hears an initialiser.

    ``yielding`` workers give the processor up as soon as another process wants it.
    """
    os.nice(NICENESS)
    configure_logging(log_level)
    if yielding:
        _give_way()
    try:
        engines = load(selection)
    except EngineLoadError as error:
        _Loaded.error = str(error)
        return
    except Exception as error:  # noqa: BLE001 - outermost edge: an engine's program failed, say
        _log.exception("engines_not_loaded")
        _Loaded.error = f"{type(error).__name__}: {error}"
        return
    _Loaded.engines = engines
    _Loaded.info = describe(selection, engines)
    atexit.register(engines.close)


def _give_way() -> None:
    if sys.platform != "linux":
        return
    try:
        # Niceness shares time out, but lets who wakes up wait: for some 3 ms at each packet.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    except OSError as error:
        # Slower answers are better than none: a sandbox need not allow it.
        _log.warning("worker_cannot_yield", error=str(error))


def report() -> EngineInfo:
    """Say what was loaded, or raise why nothing was."""
    if _Loaded.info is None:
        raise EngineLoadError(_Loaded.error)
    return _Loaded.info


def run(job: FragmentJob, progress: Progress) -> Progress:
    """Run one stage; ``EngineLoadError`` where there are no engines.

    Sound comes and goes as the wire has it: what codes it here is no work of the event loop's.
    """
    if _Loaded.engines is None:
        raise EngineLoadError(_Loaded.error)
    progress = advance(_Loaded.engines, job, progress)
    if progress.stage is not None:
        return progress
    outcome = progress.outcome.for_the_wire(
        sample_rate_hz=job.sample_rate_hz, channels=job.channels
    )
    return replace(progress, outcome=outcome)
