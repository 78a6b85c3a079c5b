"""Proofs about the models of an sts-service: which it has loaded, or why it has not.

Each raises ``ExpectationFailed`` with what was expected, seen, and where to look.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from environment.expectations import expect
from environment.stack.containers import StsServiceContainer
from environment.waiting import wait_for

_DIGEST: Final = re.compile(r"@[0-9a-f]{8}$")
_LOADED: Final = "models_loaded"
_ABSENT: Final = "is not in the volume"


def model_lacking(log: str) -> str | None:
    """What the log of a service that ended says of a model that is not there; None: nothing.

    One that is there and damaged, or cannot be loaded, is not lacking.
    """
    for line in log.splitlines():
        try:
            said = json.loads(line)
        except json.JSONDecodeError:
            continue
        error = said.get("error") if isinstance(said, dict) else None
        if isinstance(error, str) and _ABSENT in error:
            return error
    return None


def prove_models_named(
    health: Mapping[str, Any], names: Mapping[str, str], checkpoint: Path
) -> None:
    """/health has the profile neural, and these models by stage; `checkpoint` is the first's file.

    Behind each name are the first digits of its content's SHA-256; for a single file anyone can
    compute them.
    """
    models: Mapping[str, str] = health["models"]
    digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    expect(
        health["profile"] == "neural"
        and {stage: _DIGEST.sub("", model) for stage, model in models.items()} == dict(names)
        and all(map(_DIGEST.search, models.values()))
        and models["asr"].endswith(f"@{digest[:8]}"),
        expected=f"profile neural with {dict(names)}, the first with @{digest[:8]}",
        seen=(health["profile"], dict(models)),
        hint="sts_service/models/store.py finds and names the models.",
    )


def wait_ended(service: StsServiceContainer, timeout_s: float) -> None:
    """Wait until it has ended by itself; it may take as long as its models might have taken."""
    wait_for(
        f"{service.name} to end",
        lambda: service.exit_code is not None,
        timeout_s=timeout_s,
        evidence=service.evidence,
    )


def prove_ended_unloaded(service: StsServiceContainer) -> None:
    """It has ended with an error, before any engine was loaded."""
    log = service.logs()
    expect(
        service.exit_code and _LOADED not in log,
        expected="an exit status other than 0, and no engine loaded",
        seen=f"exit status {service.exit_code}; {log[-1500:]}",
        hint="sts_service/engines/registry.py loads what is named, or nothing.",
    )


def prove_complaint(log: str, *words: str) -> None:
    """One line of the log has all of these words, so that its reader knows what to do."""
    expect(
        any(all(word in line for word in words) for line in log.splitlines()),
        expected=f"one line with {', '.join(words)}",
        seen=log[-1500:],
        hint="sts_service/models/store.py words the error.",
    )
