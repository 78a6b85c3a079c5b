"""The wire's contract, held after every scenario: what is accepted, and what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from environment.expectations import ExpectationFailed
from environment.proofs.contract_proofs import prove_wire_kept

if TYPE_CHECKING:
    from environment.runs.observations import Observation

FOLDER = Path("/made")


def event(
    sender: str, name: str, connection: str, violation: str | None = None, **payload: object
) -> Observation:
    seen = SimpleNamespace(sender=sender, event=name, connection=connection)
    made = SimpleNamespace(event=seen, payload=payload, violation=violation, at=1.0)
    return cast("Observation", made)


OURS = event("media", "stream:init", "ours", worker_id="media-service/live-1")
STRANGERS = event("media", "stream:init", "strange", worker_id="harness")


def test_garbage_of_strangers_is_their_own_affair() -> None:
    garbage = event("media", "fragment:data", "strange", "audio: Field required")

    prove_wire_kept([OURS, STRANGERS, garbage], FOLDER)


@pytest.mark.parametrize(
    "broken",
    [
        event("sts", "fragment:processed", "strange", "status: Field required"),
        event("sts", "stream:ready", "ours", "max_inflight: Input should be a valid integer"),
        event("media", "fragment:data", "ours", "audio: Field required"),
    ],
)
def test_what_a_service_broke_is_told_with_event_and_field(broken: Observation) -> None:
    with pytest.raises(ExpectationFailed, match=f"{broken.event.event}.*{broken.violation}"):
        prove_wire_kept([OURS, STRANGERS, broken], FOLDER)
