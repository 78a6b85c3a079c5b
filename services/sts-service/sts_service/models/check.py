"""Loading engines as the service does, to see that their models are whole, and what they cost."""

import time
from dataclasses import dataclass

from services.contracts import Stage
from sts_service.engines.base import EngineOptions, Recognizer, Synthesizer, Translator
from sts_service.engines.registry import Choice, load_engine


@dataclass(frozen=True)
class Checked:
    """An engine that loads; ``resident_mb`` is the whole process's memory after it."""

    stage: Stage
    label: str
    load_s: float
    resident_mb: int


def check(stage: Stage, choice: Choice, options: EngineOptions) -> Checked:
    """Load a stage's engine and let it go; ``EngineLoadError`` if it cannot be loaded."""
    started = time.monotonic()
    engine = load_engine(stage, choice, options)
    load_s = time.monotonic() - started
    resident_mb = _resident_mb()
    if not isinstance(engine, Recognizer | Translator | Synthesizer):
        raise TypeError(f"{choice.provider} is no engine")
    engine.close()
    return Checked(stage, f"{engine.name}:{engine.model}", load_s, resident_mb)


def _resident_mb() -> int:
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - no real file
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
    return 0
