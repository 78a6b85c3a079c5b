"""What a scenario leaves to chance, so that it can be repeated: a seed that is told."""

from __future__ import annotations

import random
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from environment.settings import Settings
    from environment.stack.topology import EventSink

_SEEDS: Final = 1_000_000


def roll(what: str, settings: Settings, on_event: EventSink) -> random.Random:
    """A source of numbers for ``what``: E2E_CHAOS_SEED decides them, or else the moment.

    The seed is told as the event ``seed_chosen``; the same seed gives the same numbers for the same
    ``what``.
    """
    seed = settings.e2e_chaos_seed or 1 + secrets.randbelow(_SEEDS)
    on_event("seed_chosen", what=what, seed=seed, repeat=f"E2E_CHAOS_SEED={seed}")
    return random.Random(f"{what}/{seed}")  # noqa: S311 - no secret depends on it
